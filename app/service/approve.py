"""`keysteward approve`: one plan that the brake holds is let through, by name, for a day."""

from dataclasses import dataclass
from datetime import datetime

from app.errors import Permanent
from app.model import Event, Origin
from app.plan.approval import VALID, Approvals
from app.plan.kept import Approval, HeldPlan
from app.plan.require import day
from app.service.lookup import AmbiguousKey, NotFound
from app.service.parts import Parts

SHORTEST = 4  # characters of a plan's id that name it


@dataclass(frozen=True, slots=True)
class Approved:
    plan: HeldPlan
    approval: Approval


def approve(parts: Parts, name: str, by: str, reason: str) -> Approved:
    """Lets the plan of this id, or of one that begins like it, through for 24 hours.

    Raises `NotFound`, `AmbiguousKey`, or `Permanent` for a plan that is used, expired or not the present one.
    """
    now = parts.clock.now()
    known = Approvals(tuple(parts.ledger.held_plans()), tuple(parts.ledger.approvals()))
    plan = _named(known, name)
    _still_open(known, plan, now)
    _still_the_same(parts, known, plan, now)
    number = len(known.of(plan)) + 1
    approval = Approval(plan.id, number, by, reason, now, now + VALID)
    if not parts.ledger.approve(approval, _event(plan, approval, parts.origin)):
        raise Permanent(f"plan {plan.short} was approved by somebody else just now")
    return Approved(plan, approval)


def _named(known: Approvals, name: str) -> HeldPlan:
    wanted = name.strip().lower()
    if len(wanted) < SHORTEST:
        raise NotFound(
            f"name the plan by at least {SHORTEST} characters of its id: `keysteward plan` shows it"
        )
    found = [plan for plan in known.plans if plan.id.startswith(wanted)]
    if not found:
        latest = f"; the latest is {known.latest.short}" if known.latest else ""
        raise NotFound(f"no run has held a plan {wanted!r} at the brake{latest}")
    if len(found) > 1:
        lines = "\n".join(f"  {_line(plan)}" for plan in found)
        raise AmbiguousKey(f"{wanted!r} means several plans: give more of its id\n{lines}")
    return found[0]


def _line(plan: HeldPlan) -> str:
    return f"{plan.id}  {len(plan.acts):,} acts, last held on {day(plan.last_held_at)}"


def _still_open(known: Approvals, plan: HeldPlan, now: datetime) -> None:
    """One approval at a time, and none for what was carried out."""
    last = next(iter(reversed(known.of(plan))), None)
    if last is None or plan.last_held_at >= last.until:
        return
    if last.used:
        done = f"{len(last.used):,} of {len(plan.acts):,} acts"
        rest = f"; the rest may go until {day(last.until)}" if now < last.until else ""
        raise Permanent(f"plan {plan.short} is used: {last.by} approved it on {day(last.at)}, {done}{rest}")
    if now < last.until:
        raise Permanent(f"plan {plan.short} is approved already, by {last.by}, until {day(last.until)}")
    raise Permanent(
        f"the approval of plan {plan.short} has expired on {day(last.until)}: no run holds it now"
    )


def _still_the_same(parts: Parts, known: Approvals, plan: HeldPlan, now: datetime) -> None:
    if plan.config_hash != parts.config_hash:
        raise Permanent(f"plan {plan.short} was made under another config: see `keysteward plan`")
    latest = known.latest
    if latest and latest.id != plan.id:
        raise Permanent(f"plan {plan.short} has changed: the brake holds {latest.short} now")
    last_run = parts.ledger.frame().last_run
    held_now = last_run is not None and last_run.at == plan.last_held_at
    if not held_now and now - plan.last_held_at >= VALID:
        raise Permanent(f"plan {plan.short} has expired: it was last held on {day(plan.last_held_at)}")


def _event(plan: HeldPlan, approval: Approval, origin: Origin) -> Event:
    number = len(plan.acts)
    detail = f"plan {plan.short}: {number:,} acts, until {day(approval.until)}: {approval.reason}"
    data = {"plan": plan.id, "acts": number, "config": plan.config_hash}
    return Event(approval.at, approval.by, "plan_approved", detail=detail, data=data, origin=origin)
