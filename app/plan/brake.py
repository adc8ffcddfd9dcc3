"""The brake: a mistake in the policy shows as a sudden crowd, and then nothing is destroyed unapproved."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.model import Event
from app.plan.actions import Act, Plan
from app.plan.context import Context
from app.plan.draft import SERVICE
from app.plan.kept import HeldPlan, PlannedAct
from app.plan.limits import Limits

BRAKE = "brake"
# A plan this small is no mass event whatever its share: a fleet of ten keys may lose one.
SMALL_PLAN = 10


@dataclass(frozen=True, slots=True)
class Braked:
    """What passes, with the approval that covers it, if any; and what waits for one, under which plan."""

    passed: tuple[Act, ...]
    waiting: tuple[Act, ...] = ()
    plan: HeldPlan | None = None
    text: str = ""


def brake(ctx: Context, acts: Sequence[Act], active: int) -> Braked:
    """``acts`` are all that is otherwise permitted, before pacing; ``active`` the fleet's Active keys."""
    standing = ctx.approvals.standing(ctx.config_hash, ctx.now)
    marked = tuple(replace(act, approval=standing.get(planned(act))) for act in acts)
    if not _is_past(ctx.limits, len(acts), active):
        return Braked(marked)
    passed = tuple(act for act in marked if act.approval)
    waiting = tuple(act for act in marked if not act.approval)
    if not waiting:
        return Braked(passed)
    plan = ctx.approvals.waiting([planned(act) for act in waiting], ctx.config_hash, ctx.now)
    return Braked(passed, waiting, plan, _text(ctx.limits, len(acts), active, len(passed), plan))


def planned(act: Act) -> PlannedAct:
    credential = act.credential
    return PlannedAct(act.verb, credential.uid, act.rule.name, act.account.label, credential.user)


def waits(plan: Plan) -> str:
    """That ``plan`` is held, and by which name the command lets it through; empty: it isn't."""
    if plan.braked is None:
        return ""
    name, number = plan.braked.short, plan.held_by_guard()[BRAKE]
    return (
        f"plan {name}: the brake holds {number:,} destructive acts; "
        f"`keysteward approve {name} --reason …` lets them through"
    )


def first_held(ctx: Context, plan: HeldPlan | None) -> tuple[Event, ...]:
    """For the audit trail: a plan that no run held before."""
    if plan is None or any(known.id == plan.id for known in ctx.approvals.plans):
        return ()
    detail = f"plan {plan.short}: {len(plan.acts):,} acts wait for approval"
    data = {"plan": plan.id, "acts": len(plan.acts), "config": plan.config_hash}
    return (Event(ctx.now, SERVICE, "plan_held", detail=detail, data=data, origin=ctx.origin),)


def _is_past(limits: Limits, number: int, active: int) -> bool:
    crowd = number > SMALL_PLAN and number > limits.brake.share * active
    return number > limits.brake.deactivations or crowd


def _text(limits: Limits, number: int, active: int, approved: int, plan: HeldPlan) -> str:
    ceiling = f"{limits.brake.deactivations}, {limits.brake.share:.0%}"
    past = f"{number:,} destructive acts of {active:,} active keys are past the brake ({ceiling})"
    but = f", {approved:,} of them approved" if approved else ""
    return f"{past}{but}: plan {plan.short} waits for `keysteward approve {plan.short}`"
