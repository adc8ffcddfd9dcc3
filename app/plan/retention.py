"""What of the past can be forgotten: nothing that a plan, a `require` or a closing may still ask for.

The audit trail is not among it.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from app.model import DESTRUCTIVE, Delivery, DeliveryState, Finding, FindingState, Verb


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
