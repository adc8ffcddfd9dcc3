"""A TCP line between one replica and PostgreSQL, which is cut at a commit: before it, or behind its back."""

import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field

from tests.chaos.board import Dropped, strike
from tests.chaos.clock import real
from tests.chaos.fronts import Stage
from tests.chaos.schedule import Event

WRITES = b"pg_advisory_xact_lock"  # how a writing transaction begins
COMMIT = b"COMMIT\0"
ENDS = (COMMIT, b"ROLLBACK\0")
_RESET = struct.pack("ii", 1, 0)


@dataclass
class LedgerLine:
    """One place's way to the server at ``target``. Until ``cut_until`` (`time.monotonic`) nothing passes."""

    stage: Stage
    place: int
    target: tuple[str, int] = ("127.0.0.1", 0)
    cut_until: float = 0.0
    _open: set["_Wire"] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def cut_off(self, seconds: float) -> None:
        """For so many service seconds."""
        self.cut_until = time.monotonic() + real(seconds)
        with self._lock:
            wires = list(self._open)
        for wire in wires:
            wire.close()

    def forget(self, wire: "_Wire") -> None:
        with self._lock:
            self._open.discard(wire)

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            if time.monotonic() < self.cut_until:
                _reset(client)
                continue
            try:
                server = socket.create_connection(self.target)
            except OSError:
                _reset(client)
                continue
            wire = _Wire(self, client, server)
            with self._lock:
                self._open.add(wire)
            wire.start()


@dataclass(eq=False)
class _Wire:
    """One connection. ``due``: an event that strikes when the server has answered the commit."""

    line: LedgerLine
    client: socket.socket
    server: socket.socket
    is_write: bool = False
    due: Event | None = None

    def start(self) -> None:
        for end in (self.client, self.server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for pump in (self._up, self._down):
            threading.Thread(target=self._guarded, args=(pump,), daemon=True).start()

    def close(self) -> None:
        self.line.forget(self)
        for end in (self.client, self.server):
            _reset(end)

    def _guarded(self, pump: "object") -> None:
        with suppress(OSError, Dropped):
            pump()  # type: ignore[operator]
        self.close()

    def _up(self) -> None:
        while data := self.client.recv(65536):
            if WRITES in data:
                self.is_write = True
            if COMMIT in data:
                self._commit(data)
            else:
                self.server.sendall(data)
            if any(end in data for end in ENDS):
                self.is_write = False

    def _commit(self, data: bytes) -> None:
        board = self.line.stage.town.board
        event = board.asked("ledger", self.line.place, self.is_write)
        if event and event.after:
            self.due = event
        elif event:
            self._strike(event)
        self.server.sendall(data)

    def _down(self) -> None:
        while data := self.server.recv(65536):
            if self.due:
                event, self.due = self.due, None
                self._strike(event)
            self.client.sendall(data)

    def _strike(self, event: Event) -> None:
        if event.what == "partition":
            self.line.cut_off(event.seconds)
        strike(self.line.stage.town.board, event, self.line.place, lambda: None)


def _reset(end: socket.socket) -> None:
    """A close as a dying peer's: with a RST, and whoever waits in a recv wakes."""
    with suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        end.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        end.close()
