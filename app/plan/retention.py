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

    Of an episode that goes on they are the reminders in the middle that named no day, or that don't count.
    """
    present = [row for row in rows if finding and row.episode == finding.episode]
    kept = _kept(present) if finding and finding.state is not FindingState.RESOLVED else set()
    for row in rows:
        closing = row in present and row.verb is Verb.RESOLVE
        if row.settled_at and row.settled_at < before and row.id not in kept and not closing:
            yield row


def _kept(rows: Sequence[Delivery]) -> set[str]:
    """Acts, dead letters, each stage's first and latest notice and its last word to each owner; and every one
    that `require` counts, with the first and the last day that was named at all."""
    acts = (row for row in rows if row.verb in DESTRUCTIVE)
    dead = (row for row in rows if row.state is DeliveryState.DEAD and not row.was_passed_on)
    promises = [row for row in rows if _is_promise(row)]
    counted = (row for row in promises if row.counts and row.state is DeliveryState.DELIVERED)
    days = sorted(promises, key=lambda row: (row.names_date, row.created_at))
    groups = (acts, dead, _ends(rows), _last_words(rows), counted, days[:1], days[-1:])
    return {row.id for group in groups for row in group}


def _ends(rows: Sequence[Delivery]) -> Iterator[Delivery]:
    latest: dict[tuple[str, str], int] = {}
    for row in rows:
        place = (row.stage, row.sink)
        latest[place] = max(row.occurrence, latest.get(place, 0))
    return (row for row in rows if row.occurrence in (1, latest[row.stage, row.sink]))


def _last_words(rows: Sequence[Delivery]) -> Iterator[Delivery]:
    """A sink that has reached somebody is known to have, and to whom it spoke last."""
    told = (row for row in rows if row.state is DeliveryState.DELIVERED)
    words = {(row.stage, row.sink, str(row.payload.get("owner", ""))): row for row in sorted(told, key=_turn)}
    return iter(words.values())


def _turn(row: Delivery) -> tuple[int, datetime]:
    return (row.occurrence, row.settled_at or row.created_at)


def _is_promise(row: Delivery) -> bool:
    """A day that somebody was told, or may have been told."""
    told = row.state is DeliveryState.DELIVERED or row.may_have_arrived
    return told and row.enforced and row.names_date is not None


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
