"""How long an owner may put a key on hold without asking anybody."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.model import Delivery, DeliveryState, Finding, Reason, Snooze
from app.plan.require import day
from app.policy.rules import SnoozeLimit
from app.policy.stages import span_text

BY_BUTTON = timedelta(days=7)
SHORTEST = timedelta(hours=1)  # less is no help to anybody


def owner_snooze(
    limit: SnoozeLimit,
    finding: Finding,
    history: Sequence[Delivery],
    old: Snooze | None,
    now: datetime,
    by: str,
    reason: str,
) -> Snooze | Reason:
    """The snooze to write, or why there is none.

    It ends after 7 days at the latest, at ``limit.longest`` after the owner's first snooze of this episode,
    and, unless the rule allows it, at the *first* date that a notice named: snoozing again and again must not
    push the date away day by day.
    """
    if not limit.longest:
        return Reason("not_allowed", "the rule does not let owners snooze: ask an admin")
    if old and old.until > now:
        return Reason("already", f"it is snoozed already, until {day(old.until)}, by {old.by}")
    mine = old.since if old and old.episode == finding.episode else None
    since = mine or now
    ends = [now + BY_BUTTON, since + limit.longest]
    deadline = first_date(finding, history)
    if deadline and not limit.past_deadline:
        ends.append(deadline)
    if min(ends) - now < SHORTEST:
        return Reason("no_time", _why_not(limit, deadline, now))
    return Snooze(finding.uid, min(ends), by, reason, now, finding.episode, since)


def first_date(finding: Finding, history: Sequence[Delivery]) -> datetime | None:
    """The first day of an act that this episode's notices named; else the one that is planned."""
    told = (
        d
        for d in history
        if d.state is DeliveryState.DELIVERED and d.enforced and d.episode == finding.episode
    )
    return min((d.names_date for d in told if d.names_date), default=finding.due_at)


def _why_not(limit: SnoozeLimit, deadline: datetime | None, now: datetime) -> str:
    if deadline and not limit.past_deadline and deadline - now < SHORTEST:
        return f"the rule does not let owners snooze past {day(deadline)}: ask an admin"
    return f"owners may snooze it for {span_text(limit.longest)} in all, and that is used up: ask an admin"
