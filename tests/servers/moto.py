"""DynamoDB as moto has it, over real HTTP on a port of its own."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from moto.server import ThreadedMotoServer

from app.ledger.dynamodb.address import Address
from app.ledger.dynamodb.making import TableMaker
from app.ledger.dynamodb.wire import SdkWire, Wire
from tests.fakes.aws import point_sdk_at

REGION = "eu-central-1"


@dataclass
class Dynamodb:
    """Tables of one server. Who uses them needs ``point_sdk`` first."""

    endpoint: str
    made: int = 0
    wire: Wire = field(default_factory=lambda: SdkWire(Address("ledger", REGION)))

    def point_sdk(self, env: pytest.MonkeyPatch) -> None:
        point_sdk_at(self.endpoint, env)
        env.delenv("AWS_ENDPOINT_URL_DYNAMODB", raising=False)

    def create(self) -> str:
        """The URL of an empty table."""
        self.made += 1
        address = Address(f"ledger-{self.made}", REGION)
        TableMaker(self.wire, address).make()
        return f"dynamodb://{address.table}?region={REGION}"


@contextmanager
def dynamodb_server() -> Iterator[Dynamodb]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line a request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield Dynamodb(f"http://{host}:{port}")
    finally:
        server.stop()
