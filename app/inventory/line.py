"""Kept-alive connections to one endpoint, over `http.client`: urllib3 takes twice its CPU for the same."""

from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ssl import SSLContext, SSLError
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from botocore import exceptions as sdk
from botocore.config import Config
from botocore.httpsession import create_urllib3_context, get_cert_path
from urllib3.util import wait_for_read


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]  # by their lower-case names
    body: bytes


class Line:
    """Posts once and never again; follows nothing. Raises what botocore raises. Thread-safe.

    Time-outs and the number of connections to keep are the config's; ``ca_bundle`` is a path, None the
    SDK's own.
    """

    def __init__(self, url: str, config: Config, ca_bundle: str | None) -> None:
        parts = urlsplit(url)
        self._url, self._path = url, parts.path or "/"
        self._tls = _tls(ca_bundle) if parts.scheme == "https" else None
        # Without a port `http.client` would look for one in an IPv6 address.
        self._host, self._port = parts.hostname or "", parts.port or (443 if self._tls else 80)
        settings: Any = config  # they become its attributes only at run time
        self._connect, self._read = settings.connect_timeout, settings.read_timeout
        self._most: int = settings.max_pool_connections
        self._kept: deque[HTTPConnection] = deque()

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The whole answer, whatever its status: one that is cut short raises."""
        connection = self._ready() or self._new()
        try:
            connection.request("POST", self._path, body, headers)
            reply = connection.getresponse()
            given = {name.lower(): value for name, value in reply.headers.items()}
            answer = Answer(reply.status, given, reply.read())
        except (OSError, HTTPException) as error:
            connection.close()
            raise self._broken(error) from None
        if reply.will_close or len(self._kept) >= self._most:
            connection.close()
        else:
            self._kept.append(connection)
        return answer

    def close(self) -> None:
        """Hangs up what is idle. What is in use now is hung up when this line is forgotten."""
        with suppress(IndexError):
            while True:
                self._kept.pop().close()

    def _ready(self) -> HTTPConnection | None:
        """The one used last: AWS hangs up on those that were long idle, and what can be read says so."""
        with suppress(IndexError):
            while True:
                connection = self._kept.pop()
                if not wait_for_read(connection.sock, 0):
                    return connection
                connection.close()
        return None

    def _new(self) -> HTTPConnection:
        connection = (
            HTTPSConnection(self._host, self._port, timeout=self._connect, context=self._tls)
            if self._tls
            else HTTPConnection(self._host, self._port, timeout=self._connect)
        )
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise self._unsent(error) from None
        connection.sock.settimeout(self._read)
        return connection

    def _unsent(self, error: OSError) -> sdk.BotoCoreError:
        if isinstance(error, TimeoutError):
            return sdk.ConnectTimeoutError(endpoint_url=self._url, error=error)
        if isinstance(error, SSLError):
            return sdk.SSLError(endpoint_url=self._url, error=error)
        return sdk.EndpointConnectionError(endpoint_url=self._url, error=error)

    def _broken(self, error: Exception) -> sdk.BotoCoreError:
        if isinstance(error, TimeoutError):
            return sdk.ReadTimeoutError(endpoint_url=self._url, error=error)
        return sdk.ConnectionClosedError(endpoint_url=self._url, error=error)


def _tls(ca_bundle: str | None) -> SSLContext:
    """The SDK's TLS settings, and the CA bundle read once: the SDK reads it at each new connection."""
    context: SSLContext = create_urllib3_context()
    context.load_verify_locations(ca_bundle or get_cert_path(True))
    context.check_hostname = True
    return context
