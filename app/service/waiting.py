"""What waits for a person, as it is shown: a plan at the brake, and acts that a guard has held for long."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from app.ledger.interface import Ledger
from app.model import RunRecord
from app.plan.approval import VALID, Approvals
from app.plan.holds import lasting
from app.plan.kept import Approval, HeldPlan, Hold
from app.sinks.snapshot import HoldRow, PlanRow


def plan_row(ledger: Ledger, last: RunRecord | None, now: datetime) -> PlanRow | None:
    """The plan that the brake holds now, or that somebody has let through and whose day is not over."""
    plan, given = _latest(ledger, now)
    if plan and given:
        done = len(given.used)
        return PlanRow(plan.short, len(plan.acts), plan.held_at, given.by, given.until, done)
    waits = waiting_plan(ledger, last, now)
    return PlanRow(waits.short, len(waits.acts), waits.held_at) if waits else None


def waiting_plan(ledger: Ledger, last: RunRecord | None, now: datetime) -> HeldPlan | None:
    """The plan that the brake holds now, and that nobody has let through."""
    plan, given = _latest(ledger, now)
    return plan if plan and last and not given and _is_held(plan, last, now) else None


def _latest(ledger: Ledger, now: datetime) -> tuple[HeldPlan | None, Approval | None]:
    """The plan that was held last, and its approval if one stands."""
    known = Approvals(tuple(ledger.held_plans()), tuple(ledger.approvals()))
    plan = known.latest
    given = (a for a in reversed(known.of(plan)) if now < a.until) if plan else iter(())
    return plan, next(given, None)


def _is_held(plan: HeldPlan, last: RunRecord, now: datetime) -> bool:
    """By the last run; one that could not start says nothing of it."""
    unseen = last.outcome == "failed" and now - plan.last_held_at < VALID
    return plan.last_held_at >= last.at or unseen


def long_holds(ledger: Ledger, now: datetime) -> Sequence[Hold]:
    """The longest first."""
    return sorted(lasting(ledger.holds(), now), key=lambda hold: hold.since)


def hold_rows(ledger: Ledger, holds: Sequence[Hold]) -> Iterator[HoldRow]:
    for hold in holds:
        finding = ledger.finding(hold.finding_id)
        if finding:
            about = (finding.masked, finding.user, finding.account_id, finding.account)
            yield HoldRow(hold.finding_id, *about, hold.guard, hold.since)
