"""What the HTTP fakes share: a threaded server on 127.0.0.1, a log of requests, and faults to order."""

import json
import socket
import ssl
import struct
import threading
from collections import defaultdict, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    """One request as it came in. ``body`` is the decoded JSON or form."""

    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]
    headers: dict[str, str]  # by Their-Name
    raw: str = ""  # the body as it came


@dataclass(frozen=True)
class Answer:
    """A response. ``body`` is sent as JSON, or as it stands when it is text."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """What happens instead of, or after, the real thing.

    ``arrives``: the request takes effect and only its answer is lost or replaced.
    """

    answer: Answer | None = None  # None with neither hang nor reset: a reset
    hang: bool = False  # no answer at all until the fake stops
    arrives: bool = False
    passes: bool = False  # no fault: the next fault of the queue hits a later call


PASS = Fault(passes=True)
RESET = Fault()
HANG = Fault(hang=True)
ARRIVES_THEN_HANGS = Fault(hang=True, arrives=True)
ARRIVES_THEN_RESETS = Fault(arrives=True)


def status(code: int, body: Any = "", **headers: str) -> Fault:
    """A bare HTTP status: ``status(429, Retry_After="3")``."""
    return Fault(Answer(code, body, {name.replace("_", "-"): value for name, value in headers.items()}))


class HttpFake:
    """Use as ``with FakeX() as x: x.url``. Subclasses implement `answer` and `operation`."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.accepted = 0  # connections
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._server = _Server(self)
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def fail(self, operation: str, *faults: Fault) -> None:
        """Queues faults: each of the next calls of the operation takes one."""
        self._faults[operation].extend(faults)

    def mend(self, operation: str) -> None:
        """Takes back the faults that are still queued."""
        self._faults[operation].clear()

    def calls(self, operation: str) -> list[Request]:
        return [request for request in self.requests if self.operation(request) == operation]

    def operation(self, request: Request) -> str:
        raise NotImplementedError

    def answer(self, request: Request) -> Answer:
        raise NotImplementedError

    def handle(self, request: Request) -> Answer | None:
        """None: drop the connection."""
        if self._over.is_set():  # a stopped server must not answer on connections that were kept alive
            return None
        with self._lock:
            self.requests.append(request)
            queue = self._faults[self.operation(request)]
            fault = queue.popleft() if queue else None
            fault = None if fault and fault.passes else fault
            reply = self.answer(request) if fault is None or fault.arrives else None
        if fault is None:
            return reply
        if fault.hang:
            self._over.wait(60)
        return fault.answer

    def __enter__(self) -> Self:
        serve = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        serve.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, fake: HttpFake) -> None:
        self.fake = fake
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.fake.accepted += 1
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up waiting is what the tests ask for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else the body waits 40 ms for the receipt of the headers
    server: _Server

    def log_message(self, *_: object) -> None:
        """The fake keeps its own log."""

    def _serve(self) -> None:
        reply = self.server.fake.handle(self._request())
        if reply is None:
            self._reset()
            return
        text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
        kind = "text/html" if isinstance(reply.body, str) else "application/json"
        data = text.encode()
        self.send_response(reply.status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

    def _request(self) -> Request:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        parts = urlsplit(self.path)
        as_json = "json" in self.headers.get("Content-Type", "")
        body = (json.loads(raw) if as_json else dict(parse_qsl(raw))) if raw else {}
        headers = {name.title(): value for name, value in self.headers.items()}
        return Request(self.command, parts.path, dict(parse_qsl(parts.query)), body, headers, raw)

    def _reset(self) -> None:
        # SO_LINGER with 0 seconds makes the close a RST, as a dying proxy does it.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True
