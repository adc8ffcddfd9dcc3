"""The ledger's contract. `tests/contract/test_ledger.py` holds every implementation to it."""

import math
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from app.ledger.chain import Ends, Sealed
from app.model import CopyMark, Delivery, Event, Facts, Finding, KeptReport, Pause
from app.plan.kept import Approval, HeldPlan, Hold
from app.plan.record import AccountRows as AccountRows
from app.plan.record import Change as Change
from app.plan.record import LedgerView as LedgerView


def unending() -> float:
    return math.inf


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to act. ``epoch`` fences every write.

    ``remaining``: seconds for which nobody else can take over, by the holder's own clock. Unending where the
    holder's death alone ends it; none once it was given back.
    """

    epoch: int
    remaining: Callable[[], float] = field(default=unending, compare=False)


@contextmanager
def lent(epoch: int, remaining: Callable[[], float] = unending) -> Iterator[Lease]:
    """A lease for the length of the block."""
    over = threading.Event()
    try:
        yield Lease(epoch, lambda: 0.0 if over.is_set() else remaining())
    finally:
        over.set()


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that a ledger remembers. ``kind`` is one of `moving.CODECS`."""

    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Dump:
    """A ledger as of one moment. ``counts``: its rows by kind, of those kinds that it has."""

    counts: Mapping[str, int]
    rows: Iterator[Row]


class Ledger(Protocol):
    """Durable memory with one writer at a time that acts.

    Every method raises `LedgerError` with a remedy when the store can't be reached, is locked for
    longer than its time-out, full, damaged, or of a newer schema. A failed write leaves no trace; one of
    which only the answer was lost may be there, as a whole.
    Datetimes come back aware and in UTC, to the microsecond.
    """

    def view(self) -> LedgerView:
        """Everything: it grows with the fleet. What runs often asks for a frame and single accounts."""

    def frame(self) -> LedgerView:
        """The view without its facts, findings and deliveries: as large as the number of accounts."""

    def account(self, account_id: str) -> AccountRows:
        """What is held of one account's credentials."""

    def accounts_with_findings(self) -> frozenset[str]:
        """The ids of the accounts that have findings, resolved ones too."""

    def search(self, wanted: Callable[[Facts], bool]) -> Sequence[Facts]:
        """The facts of which ``wanted`` is true, of all accounts: reads all, and keeps no others."""

    def finding(self, finding_id: str) -> Finding | None: ...

    def on_ticket(self, sink: str, ticket: str) -> Sequence[Finding]:
        """The unresolved findings whose ``refs`` of ``sink`` have ``ticket`` as ``key``, ordered by id."""

    def has_tickets(self, sink: str) -> bool:
        """Whether the ``refs`` of ``sink`` of any unresolved finding have a ``key``."""

    def kept_report(self, account_id: str) -> KeptReport | None: ...

    def held_plans(self) -> Sequence[HeldPlan]:
        """The plans past the brake that were not forgotten, ordered by id."""

    def approvals(self) -> Sequence[Approval]:
        """Those of the plans that were not forgotten, ordered by plan and number."""

    def holds(self) -> Sequence[Hold]:
        """Ordered by finding and guard."""

    def apply(self, change: Change, lease: Lease | None = None) -> None:
        """Writes ``change`` in one transaction; with a ``lease``, raises `StaleLease` if it was lost."""

    def claim(self, ids: Iterable[str], message_id: str, lease: Lease) -> tuple[Delivery, ...]:
        """Claims deliveries for sending, all in one transaction: of ``ids``, those in state pending,
        failed or ambiguous become claimed (epoch set, ``attempts`` + 1, ``message_id`` set unless the
        row already carries one from an ambiguous attempt). Returns the claimed rows as they were
        *before* the claim in ``state`` (so the caller sees that one was ambiguous), with the new
        epoch, attempts and message_id. Raises `StaleLease` if the lease was lost, `LedgerError`
        while the service is paused. Rows of other states are left alone and not returned."""

    def requeue(self, events: Mapping[str, Event], at: datetime) -> tuple[Delivery, ...]:
        """Puts dead deliveries back, all in one transaction: of the ids in ``events``, those in state dead
        become pending (ambiguous if they may have arrived) and are due at ``at``, with their attempts counted
        anew; each one's event is appended. Returns them as they are now. Rows of other states are left
        alone and not returned. It needs no lease: nothing else touches a dead row."""

    def prune(self, before: datetime, lease: Lease) -> Mapping[str, int]:
        """Forgets what ended before ``before`` and is not asked for any more (`app/plan/retention.py`):
        settled deliveries, runs but the last, and resolved findings whose key is gone, with their snoozes
        and refusals. Events stay. Returns how many of which went, by table. Not one transaction: cut short,
        it is done in part. Raises `StaleLease` if the lease was lost."""

    def abandoned(self, lease: Lease) -> tuple[Delivery, ...]:
        """Deliveries claimed under an older epoch and never settled: their sender died."""

    def delivery(self, delivery_id: str) -> Delivery | None: ...

    def deliveries_of(self, finding_id: str) -> Sequence[Delivery]:
        """Every delivery of a finding, all episodes, in order of creation."""

    def undelivered(self) -> Sequence[Delivery]:
        """Every delivery in state pending, claimed, failed, ambiguous or dead, of any episode, in order of
        creation."""

    def events(self, since: datetime | None = None) -> Sequence[Event]:
        """The audit trail, oldest first. No full key id is in it: what was handed in is redacted."""

    def sealed(self, since_seq: int | None = None) -> Iterator[Sealed]:
        """The audit trail as it is stored, in order of its numbers, from number ``since_seq`` on.

        Streamed a few at a time, each as of when it is asked for. Events are numbered from 1 without a gap,
        and sealed (`chain.py`), in the transaction that writes them; nothing changes them afterwards.
        """

    def chain(self) -> Ends:
        """Where the trail begins and ends, kept apart from its events: a trail that was cut short is found
        by it. Writing an event to a ledger that has lost its head raises `LedgerError`."""

    def copied(self, target: str) -> CopyMark:
        """How far the trail has been copied to ``target``."""

    def keep_picture(self, body: bytes) -> None:
        """Keeps what the last run showed, in the place of the one before: for replicas that did not run."""

    def picture(self) -> bytes | None: ...

    def approve(self, approval: Approval, event: Event) -> bool:
        """Writes an approval and its event, of two that write the same one at once only the first.

        False: there is one of that plan and number already, and nothing was written. Only a run, under its
        lease, changes an approval later, by `apply`."""

    def pause(self, pause: Pause | None, event: Event) -> None:
        """Pauses (or with None resumes) all acting and notifying, on every replica, at once."""

    def paused(self) -> Pause | None: ...

    def rehearsal(self) -> datetime | None:
        """The instant at which `run --at` created this ledger; None for a ledger of normal runs."""

    def mark_rehearsal(self, at: datetime) -> None:
        """Marks a ledger as one of rehearsals. Raises `LedgerError` when a normal run used it."""

    def lease(self, holder: str, wait: timedelta) -> AbstractContextManager[Lease | None]:
        """Takes the right to act, for the length of the `with` block, waiting up to ``wait``;
        None when another process keeps it. Each taking has a higher epoch than any before.
        The holder's death frees it at once (SQLite: a file lock) or a term later (servers)."""

    def held(self) -> bool:
        """Whether somebody holds the lease at this moment, or has gone without giving it back."""

    def orphaned(self) -> bool:
        """Whether who held the lease last went without giving it back, and nobody holds it now: what that
        one was doing is to be gone on with."""

    def dump(self) -> AbstractContextManager[Dump]:
        """All that is to be moved into another ledger, as of one moment, in the order of `moving.CODECS`.

        That is everything but the picture and who holds the lease. Streamed where the store can: it is read
        inside the block only. Raises `LedgerError` where others write and the store can't read one moment.
        """

    def fill(self, rows: Iterable[Row]) -> None:
        """Writes what another ledger dumped, as it was: revisions, order, numbers and hashes, and the epoch,
        so that the next lease is above every one under which something was claimed.

        All or nothing; so what ``rows`` raises at its end takes everything back. Raises `LedgerError` unless
        the ledger is empty, and nobody has ever taken its lease. Where that is more than one transaction,
        the ledger refuses every other use from the first row to the last, and can be filled again likewise.
        """

    def close(self) -> None: ...


class Archive(Protocol):
    """Where the audit trail is copied to. ``target`` names it, for people and in `CopyMark`."""

    @property
    def target(self) -> str: ...

    def put(self, name: str, content: bytes, now: datetime) -> bool:
        """Writes ``content`` under a new ``name``. False: that name is taken; what is there was left alone.

        Raises `Transient` or `Permanent`, or `Ambiguous` when it may have been written.
        """
