"""One request to DynamoDB: sent, repeated by the SDK where that helps, its errors put into words."""

import threading
from collections.abc import Mapping
from typing import Any, Protocol

import botocore.session
from botocore.config import Config

from app import __version__
from app.ledger.dynamodb.address import Address
from app.ledger.dynamodb.faults import translate

CONNECTIONS = 24
# With the waits in between, all attempts at one request take less than a term of the lease.
CONNECT, READ, ATTEMPTS = 2.0, 3.0, 4  # seconds, seconds, times


class Wire(Protocol):
    """Raises `LedgerError`, or `Refused` where a condition did not hold."""

    def call(self, operation: str, **params: object) -> Mapping[str, Any]:
        """``operation`` as the SDK has it: ``put_item``."""


class SdkWire:
    """`Wire` over botocore: endpoint and credentials are what its own variables and files say."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._made: Any = None

    def call(self, operation: str, **params: object) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = getattr(self._client(), operation)(**params)
        except Exception as error:
            raise translate(error, action_of(operation), self._address) from None
        return answer

    def _client(self) -> Any:
        """Made when it is first needed, and once: that takes time, and memory."""
        with self._lock:
            if self._made is None:
                session = botocore.session.Session()
                self._made = session.create_client("dynamodb", self._address.region, config=_settings())
            return self._made


def action_of(operation: str) -> str:
    """``PutItem`` of ``put_item``."""
    return "".join(word.capitalize() for word in operation.split("_"))


def _settings() -> Config:
    return Config(
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        connect_timeout=CONNECT,
        read_timeout=READ,
        max_pool_connections=CONNECTIONS,
        user_agent_extra=f"keysteward/{__version__}",
    )
