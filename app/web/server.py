"""The HTTP server: waitress, in a thread of its own."""

import errno
import socket
import threading
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from waitress import create_server, wasyncore

from app.errors import ConfigError

OPTIONS: dict[str, Any] = {
    "ident": None,
    "threads": 4,
    "channel_timeout": 30,
    "max_request_body_size": 65_536,
    # The gate must see them: a request that came through a proxy is not from this machine.
    "clear_untrusted_proxy_headers": False,
}


@dataclass
class Server:
    """A running server. ``port`` is the real one when the config asked for port 0."""

    port: int
    _waitress: Any
    _stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._map = self._waitress._map
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stops listening at once; waits a second at most for the requests that are being answered."""
        self._stopping.set()
        self._waitress.pull_trigger()
        self._thread.join(timeout=3)

    def _run(self) -> None:
        while not self._stopping.is_set():
            wasyncore.loop(timeout=1, use_poll=True, map=self._map, count=1)
        self._waitress.task_dispatcher.shutdown(timeout=1)
        wasyncore.close_all(self._map)


def serve(app: Flask, listen: str) -> Server:
    """Serves on ``listen`` ("HOST:PORT", "[::]:8080"). Raises `ConfigError` if it can't be listened on."""
    listener = _bind(listen)
    return Server(listener.getsockname()[1], create_server(app, sockets=[listener], **OPTIONS))


def check_free(listen: str) -> None:
    """Raises `ConfigError` if it can't be listened on just now."""
    _bind(listen).close()


def _bind(listen: str) -> socket.socket:
    try:
        return _listener(listen)
    except (OSError, ValueError) as error:
        raise ConfigError(f"http.listen: {listen} {_why_not(error)}") from error


def _listener(listen: str) -> socket.socket:
    host, port = _host_and_port(listen)
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Only a listening socket refuses the second comer; waitress listens again, which is harmless.
        listener.listen()
    except OSError:
        listener.close()
        raise
    return listener


def _host_and_port(listen: str) -> tuple[str, int]:
    """Raises ValueError. The system itself would wrap port 99999 to 34463 and take "" for everywhere."""
    host, _, port = listen.rpartition(":")
    if not host or not 0 <= int(port) <= 65_535:
        raise ValueError(listen)
    return host.strip("[]"), int(port)


def _why_not(error: Exception) -> str:
    known = {
        errno.EADDRINUSE: "is in use: stop what listens there, or choose another port",
        errno.EACCES: "is a port that only root may listen on: choose one above 1023",
        errno.EADDRNOTAVAIL: "is not an address of this machine",
    }
    if isinstance(error, OSError) and error.errno in known:
        return known[error.errno]
    return "can't be listened on: write HOST:PORT, for example 0.0.0.0:8080"
