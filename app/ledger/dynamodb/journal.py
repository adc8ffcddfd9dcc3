"""How a change of any size is written as one: a redo log, and a head that says how far it is true.

A transaction of DynamoDB holds a hundred items, a change thousands of rows. So a change is first written down
where nobody looks, then made true by one conditional update of the head, then filed: put where it belongs.
What is true and not filed yet is filed by whoever writes next, and read from the log until then.
"""

import logging
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from app.errors import LedgerError
from app.ledger.dynamodb.faults import Refused
from app.ledger.dynamodb.items import DAMAGED, Item, Raw, item, key_of, number, raw, raw_key
from app.ledger.dynamodb.pages import Page, split
from app.ledger.dynamodb.table import KEYS_ONLY, Table
from app.ledger.dynamodb.waits import Again
from app.ledger.interface import Lease
from app.telemetry import log_fields

log = logging.getLogger(__name__)

SHAPE = 1  # of the table's content: raised when an older version would not understand it
HEAD = ("head", "head")
LOG = "log"
INLINE = 50_000  # bytes of a change that travels in the head itself: no request more than that one
LOG_PART = 350_000  # bytes
REMEMBERED = 32  # the tokens of so many changes: who lost an answer finds out by them
MAKE_TRUE = "SET seq = :seq, recent = :recent, puts = :puts, parts = :parts"
IN_TURN = "seq = :before AND applied = :before"
UNDER_LEASE = f"{IN_TURN} AND epoch = :epoch"
FILED = "SET applied = :seq REMOVE puts, parts"
STILL_TO_FILE = "seq = :seq AND applied = :before"
UNFINISHED = "an import into this ledger was begun and not finished: make it again with the same file"
NOTHING = "SET seq = :seq, applied = :seq, recent = :recent"


@dataclass(frozen=True, slots=True)
class Head:
    """``seq``: the last change that is true; ``applied``: the last that is filed, the same or one less."""

    seq: int
    applied: int
    epoch: int = 0
    beat: str = ""
    recent: tuple[str, ...] = ()  # tokens, the youngest first
    puts: tuple[Item, ...] = ()  # what is to be filed, if it is small
    parts: int = 0  # in how many items of the log it is, if it is not
    shape: int = SHAPE
    is_being_filled: bool = False  # with another ledger's rows: it is nobody's until that is done

    @property
    def is_settled(self) -> bool:
        return self.applied == self.seq

    def after(self, token: str) -> "Head":
        """The one behind it, with nothing to file yet."""
        recent = (token, *self.recent)[:REMEMBERED]
        return replace(self, seq=self.seq + 1, recent=recent, puts=(), parts=0)


class Journal:
    """The head and the log of one table."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def head(self) -> Head | None:
        """None: nobody has begun a ledger here. Raises `LedgerError` on one of a newer release."""
        found = self._table.get(HEAD)
        return _head(found) if found else None

    def begin(self, first: Page) -> None:
        """Makes the head, unless it is there; ``first`` is the first change."""
        head = Head(seq=1, applied=0, puts=tuple(split(first, 1)))
        with suppress(Refused):
            self._table.put(_raw_head(head), "attribute_not_exists(pk)")

    def pending(self, head: Head) -> Sequence[Item]:
        """What is true and may not be filed yet. Raises `Again` when another has filed it meanwhile."""
        if head.is_settled or not head.parts:
            return head.puts
        prefix = _log_key(head.seq, head.recent[0])
        condition, values = "pk = :pk AND begins_with(sk, :prefix)", {":pk": LOG, ":prefix": prefix}
        found = list(self._table.query(condition, values))
        if len(found) != head.parts:
            raise Again
        return [item(one["M"]) for part in found for one in part["puts"]["L"]]

    def commit(self, head: Head, items: Sequence[Item], lease: Lease | None) -> Head | None:
        """Makes ``items`` true, as the change that follows ``head``; None: another one came first.

        Of the lease only the epoch counts: one that was lost is refused here, however late that comes.
        Raises `LedgerError` when nothing was written, or when that can't be told.
        """
        token = _token()
        inline = sum(one.size for one in items) <= INLINE
        logged = [] if inline else list(_log_items(head.seq + 1, token, items))
        self._table.put_all(logged)
        new = replace(head.after(token), puts=tuple(items) if inline else (), parts=len(logged))
        return new if self._make_true(new, lease) else None

    def file(self, head: Head, items: Sequence[Item]) -> None:
        """Puts what ``head`` made true where it belongs: it may be done twice, late, by several at once."""
        self._table.put_newer(items)
        values = {":seq": number(head.seq), ":before": number(head.seq - 1)}
        with suppress(Refused):  # another was faster
            self._table.update(HEAD, FILED, STILL_TO_FILE, values)
            if head.parts:
                self._sweep(head.seq)

    # --- how ---

    def _make_true(self, new: Head, lease: Lease | None) -> bool:
        epoch = {":epoch": number(lease.epoch)} if lease else {}
        puts = {":puts": _list(new.puts), ":parts": number(new.parts)}
        try:
            self._table.update(HEAD, MAKE_TRUE, UNDER_LEASE if lease else IN_TURN, _turn(new) | puts | epoch)
        except Refused:  # perhaps by our own request, whose answer was lost and which the SDK repeated
            return self._came_through(new)
        except LedgerError as error:
            return self._settle(new, error)
        return True

    def _settle(self, new: Head, lost: LedgerError) -> bool:
        """After a request of which nobody knows what became, and which may land later: an empty change takes
        its place, so that it doesn't. Raises ``lost`` when it does: then nothing was written."""
        nothing = replace(new, recent=(_token(), *new.recent[1:]))
        try:
            self._table.update(HEAD, NOTHING, IN_TURN, _turn(nothing))
        except Refused:
            return self._came_through(new)
        raise lost

    def _came_through(self, new: Head) -> bool:
        head = self.head()
        if head and new.recent[0] in head.recent:
            return True
        if head and head.seq - new.seq >= REMEMBERED:
            raise LedgerError(
                "the ledger was too busy to tell whether a change was written: see what it holds"
            )
        return False

    def _sweep(self, seq: int) -> None:
        """Drops the log up to this change, and what never became true of others before it."""
        values = {":pk": LOG, ":last": _log_key(seq, "~")}
        try:
            found = self._table.query("pk = :pk AND sk <= :last", values, **KEYS_ONLY)
            self._table.delete([key_of(one) for one in found])
        except LedgerError as error:  # the next one does it
            log.warning("the ledger's log was not cleared", **log_fields(reason=str(error)))


def _head(found: Raw) -> Head:
    try:
        shape = int(found["shape"]["N"])
        if shape > SHAPE:
            raise LedgerError(
                f"the ledger was written by a newer Keysteward (shape {shape}): upgrade this one"
            )
        return Head(
            seq=int(found["seq"]["N"]),
            applied=int(found["applied"]["N"]),
            epoch=int(found["epoch"]["N"]),
            beat=found["beat"]["S"],
            recent=tuple(one["S"] for one in found["recent"]["L"]),
            puts=tuple(item(one["M"]) for one in found.get("puts", {}).get("L", ())),
            parts=int(found.get("parts", {}).get("N", 0)),
            shape=shape,
            is_being_filled="importing" in found,
        )
    except (KeyError, ValueError):
        raise LedgerError(DAMAGED) from None


def _raw_head(head: Head) -> Raw:
    numbers = {"seq": head.seq, "applied": head.applied, "epoch": head.epoch, "shape": head.shape}
    texts = {"beat": {"S": head.beat}, "holder": {"S": ""}, "recent": _texts(head.recent)}
    puts = {"puts": _list(head.puts), "parts": number(head.parts)}
    return raw_key(HEAD) | {name: number(value) for name, value in numbers.items()} | texts | puts


def _turn(new: Head) -> dict[str, Any]:
    return {":seq": number(new.seq), ":before": number(new.seq - 1), ":recent": _texts(new.recent)}


def _token() -> str:
    return uuid.uuid4().hex[:16]


def _log_items(seq: int, token: str, items: Sequence[Item]) -> Iterator[Raw]:
    for place, group in enumerate(_groups(items)):
        key = (LOG, f"{_log_key(seq, token)}{place:05}")
        yield {**raw_key(key), "puts": _list(group)}


def _groups(items: Sequence[Item]) -> Iterator[list[Item]]:
    group: list[Item] = []
    size = 0
    for one in items:
        if group and size + one.size > LOG_PART:
            yield group
            group, size = [], 0
        group.append(one)
        size += one.size
    yield group


def _log_key(seq: int, token: str) -> str:
    """By the token too: of two that write at once, only one's log becomes true."""
    return f"{seq:015}/{token}/"


def _texts(values: Sequence[str]) -> dict[str, Any]:
    return {"L": [{"S": value} for value in values]}


def _list(items: Sequence[Item]) -> dict[str, Any]:
    return {"L": [{"M": raw(one)} for one in items]}
