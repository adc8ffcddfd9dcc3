"""The file in which a whole ledger travels: JSON lines between a header and an end that seals them.

    {"keysteward_ledger":{"format":1,"software":"0.2.0","schema":"0006","counts":{"facts":2,…}}}
    {"facts":{…}}
    …
    {"end":{"counts":{"facts":2,…},"sha256":"…"}}

The sum is over every byte before the last line. Nothing is redacted: it holds full key ids, as a ledger does.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from app import __version__
from app.errors import ConfigError, LedgerError
from app.ledger.moving import CODECS, Dump, Row
from app.ledger.rows import Codec
from app.ledger.schema import HEAD

FORMAT = 1
LONGEST_HEADER = 65_536  # bytes: what is no export at all may be one line of any length
AGAIN = "export the ledger again, or copy the file again"


@dataclass(frozen=True, slots=True)
class Header:
    """``schema``: the newest that the software knew. ``counts``: rows by kind."""

    format: int
    software: str
    schema: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class End:
    counts: Mapping[str, int]
    sha256: str


@dataclass(frozen=True, slots=True)
class Export:
    """``rows`` raises `ConfigError` where a line isn't what was exported, at the last one if need be."""

    header: Header
    rows: Iterator[Row]


_HEADER, _END = Codec[Header](Header), Codec[End](End)
_LINE = re.compile(r'\{"(\w+)":(.*)\}\n', re.DOTALL)


def lines(dump: Dump) -> Iterator[bytes]:
    """The same for the same content: no line tells when it was written."""
    total = hashlib.sha256()
    for line in _body(dump):
        total.update(line)
        yield line
    yield _line("end", _END.dump(End(dump.counts, total.hexdigest())))


def _body(dump: Dump) -> Iterator[bytes]:
    yield _line("keysteward_ledger", _HEADER.dump(Header(FORMAT, __version__, HEAD, dump.counts)))
    for row in dump.rows:
        yield _line(row.kind, CODECS[row.kind].dump(row.value))


def _line(kind: str, body: str) -> bytes:
    return f'{{"{kind}":{body}}}\n'.encode()


def read(stream: BinaryIO) -> Export:
    """Raises `ConfigError` unless ``stream`` begins as an export that this release understands."""
    first = stream.readline(LONGEST_HEADER)
    kind, body = _split(first)
    if kind != "keysteward_ledger":
        raise ConfigError("this is no export of a ledger: `keysteward ledger export` writes one")
    try:
        header = _HEADER.load(body)
    except LedgerError:
        raise ConfigError(f"the export's first line is damaged: {AGAIN}") from None
    _check_age(header)
    return Export(header, _Reader(stream, header, first).rows())


def _split(line: bytes) -> tuple[str, str]:
    """A line's kind and body; no kind where it is none of ours, or was cut off."""
    try:
        found = _LINE.fullmatch(line.decode())
    except UnicodeDecodeError:
        found = None
    return (found[1], found[2]) if found else ("", "")


def _check_age(header: Header) -> None:
    """What a newer release wrote may hold what this one would leave out without a word."""
    newer = _numbers(header.software) > _numbers(__version__)
    if newer or header.format > FORMAT or header.schema > HEAD:
        raise ConfigError(
            f"the export was written by a newer Keysteward ({header.software}, schema {header.schema}): "
            "import it with that one"
        )


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)[:3]]


class _Reader:
    """Reads the lines behind the header."""

    def __init__(self, stream: BinaryIO, header: Header, first: bytes) -> None:
        self._stream, self._header = stream, header
        self._total = hashlib.sha256(first)
        self._counts: Counter[str] = Counter()
        self._number = 1

    def rows(self) -> Iterator[Row]:
        while True:
            line = self._next()
            kind, body = _split(line)
            if kind == "end":
                self._check_end(body)
                return
            self._total.update(line)
            self._counts[kind] += 1
            yield Row(kind, self._load(kind, body))

    def _next(self) -> bytes:
        line = self._stream.readline()
        if not line.endswith(b"\n"):
            raise ConfigError(f"the export was cut off behind line {self._number}: {AGAIN}")
        self._number += 1
        return line

    def _load(self, kind: str, body: str) -> object:
        try:
            return CODECS[kind].load(body)
        except (KeyError, LedgerError):
            raise ConfigError(f"line {self._number} of the export is damaged: {AGAIN}") from None

    def _check_end(self, body: str) -> None:
        try:
            end = _END.load(body)
        except LedgerError:
            raise ConfigError(f"the export's last line is damaged: {AGAIN}") from None
        if end.sha256 != self._total.hexdigest():
            raise ConfigError(f"the export is not what was written, its checksum is another: {AGAIN}")
        if not self._counts == end.counts == self._header.counts:
            raise ConfigError(f"the export has not as many lines as it says: {AGAIN}")
        if self._stream.read(1):
            raise ConfigError(f"the export goes on behind its end: {AGAIN}")
