"""How one request reaches AWS and comes back: signed, sent once, its answer a plain dictionary."""

from collections.abc import Mapping
from typing import Any, Protocol

from botocore.client import BaseClient
from botocore.credentials import ReadOnlyCredentials

from app.inventory.credentials import CURRENT


class Wire(Protocol):
    """One service's operations at one endpoint, for any account: the credentials come with each call.

    One attempt, nothing is repeated. Answers are shaped as boto3 shapes them, times are aware. Raises what
    botocore raises; `faults.translate` knows it all. Thread-safe; every answer is counted (`watch.py`).
    """

    @property
    def service(self) -> str:
        """The name that permissions begin with: ``iam``."""

    @property
    def endpoint(self) -> str:
        """The URL that requests go to."""

    def action(self, operation: str) -> str:
        """``list_access_keys`` as AWS writes it: ``ListAccessKeys``."""

    def send(
        self, operation: str, params: Mapping[str, object], credentials: ReadOnlyCredentials
    ) -> Mapping[str, Any]: ...

    def close(self) -> None:
        """Hangs up. A call that comes all the same connects anew."""


class SdkWire:
    """`Wire` over a botocore client: every operation there is."""

    def __init__(self, client: BaseClient) -> None:
        self._client = client

    @property
    def service(self) -> str:
        return self._client.meta.service_model.signing_name

    @property
    def endpoint(self) -> str:
        return str(self._client.meta.endpoint_url)

    def action(self, operation: str) -> str:
        return self._client.meta.method_to_api_mapping[operation]

    def send(
        self, operation: str, params: Mapping[str, object], credentials: ReadOnlyCredentials
    ) -> Mapping[str, Any]:
        token = CURRENT.set(credentials)
        try:
            answer: Mapping[str, Any] = getattr(self._client, operation)(**params)
            return answer
        finally:
            CURRENT.reset(token)

    def close(self) -> None:
        self._client.close()
