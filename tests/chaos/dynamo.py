"""Rounds on DynamoDB: a door before moto's server for each replica, where requests are refused and lost."""

import http.client
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.ledger.open import open_ledger
from app.ledger.tenure import VACANT
from tests.chaos.board import Dropped, strike
from tests.chaos.clock import real
from tests.chaos.fronts import PAGE, Quiet, Stage, reset
from tests.chaos.leases import Taken
from tests.chaos.schedule import Event
from tests.servers.moto import REGION, Dynamodb, dynamodb_server

WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})
PREFIX = "com.amazonaws.dynamodb.v20120810#"
THROTTLED = {"__type": f"{PREFIX}ProvisionedThroughputExceededException", "message": "Rate exceeded"}
OWN_HEADERS = frozenset({"host", "connection", "content-length", "transfer-encoding", "server", "date"})


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes
    headers: dict[str, str]


@dataclass
class Door:
    """One place's way to the server. ``cut_until``: nothing passes before (`time.monotonic`)."""

    stage: Stage
    place: int
    server: Dynamodb
    leases: list[Taken]
    turns: threading.Lock  # of all doors: moto breaks where two threads meet on an item
    cut_until: float = 0.0

    def __post_init__(self) -> None:
        self._listener = Quiet(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._listener.serve_forever, args=(0.5,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.server_address[1]}"

    def answer(self, headers: dict[str, str], body: bytes) -> Reply:
        """Raises `Dropped`."""
        board, replies = self.stage.town.board, list[Reply]()
        operation = headers.get("X-Amz-Target", "").rpartition(".")[2]
        event = board.asked("ledger", self.place, operation in WRITES)
        if event and event.what == "partition":
            self.cut_until = time.monotonic() + real(event.seconds)
        if time.monotonic() < self.cut_until and not (event and event.after):
            raise Dropped

        def effect() -> None:
            with self.turns:
                replies.append(self._forward(headers, body))
                if operation == "UpdateItem" and replies[0].status == 200:
                    self._note_lease(json.loads(body))

        if event is None:
            effect()
            return replies[0]
        strike(board, event, self.place, effect)
        return _spoilt(event, replies[0] if replies else None)

    def _forward(self, headers: dict[str, str], body: bytes) -> Reply:
        line = http.client.HTTPConnection(urlsplit(self.server.endpoint).netloc, timeout=30)
        kept = {name: value for name, value in headers.items() if name.lower() not in OWN_HEADERS}
        line.request("POST", "/", body, kept)
        answer = line.getresponse()
        reply = Reply(answer.status, answer.read(), dict(answer.getheaders()))
        line.close()
        return reply

    def _note_lease(self, request: dict[str, Any]) -> None:
        """The head's item says who may act."""
        values = request.get("ExpressionAttributeValues", {})
        if ":holder" in values:
            self.leases.append(Taken(time.time(), values[":holder"]["S"]))
        elif values.get(":beat") == {"S": VACANT}:
            self.leases.append(Taken(time.time(), ""))


def _spoilt(event: Event, reply: Reply | None) -> Reply:
    if event.what == "broken":
        return Reply(500, PAGE.encode(), {"Content-Type": "text/html"})
    if event.what == "throttle":
        return Reply(400, json.dumps(THROTTLED).encode(), {"Content-Type": "application/x-amz-json-1.0"})
    assert reply
    return reply if event.what != "cut" else Reply(reply.status, reply.body[: len(reply.body) // 2], {})


def _handler(door: Door) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                reply = door.answer(dict(self.headers.items()), body)
            except (Dropped, OSError):
                reset(self)
                return
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                if name.lower() not in OWN_HEADERS:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Quiet."""

    return Handler


@dataclass
class DynamoStore:
    """Tables of one server, a table a round."""

    server: Dynamodb
    doors: list[Door]
    taken: list[Taken] = field(default_factory=list)
    is_a_file = False
    is_web = True
    table: str = ""

    def open(self, folder: Path) -> None:
        self.taken.clear()
        self.table = self.server.create()
        open_ledger(self.table).close()

    def url(self, place: int) -> str:
        return self.table

    def env(self, place: int) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL_DYNAMODB": self.doors[place].url}

    def restart(self) -> None:
        """Nobody can."""

    def leases(self) -> list[Taken]:
        return list(self.taken)

    def holder(self) -> str:
        return self.taken[-1].holder if self.taken else ""

    def close(self) -> None:
        for door in self.doors:
            door.cut_until = 0.0


@contextmanager
def dynamo_store(stage: Stage, places: int) -> Iterator[DynamoStore]:
    """The worker's own requests go to the server itself."""
    with dynamodb_server() as server:
        own = {"AWS_ENDPOINT_URL": server.endpoint, "AWS_DEFAULT_REGION": REGION}
        keys = {"AWS_ACCESS_KEY_ID": "chaos", "AWS_SECRET_ACCESS_KEY": "chaos"}
        os.environ.update({**own, **keys, "AWS_EC2_METADATA_DISABLED": "true"})
        taken, turns = list[Taken](), threading.Lock()
        doors = [Door(stage, place, server, taken, turns) for place in range(places)]
        yield DynamoStore(server, doors, taken)
