"""The chain of the audit trail: how an event is written down for good, and the hash that seals it.

    hash = SHA-256(the previous event's hash, in hexadecimal ‖ the event's canonical JSON, in UTF-8)

The form can't be changed: nothing stored could be verified any more. docs/audit.md tells it to outsiders.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

from app.errors import LedgerError
from app.model import Event, redact

_dumped = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
GENESIS = "0" * 64  # stands for the hash before the first event
CUT = "trail_cut"


@dataclass(frozen=True, slots=True)
class Link:
    """A place in the chain: an event's number and hash. ``Link()`` is the place before the first event."""

    seq: int = 0
    hash: str = GENESIS


@dataclass(frozen=True, slots=True)
class Ends:
    """The link before the first kept event, and that of the last one (None: lost or unreadable).

    Who drops old events moves the anchor, and writes in the same transaction an event `CUT` whose ``data``
    is the new anchor's seq and hash: without one, the trail doesn't verify.
    """

    anchor: Link = Link()
    head: Link | None = Link()


@dataclass(frozen=True, slots=True)
class Sealed:
    """An event as a ledger holds it. ``body`` is its canonical JSON, the very text that was hashed.

    ``seq`` and ``at`` (as `stamp` writes it) are what the ledger finds it by: the body says the same.
    """

    seq: int
    at: str
    body: str
    hash: str

    @property
    def link(self) -> Link:
        return Link(self.seq, self.hash)

    def record(self) -> dict[str, Any]:
        """The event's fields by name. Raises `LedgerError` when the body is none."""
        try:
            record = json.loads(self.body)
        except (ValueError, RecursionError):  # the latter: nested on purpose
            record = None
        if not isinstance(record, dict):
            raise LedgerError(f"event {self.seq} is damaged: restore the ledger from a backup")
        return record


def seal(events: Iterable[Event], head: Link) -> list[Sealed]:
    """``events`` as they follow ``head``, in this order."""
    sealed: list[Sealed] = []
    for event in events:
        record = _mapping(event) | {"at": stamp(event.at)}
        sealed.append(seal_record(record, head))
        head = sealed[-1].link
    return sealed


def seal_record(record: Mapping[str, Any], head: Link) -> Sealed:
    """``record`` is an event's fields by name; its ``at`` is a `stamp`."""
    seq = head.seq + 1
    body = canonical({**record, "seq": seq})
    return Sealed(seq, record["at"], body, digest(head.hash, body))


def digest(previous: str, body: str) -> str:
    return hashlib.sha256(f"{previous}{body}".encode()).hexdigest()


def canonical(record: Mapping[str, Any]) -> str:
    """Keys in order of their code points, no white space, only what JSON must escape is escaped.

    No full key id is in it: what leaves the house is redacted, and must verify as it is.
    """
    text = _dumped(_plain(record)).encode("utf-8", "replace").decode()  # a command line may hold any bytes
    clean = redact(text)
    return text if clean == text else _dumped(json.loads(clean))  # a masked key has another place


def stamp(instant: datetime) -> str:
    """Sorts as text in the order of time."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


def _plain(value: object) -> Any:
    """Never fails: no act may be lost over the words of its event. Floats have no canonical form."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, datetime):
        return stamp(value)
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(_mapping(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value)


def _mapping(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}
