"""AWS's query protocol by hand: signature version 4 over bare asyncio connections, and no SDK at all."""

import asyncio
import hmac
import re
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote, urlsplit

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_CODE = re.compile(rb"<Code>(\w+)</Code>")
REGION = "us-east-1"
FORM, JSON = "application/x-www-form-urlencoded; charset=utf-8", "application/x-amz-json-1.1"


class Credentials(NamedTuple):
    key_id: str
    secret: str
    token: str = ""


class Refused(Exception):
    """AWS answered an error; the text is its code."""


def query(action: str, version: str, **params: str) -> bytes:
    pairs = {"Action": action, "Version": version, **params}
    return "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in pairs.items()).encode()


def signed(host: str, service: str, body: bytes, by: Credentials, target: str = "") -> bytes:
    """The whole request: the query protocol's, or with a ``target`` that of JSON 1.1."""
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    headers = {
        "content-type": JSON if target else FORM,
        "host": host,
        "x-amz-date": stamp,
        "x-amz-security-token": by.token,
        "x-amz-target": target,
    }
    lines = [f"{name}:{value}" for name, value in headers.items() if value]
    names = ";".join(name for name, value in headers.items() if value)
    asked = "\n".join(["POST", "/", "", *lines, "", names, sha256(body).hexdigest()])
    scope = f"{stamp[:8]}/{REGION}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{sha256(asked.encode()).hexdigest()}"
    mark = hmac.digest(_signing_key(by.secret, stamp[:8], service), text.encode(), "sha256").hex()
    how = f"AWS4-HMAC-SHA256 Credential={by.key_id}/{scope}, SignedHeaders={names}, Signature={mark}"
    head = ["POST / HTTP/1.1", *lines, f"authorization:{how}", f"content-length:{len(body)}", "", ""]
    return "\r\n".join(head).encode() + body


@lru_cache(maxsize=16_384)
def _signing_key(secret: str, day: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, REGION, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


class Line(asyncio.Protocol):
    """One connection with one request under way at a time."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("closed"))

    def send(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        assert self._transport
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        found = _LENGTH.search(self._received, 0, end) if end >= 0 else None
        if found and self._answer and len(self._received) >= end + 4 + int(found[1]):
            status, body = int(self._received[9:12]), self._received[end + 4 :]
            self._received = b""
            self._answer.set_result((status, body))


class Lines:
    """A fixed number of connections to one endpoint."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        self._host, self._address, self._port = parts.netloc, parts.hostname, parts.port or 80
        self._free: asyncio.LifoQueue[Line] = asyncio.LifoQueue()

    async def open(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(number):
            _, line = await loop.create_connection(Line, self._address, self._port)
            self._free.put_nowait(line)

    async def call(self, service: str, body: bytes, by: Credentials, target: str = "") -> str:
        """The answer's text. Raises `Refused`."""
        line = await self._free.get()
        try:
            request = signed(self._host, service, body, by, target)
            status, answer = await line.send(request)
        finally:
            self._free.put_nowait(line)
        if status != 200:
            code = _CODE.search(answer)
            raise Refused(code[1].decode() if code else str(status))
        return answer.decode()
