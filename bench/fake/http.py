"""HTTP/1.1 with as little work a request as Python allows: what is measured shares the cores with it."""

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from typing import NamedTuple

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 410: "Gone"}


class Answer(NamedTuple):
    status: int
    kind: str  # the content type
    body: bytes
    at_once: bool = False  # without latency


Handle = Callable[[bytes, bytes], Answer]  # of a request's head and body


class Latency:
    """Sends each answer a fixed time after its request: one queue in order of time, and one timer."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self.seconds, self._loop = seconds, loop
        self._queue: deque[tuple[float, asyncio.Transport, bytes]] = deque()

    def send(self, transport: asyncio.Transport, data: bytes) -> None:
        due = self._loop.time() + self.seconds
        self._queue.append((due, transport, data))
        if len(self._queue) == 1:
            self._loop.call_at(due, self._flush)

    def _flush(self) -> None:
        now = self._loop.time() + 0.0005
        while self._queue and self._queue[0][0] <= now:
            _, transport, data = self._queue.popleft()
            if not transport.is_closing():
                transport.write(data)
        if self._queue:
            self._loop.call_at(self._queue[0][0], self._flush)


class Connection(asyncio.Protocol):
    """Requests one after the other, each with a Content-Length or no body."""

    def __init__(self, handle: Handle, latency: Latency) -> None:
        self._handle, self._latency = handle, latency
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self._received, 0, end)
            whole = end + 4 + (int(found[1]) if found else 0)
            if len(self._received) < whole:
                return
            head, body = self._received[:end], self._received[end + 4 : whole]
            self._received = self._received[whole:]
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        assert self._transport
        answer = self._handle(head, body)
        data = _head(answer.status, answer.kind, len(answer.body), int(time.time())) + answer.body
        if answer.at_once or not self._latency.seconds:
            self._transport.write(data)
        else:
            self._latency.send(self._transport, data)


@lru_cache(maxsize=512)
def _head(status: int, kind: str, length: int, second: int) -> bytes:
    return (
        f"HTTP/1.1 {status} {REASONS[status]}\r\nDate: {formatdate(second, usegmt=True)}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


async def serve(handle: Handle, port: int, latency: float, ready: Callable[[int], None]) -> None:
    """Until cancelled. ``latency`` in seconds; ``ready`` is told the port."""
    loop = asyncio.get_running_loop()
    delay = Latency(loop, latency)
    server = await loop.create_server(lambda: Connection(handle, delay), "127.0.0.1", port, backlog=4096)
    ready(server.sockets[0].getsockname()[1])
    await server.serve_forever()
