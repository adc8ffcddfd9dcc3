"""A whole ledger out of a table, and into one.

Out: by one snapshot, read a few pages at a time; whoever writes meanwhile ends it. In: a mark on the head
keeps everybody out, until the last page is there. Pages are put where they belong without the log, as nobody
looks. They have the same keys at each attempt: an import that was cut short is made again over what it left.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from app.errors import LedgerError
from app.ledger import rows
from app.ledger.chain import Ends, Sealed
from app.ledger.dynamodb import control, keys, reading, trail, writing
from app.ledger.dynamodb.draft import Draft
from app.ledger.dynamodb.faults import Refused
from app.ledger.dynamodb.items import Key, Raw, number
from app.ledger.dynamodb.journal import HEAD
from app.ledger.dynamodb.pages import Page, Rows
from app.ledger.dynamodb.snapshot import Snapshot
from app.ledger.dynamodb.store import Store
from app.ledger.dynamodb.table import Table
from app.ledger.dynamodb.waits import Again
from app.ledger.interface import Change
from app.ledger.moving import CODECS, NOT_EMPTY, PARTS, Dump, Row, batches, change_of
from app.model import CopyMark, Delivery, Facts, Finding, KeptReport, RememberedUser, RunRecord

AT_ONCE = 100  # pages
ATTEMPT = 10**9  # changes: more than one attempt makes, so that the next one's are younger than all of them
WRITTEN = "the ledger is being written: stop the service, and export again"
OTHERS = "the table holds rows of another import that was interrupted: import that file, or use another table"
BESIDE = "another import into this ledger was begun meanwhile: let one of them end"
BEGIN = "SET importing = :attempt, seq = :seq, applied = :seq"
STILL_NOBODYS = "seq = :before AND applied = :before AND epoch = :none"
END = "SET seq = :seq, applied = :seq, epoch = :epoch REMOVE importing"

T = TypeVar("T")


@dataclass(frozen=True)
class Mover:
    """`Ledger.dump` and `Ledger.fill` on one table."""

    table: Table
    store: Store

    @contextmanager
    def dump(self) -> Iterator[Dump]:
        """It is read twice: once to count."""
        snapshot = self.store.read(lambda now: now)
        epoch = _number(self._head(), "epoch")
        counts = Counter(row.kind for row in _dumped(snapshot, epoch))
        yield Dump(dict(counts), _dumped(snapshot, epoch))

    def fill(self, dumped: Iterable[Row]) -> None:
        attempt = self._begin()
        filling = _Filling(self.table, attempt * ATTEMPT)
        for kind, values in batches(dumped):
            filling.put(kind, values)
        if attempt > 1:
            filling.check()
        self._end(attempt, filling)

    def _begin(self) -> int:
        """From here on the ledger is nobody's but ours; what others have under way is refused."""
        head = self._head()
        if "importing" not in head:
            self.store.write(lambda draft: None)  # the first change is filed
            head = self._head()
        attempt, seq = _number(head, "importing") + 1, _number(head, "seq")
        if attempt == 1 and (seq > 1 or _number(head, "epoch")):
            raise LedgerError(NOT_EMPTY)
        values = {":attempt": number(attempt), ":seq": number(attempt * ATTEMPT), ":before": number(seq)}
        try:
            self.table.update(HEAD, BEGIN, STILL_NOBODYS, values | {":none": number(0)})
        except Refused:
            raise LedgerError(BESIDE) from None
        return attempt

    def _end(self, attempt: int, filling: "_Filling") -> None:
        values = {
            ":attempt": number(attempt),
            ":seq": number(filling.seq),
            ":epoch": number(filling.epoch),
        }
        try:
            self.table.update(HEAD, END, "importing = :attempt", values)
        except Refused:
            if not self._has_ended(attempt):
                raise LedgerError(BESIDE) from None

    def _has_ended(self, attempt: int) -> bool:
        """By our own request, whose answer was lost and which the SDK repeated."""
        head = self._head()
        return "importing" not in head and _number(head, "seq") // ATTEMPT == attempt

    def _head(self) -> Raw:
        head = self.table.get(HEAD)
        if head is None:
            raise LedgerError("the table holds no ledger any more: restore it")
        return head


class _Filling:
    """One attempt. ``seq``: its last change so far."""

    def __init__(self, table: Table, seq: int) -> None:
        self.seq, self.epoch = seq, 0
        self._table = table
        self._counts: Counter[str] = Counter()

    def put(self, kind: str, values: Sequence[Any]) -> None:
        before = self._counts[kind]
        self._counts[kind] += len(values)
        if kind == "epoch":
            (self.epoch,) = values
            return
        draft = Draft(Snapshot(self._table, self.seq))
        try:
            _fill(draft, kind, values, before)
        except Again:
            raise LedgerError(BESIDE) from None
        self.seq += 1
        self._table.put_newer(draft.items())

    def check(self) -> None:
        """No row is there twice, and each one of ours is: with as many rows, no others are left there."""
        found = Counter(row.kind for row in _dumped(Snapshot(self._table, self.seq), self.epoch))
        if found != self._counts:
            raise LedgerError(OTHERS)


def _number(head: Raw, name: str) -> int:
    return int(head.get(name, {}).get("N", 0))


# --- out ---------------------------------------------------------------------------------------------------


def _dumped(snapshot: Snapshot, epoch: int) -> Iterator[Row]:
    sources = _sources(snapshot, epoch)
    try:
        for kind in CODECS:
            yield from (Row(kind, value) for value in sources[kind]())
    except Again:
        raise LedgerError(WRITTEN) from None


def _sources(snapshot: Snapshot, epoch: int) -> Mapping[str, Callable[[], Iterable[Any]]]:
    frame = reading.frame(snapshot)
    known = snapshot.pages((keys.CONTROL,)).get(keys.CONTROL, {})
    ends = control.ends(known)
    return {
        "epoch": lambda: _one(epoch),
        "rehearsal": lambda: _one(control.rehearsal(known)),
        "pause": lambda: _one(frame.pause),
        "canary": lambda: _one(frame.canary),
        "accounts": lambda: _by_key(frame.accounts),
        "users": lambda: _users(snapshot),
        "reports": lambda: _reports(snapshot),
        "facts": lambda: _facts(snapshot),
        "findings": lambda: _findings(snapshot),
        "deliveries": lambda: _deliveries(snapshot),
        "snoozes": lambda: _by_key(frame.snoozes),
        "refusals": lambda: sorted(frame.refusals, key=lambda row: (row.address, row.uid)),
        "held_plans": lambda: reading.held_plans(snapshot),
        "approvals": lambda: reading.approvals(snapshot),
        "holds": lambda: reading.holds(snapshot),
        "breakers": lambda: _by_key(frame.breakers),
        "runs": lambda: _runs(snapshot),
        "copies": lambda: _copies(known),
        "events": lambda: _events(snapshot),
        "chain": lambda: [ends] if ends != Ends() else [],
    }


def _one(value: T | None) -> list[T]:
    return [value] if value else []


def _by_key(found: Mapping[str, T]) -> list[T]:
    return [row for _, row in sorted(found.items())]


def _users(snapshot: Snapshot) -> Iterator[RememberedUser]:
    for page in _pages(snapshot, map(keys.users_of, _remembered(snapshot))):
        yield from map(rows.USER.load, _by_key(page))


def _reports(snapshot: Snapshot) -> Iterator[KeptReport]:
    found = (reading.kept_report(snapshot, account) for account in _remembered(snapshot))
    yield from (report for report in found if report)


def _facts(snapshot: Snapshot) -> Iterator[Facts]:
    for page in _pages(snapshot, map(keys.facts_of, reading.accounts_with_facts(snapshot))):
        yield from map(rows.FACTS.load, _by_key(page))


def _findings(snapshot: Snapshot) -> Iterator[Finding]:
    for page in _pages(snapshot, map(keys.finding, _finding_ids(snapshot))):
        yield from _one(reading.finding_in(page))


def _deliveries(snapshot: Snapshot) -> Iterator[Delivery]:
    """In order of creation over all findings: their places first, then the rows."""
    ids = sorted({*_finding_ids(snapshot), *reading.strays(snapshot)})
    places = sorted(place for page in _pages(snapshot, map(keys.finding, ids)) for place in _places(page))
    for some in _groups(places):
        pages = snapshot.pages({keys.finding_of(delivery_id) for _, delivery_id in some})
        texts = (pages[keys.finding_of(delivery_id)][delivery_id] for _, delivery_id in some)
        yield from map(reading.load_delivery, texts)


def _places(page: Rows) -> Iterator[tuple[str, str]]:
    return ((text.partition(" ")[0], name) for name, text in page.items() if name != keys.THE_FINDING)


def _runs(snapshot: Snapshot) -> list[RunRecord]:
    pages = snapshot.partition(keys.RUNS).values()
    found = sorted((int(place), body) for page in pages for place, body in page.items())
    return [rows.RUN.load(body) for _, body in found]


def _copies(known: Rows) -> list[CopyMark]:
    marks = (body for name, body in known.items() if name.startswith(control.copy_name("")))
    return sorted(map(rows.COPY.load, marks), key=lambda mark: mark.target)


def _events(snapshot: Snapshot) -> Iterator[Sealed]:
    place = trail.place_of(snapshot, None)
    while place:
        part = trail.stretch(snapshot, place)
        yield from part.events
        place = part.more


def _remembered(snapshot: Snapshot) -> list[str]:
    return sorted(snapshot.pages((keys.REMEMBERED,)).get(keys.REMEMBERED, {}))


def _finding_ids(snapshot: Snapshot) -> list[str]:
    return sorted(reading.finding_ids(snapshot, reading.accounts_with_findings(snapshot)))


def _pages(snapshot: Snapshot, wanted: Iterable[Key]) -> Iterator[Rows]:
    """In this order; those that are not there are passed over."""
    for some in _groups(list(wanted)):
        found = snapshot.pages(some)
        yield from (found[key] for key in some if key in found)


def _groups(things: Sequence[T]) -> Iterator[Sequence[T]]:
    return (things[start : start + AT_ONCE] for start in range(0, len(things), AT_ONCE))


# --- in ----------------------------------------------------------------------------------------------------


def _fill(draft: Draft, kind: str, values: Sequence[Any], before: int) -> None:
    """``before``: how many of the kind there were already."""
    if kind == "facts":
        _put_facts(draft, values)
    elif kind == "findings":
        _put_findings(draft, values)
    elif kind == "runs":
        _put_runs(draft, values, before)
    elif kind == "events":
        _put_events(draft, values)
    elif kind == "deliveries":
        _put_deliveries(draft, values)
    elif kind in PARTS:
        writing.write(draft, change_of(kind, values))
    else:
        _put_control(draft, kind, values[0])


def _put_facts(draft: Draft, facts: Sequence[Facts]) -> None:
    """With their place in the index, which an attempt that was cut short may have left out."""
    writing.write(draft, Change(facts=tuple(facts)))
    draft.rows(keys.WITH_FACTS).update({one.account_id: writing.HERE for one in facts})


def _put_findings(draft: Draft, findings: Sequence[Finding]) -> None:
    """Each as two writes: the first takes what an earlier attempt left off its tickets, the second puts it on
    its own. The revision is that of the dump in the end."""
    draft.load(keys.finding(finding.id) for finding in findings)
    for finding in findings:
        page = draft.rows(keys.finding(finding.id))
        stored = reading.finding_in(page) or finding
        page[keys.THE_FINDING] = rows.FINDING.dump(replace(stored, revision=finding.revision - 2))
    for back, refs in ((2, False), (1, True)):
        befores = (replace(f, revision=f.revision - back, refs=f.refs if refs else {}) for f in findings)
        writing.write(draft, Change(findings=tuple(befores)))
    draft.rows(keys.WITH_FINDINGS).update({finding.account_id: writing.HERE for finding in findings})


def _put_deliveries(draft: Draft, deliveries: Sequence[Delivery]) -> None:
    """In new places: they come behind all that were put before them, in this attempt or an earlier one."""
    draft.load(keys.finding(row.finding_id) for row in deliveries)
    for row in deliveries:
        draft.rows(keys.finding(row.finding_id)).pop(row.id, None)
    writing.write(draft, Change(deliveries=tuple(deliveries)))


def _put_runs(draft: Draft, runs: Sequence[RunRecord], before: int) -> None:
    """Numbered from 1: the runs of this ledger's own have the numbers of changes, which are higher."""
    for place, run in enumerate(runs, before + 1):
        body = rows.RUN.dump(run)
        draft.rows(keys.runs(place))[str(place)] = body
        draft.rows(keys.CONTROL)[control.LAST_RUN] = body


def _put_events(draft: Draft, events: Sequence[Sealed]) -> None:
    page = {str(one.seq): f"{one.hash} {one.at} {one.body}" for one in events}
    draft.put(Page(keys.events(events[0].seq), page, max(one.at for one in events)))


def _put_control(draft: Draft, kind: str, value: Any) -> None:
    known = draft.rows(keys.CONTROL)
    if kind == "rehearsal":
        known[control.REHEARSAL] = value.isoformat()
    elif kind == "pause":
        writing.pause(draft, value)
    elif kind == "canary":
        known[control.CANARY] = rows.TRIAL.dump(value)
    else:
        _put_chain(known, value)


def _put_chain(known: Rows, ends: Ends) -> None:
    """A head that was lost stays lost: a move heals nothing."""
    known[control.ANCHOR] = rows.LINK.dump(ends.anchor)
    known.pop(control.CHAIN, None)
    if ends.head:
        known[control.CHAIN] = rows.LINK.dump(ends.head)
