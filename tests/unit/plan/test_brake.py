"""What passes the brake, and what waits there under which name."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.model import Reason
from app.plan.actions import Act, Plan
from app.plan.approval import VALID, Approvals
from app.plan.brake import brake, planned, waits
from app.plan.context import Context
from app.plan.freeze import parse_freeze
from app.plan.guards import apply_guards
from app.plan.kept import Approval, HeldPlan
from app.plan.limits import Brake, Limits
from tests.fakes.acts import PROD, an_act
from tests.fakes.ledger_rows import DAY, NOW
from tests.fakes.policies import policy

LIMITS = Limits(1000, 1.0, brake=Brake(deactivations=5, share=1.0))
SEVEN = tuple(map(an_act, range(7)))


NONE = Approvals()


def context(approvals: Approvals = NONE, limits: Limits = LIMITS, at: timedelta = 0 * DAY) -> Context:
    return Context(NOW + at, policy(), limits=limits, config_hash="c0ffee", approvals=approvals)


def guarded(acts: tuple[Act, ...], ctx: Context, *vetoes: Reason) -> Plan:
    return apply_guards(ctx, Plan(ctx.now, acts=acts, active={PROD.id: 100}), vetoes)


def held(acts: tuple[Act, ...] = SEVEN) -> HeldPlan:
    plan = guarded(acts, context()).braked
    assert plan
    return plan


def approved(plan: HeldPlan, *used: Act) -> Approvals:
    given = Approval(plan.id, 1, "ann", "ok", NOW, NOW + VALID, tuple(act.credential.uid for act in used))
    return Approvals((plan,), (given,))


@pytest.mark.parametrize(
    ("number", "active", "passes"),
    [(50, 5000, True), (51, 5000, False), (10, 10, True), (11, 220, True), (11, 219, False), (0, 0, True)],
)
def test_past_a_number_or_past_a_share_of_more_than_ten_all_of_it_is_held(
    number: int, active: int, passes: bool
) -> None:
    done = brake(context(limits=Limits()), [an_act(n) for n in range(number)], active)
    assert (len(done.passed), len(done.waiting)) == ((number, 0) if passes else (0, number))
    assert (done.plan is None) == passes


def test_what_is_held_is_remembered_named_and_told_how_to_let_through() -> None:
    plan = guarded(SEVEN, context())
    assert plan.braked
    assert plan.change.held_plans == (plan.braked,)
    assert plan.braked.acts == tuple(sorted(map(planned, SEVEN)))
    name = plan.braked.short
    assert len(name) == 12
    assert {h.text for h in plan.held} == {
        f"7 destructive acts of 100 active keys are past the brake (5, 100%): plan {name} waits for "
        f"`keysteward approve {name}`"
    }
    assert f"plan {name}: the brake holds 7 destructive acts" in waits(plan)
    [event] = plan.change.events
    assert (event.what, event.data["plan"], event.data["acts"]) == ("plan_held", plan.braked.id, 7)


def test_the_audit_trail_has_a_plan_once() -> None:
    again = guarded(SEVEN, context(Approvals((held(),)), at=DAY))
    assert again.change.events == ()
    assert again.braked == replace(held(), last_held_at=NOW + DAY)


def test_nothing_is_remembered_of_a_plan_that_passes() -> None:
    plan = guarded(SEVEN[:5], context())
    assert (plan.braked, plan.change.held_plans, waits(plan)) == (None, (), "")
    assert [act.approval for act in plan.acts] == [None] * 5


def test_an_approved_plan_passes_each_act_with_its_approval() -> None:
    approvals = approved(held())
    plan = guarded(SEVEN, context(approvals))
    assert len(plan.acts) == 7
    assert {act.approval for act in plan.acts} == set(approvals.given)
    assert (plan.held, plan.braked) == ((), None)


def test_what_is_not_in_the_approved_plan_waits_under_a_name_of_its_own() -> None:
    approvals = approved(held())
    plan = guarded((*SEVEN, an_act(8), an_act(9)), context(approvals))
    assert {act.credential.user for act in plan.acts} == {f"user{n}" for n in range(7)}
    assert {h.user for h in plan.held} == {"user8", "user9"}
    assert plan.braked
    assert len(plan.braked.acts) == 2
    assert (
        "9 destructive acts of 100 active keys are past the brake (5, 100%), 7 of them" in plan.held[0].text
    )


def test_an_approval_is_used_also_while_nobody_needs_it() -> None:
    approvals = approved(held())
    plan = guarded(SEVEN[:3], context(approvals))
    assert [act.approval for act in plan.acts] == [*approvals.given] * 3


def test_what_was_used_waits_again() -> None:
    plan = guarded(SEVEN, context(approved(held(), SEVEN[0])))
    assert [h.user for h in plan.held] == ["user0"]


@pytest.mark.parametrize("at", [DAY - timedelta(seconds=1), DAY])
def test_an_approval_ends_after_a_day(at: timedelta) -> None:
    plan = guarded(SEVEN, context(approved(held()), at=at))
    assert len(plan.acts) == (7 if at < DAY else 0)


def test_under_another_config_nothing_is_approved() -> None:
    plan = guarded(SEVEN, replace(context(approved(held())), config_hash="decaf"))
    assert plan.acts == ()
    assert plan.braked
    assert plan.braked.id != held().id


def test_another_rule_or_another_act_is_another_plan() -> None:
    renamed = (replace(SEVEN[0], rule=replace(SEVEN[0].rule, name="other")), *SEVEN[1:])
    plan = guarded(renamed, context(approved(held())))
    assert [h.user for h in plan.held] == ["user0"]


def test_an_approval_lifts_no_other_guard() -> None:
    approvals = approved(held())
    slow = replace(LIMITS, deactivations_per_run=2)
    paced = guarded(SEVEN, context(approvals, slow))
    assert (len(paced.acts), {h.guard for h in paced.held}) == (2, {"deactivations_per_run"})
    frozen = replace(LIMITS, freeze=(parse_freeze("00:00 - 23:59"),))
    assert {h.guard for h in guarded(SEVEN, context(approvals, frozen)).held} == {"freeze"}
    few = replace(LIMITS, share_of_account=0.03)
    assert len(guarded(SEVEN, context(approvals, few)).acts) == 3
    paused = guarded(SEVEN, context(approvals), Reason("pause", "paused by ann"))
    assert {h.guard for h in paused.held} == {"pause"}


def test_a_plan_that_is_held_for_another_reason_is_not_put_to_anybody() -> None:
    frozen = replace(LIMITS, freeze=(parse_freeze("00:00 - 23:59"),))
    assert guarded(SEVEN, context(limits=frozen)).braked is None


def test_a_plan_that_is_held_again_after_a_week_is_not_forgotten() -> None:
    known = Approvals((held(),))
    assert guarded(SEVEN, context(known, at=8 * DAY)).change.forget_plans == ()
    assert guarded(SEVEN[:3], context(known, at=8 * DAY)).change.forget_plans == (held().id,)
