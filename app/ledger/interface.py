"""The ledger's contract. `tests/contract/test_ledger.py` holds every implementation to it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from app.model import Delivery, Event, Facts, Finding, KeptReport, Pause
from app.plan.record import AccountRows as AccountRows
from app.plan.record import Change as Change
from app.plan.record import LedgerView as LedgerView


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to act. ``epoch`` fences every claim; ``expires_at`` None: held while the process lives."""

    epoch: int
    expires_at: datetime | None = None


class Ledger(Protocol):
    """Durable memory with one writer at a time that acts.

    Every method raises `LedgerError` with a remedy when the store can't be reached, is locked for
    longer than its time-out, full, damaged, or of a newer schema. A failed write leaves no trace.
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
        """The audit trail, oldest first."""

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
        The holder's death frees it at once (SQLite: a file lock) or when it expires (servers)."""

    def close(self) -> None: ...
