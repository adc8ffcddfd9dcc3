"""The audit trail: a page a change, found by the number of its first event, and cut at its old end."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.errors import LedgerError
from app.ledger import rows
from app.ledger.chain import CUT, Sealed, seal, stamp
from app.ledger.dynamodb import control, keys
from app.ledger.dynamodb.draft import Draft
from app.ledger.dynamodb.items import DAMAGED
from app.ledger.dynamodb.pages import Page, Rows
from app.ledger.dynamodb.snapshot import Snapshot
from app.model import Event

SEALED_AT_ONCE = 500  # events
GRACE = timedelta(days=1)  # for whoever is reading what was just cut off
BEHIND = "~"  # sorts behind all parts of a page
LOOK = "see `keysteward history --verify`, and restore the table from its backup"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some of the trail. ``more`` is the sort key from which it goes on; "" at its end."""

    events: Sequence[Sealed]
    more: str


def write(draft: Draft, happened: Sequence[Event]) -> None:
    """Seals them: one head has one successor, as one change has."""
    if not happened:
        return
    known = draft.rows(keys.CONTROL)
    head = control.head(known)
    if head is None:
        raise LedgerError(f"the audit trail has lost its head: {LOOK}")
    sealed = seal(happened, head)
    page = {str(one.seq): f"{one.hash} {one.at} {one.body}" for one in sealed}
    if not draft.append(Page(keys.events(sealed[0].seq), page, max(one.at for one in sealed))):
        raise LedgerError(f"the audit trail goes on behind its head: {LOOK}")
    known[control.CHAIN] = rows.LINK.dump(sealed[-1].link)


def events(snapshot: Snapshot, since: datetime | None) -> list[Event]:
    start, instant = _beginning(snapshot), stamp(since) if since else ""
    pages = snapshot.walk(keys.EVENTS, start, instant)
    found = (one for _, page in pages for one in _sealed(page) if one.at >= instant)
    return [rows.EVENT.load(one.body) for one in found]


def place_of(snapshot: Snapshot, since_seq: int | None) -> str:
    """The sort key at which a reading from that number on begins; "" if nothing is there."""
    start = _beginning(snapshot)
    if since_seq is None:
        return start
    return max(start, snapshot.page_of(keys.EVENTS, keys.events(max(0, since_seq))[1]))


def stretch(snapshot: Snapshot, start: str) -> Stretch:
    """The next ones, in whole pages."""
    found: list[Sealed] = []
    for sk, page in snapshot.walk(keys.EVENTS, start):
        found += _sealed(page)
        if len(found) >= SEALED_AT_ONCE:
            return Stretch(found, f"{sk}{BEHIND}")
    return Stretch(found, "")


def last_before(snapshot: Snapshot, instant: datetime) -> str:
    """The sort key of the last page of those at the trail's beginning that end before ``instant``; "" if
    there is none."""
    last, until = "", stamp(instant)
    for sk, latest in snapshot.ages(keys.EVENTS, _beginning(snapshot)):
        if latest >= until:
            break
        last = sk
    return last


def cut(draft: Draft, last: str, at: datetime) -> int:
    """Moves the anchor behind the page ``last``, and tells of it; returns how many events that cuts off."""
    known = draft.rows(keys.CONTROL)
    anchor = control.anchor(known)
    new = _sealed(draft.rows((keys.EVENTS, last)))[-1].link
    known[control.ANCHOR] = rows.LINK.dump(new)
    told = f"events {anchor.seq + 1} to {new.seq} were old, and are not kept any more"
    write(draft, [Event(at, "keysteward", CUT, detail=told, data={"seq": new.seq, "hash": new.hash})])
    return new.seq - anchor.seq


def first_kept(snapshot: Snapshot) -> str:
    """The sort key before which everything was cut off; "" if nothing was."""
    anchor = control.anchor(snapshot.pages((keys.CONTROL,)).get(keys.CONTROL, {}))
    return keys.events(anchor.seq + 1)[1] if anchor.seq else ""


def _beginning(snapshot: Snapshot) -> str:
    return first_kept(snapshot) or keys.events(0)[1]


def _sealed(page: Rows) -> list[Sealed]:
    """Raises `LedgerError` when a row isn't what was written."""
    try:
        return [_row(int(number), *text.split(" ", 2)) for number, text in page.items()]
    except (TypeError, ValueError):
        raise LedgerError(DAMAGED) from None


def _row(seq: int, hash_: str, at: str, body: str) -> Sealed:
    return Sealed(seq, at, body, hash_)
