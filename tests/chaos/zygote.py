"""A warm process that forks replicas: a start costs milliseconds, and SIGKILL and SIGSTOP are real.

It is forked before its worker has threads, imports the service once, and then does nothing but fork what it
is asked for. It ends with its worker, and its children with it, however that ends.
"""

import gc
import json
import os
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from tests.servers.mortal import dies_with_us

Body = Callable[[dict[str, Any], socket.socket], NoReturn]


@dataclass
class Child:
    """A forked process, and the line to it: JSON, one message a line."""

    pid: int
    line: socket.socket
    _rest: bytes = field(default=b"", init=False)

    def say(self, order: str) -> bool:
        """False when it hears no more."""
        try:
            self.line.sendall(f"{order}\n".encode())
        except OSError:
            return False
        return True

    def heard(self) -> list[dict[str, Any]] | None:
        """What it has said since; None once it is gone. Never waits."""
        try:
            data = self.line.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def signal(self, number: int) -> None:
        """It is a zombie until it is reaped: no other process gets its id meanwhile."""
        os.kill(self.pid, number)


class Zygote:
    """Forks `Child`ren that run ``body``."""

    def __init__(self, warm: Callable[[], None], body: Body) -> None:
        self._lock = threading.Lock()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            self._control.close()
            _serve(theirs, warm, body)
        theirs.close()

    def spawn(self, settings: dict[str, Any]) -> Child:
        ours, theirs = socket.socketpair()
        with self._lock:
            socket.send_fds(self._control, [json.dumps(settings).encode()], [theirs.fileno()])
            pid = int(self._control.recv(64))
        theirs.close()
        return Child(pid, ours)

    def reap(self, child: Child) -> None:
        """Kills it for good, and takes its id back."""
        child.signal(signal.SIGKILL)
        with self._lock:
            self._control.send(str(child.pid).encode())
            self._control.recv(64)
        child.line.close()

    def close(self) -> None:
        self._control.close()
        os.waitpid(self.pid, 0)


def _serve(control: socket.socket, warm: Callable[[], None], body: Body) -> NoReturn:
    try:
        dies_with_us()
        warm()
        gc.freeze()
        while True:
            message, fds, _, _ = socket.recv_fds(control, 65536, 1)
            if not message:
                break
            control.send(str(_fork(message, fds[0], control, body) if fds else _reaped(message)).encode())
    finally:
        os._exit(0)


def _fork(message: bytes, fd: int, control: socket.socket, body: Body) -> int:
    pid = os.fork()
    if pid == 0:
        dies_with_us()
        control.close()
        body(json.loads(message), socket.socket(fileno=fd))
    os.close(fd)
    return pid


def _reaped(message: bytes) -> int:
    pid, _ = os.waitpid(int(message), 0)
    return pid
