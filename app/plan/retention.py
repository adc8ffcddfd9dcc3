"""What of the past can be forgotten: nothing that a plan, a `require` or a closing may still ask for.

The audit trail is not among it.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime

from app.model import (
    DESTRUCTIVE,
    AccountState,
    Delivery,
    DeliveryState,
    Finding,
    FindingState,
    RememberedUser,
    Verb,
)
from app.plan.record import AccountRows, LedgerView


def forgettable(finding: Finding | None, rows: Sequence[Delivery], before: datetime) -> Iterator[Delivery]:
    """Those of one finding's deliveries that ended before ``before`` and that nobody asks for any more.

    Of an episode that goes on they are the reminders in the middle: its acts and closings, each stage's first
    and latest notice, the first that named a date, and every one whose date is not long past stay.
    """
    present = [row for row in rows if finding and row.episode == finding.episode]
    kept = _kept(present, before) if finding and finding.state is not FindingState.RESOLVED else set()
    for row in rows:
        closing = row in present and row.verb is Verb.RESOLVE
        if row.settled_at and row.settled_at < before and row.id not in kept and not closing:
            yield row


def _kept(rows: Sequence[Delivery], before: datetime) -> set[str]:
    latest = {(row.stage, row.sink): row.occurrence for row in sorted(rows, key=lambda row: row.occurrence)}
    ends = (row for row in rows if row.occurrence in (1, latest[row.stage, row.sink]))
    promises = (row for row in rows if row.names_date and row.names_date >= before)
    acts = (row for row in rows if row.verb in DESTRUCTIVE)
    return {row.id for group in (ends, promises, acts, _first_dated(rows)) for row in group}


def _first_dated(rows: Sequence[Delivery]) -> list[Delivery]:
    """Whom the day was told first: a later owner is owed a day of their own."""
    told = [r for r in rows if r.state is DeliveryState.DELIVERED and r.enforced and r.names_date]
    return sorted(told, key=lambda row: row.settled_at or row.created_at)[:1]


def is_over(finding: Finding, rows: Sequence[Delivery], before: datetime) -> bool:
    """Whether ``finding`` itself can go, once its key is gone: ids of keys never come back.

    ``rows`` are its deliveries: as long as one waits, it stays.
    """
    at = finding.resolved_at if finding.state is FindingState.RESOLVED else None
    return at is not None and at < before and all(r.settled_at and r.settled_at < before for r in rows)


def left_behind(view: LedgerView, watched: Collection[str], before: datetime) -> list[str]:
    """Accounts that are not watched any more, and that nobody tried to read since ``before``."""
    return [i for i, state in view.accounts.items() if i not in watched and _last_tried(state) < before]


def _last_tried(state: AccountState) -> datetime:
    """At least so late: of failures in a row only the first is known."""
    known = [at for at in (state.last_success, state.error_since) if at]
    return max(known, default=datetime.min.replace(tzinfo=UTC))


def is_at_rest(rows: AccountRows, before: datetime) -> bool:
    """Whether nothing of an account waits to be told, nor has been told lately."""
    return all(
        row.settled_at and row.settled_at < before for some in rows.deliveries.values() for row in some
    )


def ended_words(view: LedgerView, before: datetime) -> frozenset[str]:
    """Keys (uids) of whose snoozes and refusals some ended before ``before``.

    If the key is gone as well, nobody asks for them any more.
    """
    snoozed = {uid for uid, snooze in view.snoozes.items() if snooze.until < before}
    return frozenset(snoozed | {r.uid for r in view.refusals if r.uid and r.at < before})


def returned(view: LedgerView, before: datetime) -> tuple[tuple[str, str], ...]:
    """The refusals of people who had left: long lapsed, so that they are asked again anyway."""
    return tuple((r.address, r.uid) for r in view.refusals if not r.uid and r.at < before)


def unseen(users: Collection[RememberedUser], before: datetime) -> tuple[tuple[str, str], ...]:
    """Whoever is still there is read live once in 30 days."""
    return tuple((user.account_id, user.user) for user in users if user.read_at < before)
