"""A plan's name and what an approval of it lets through: over random plans."""

from dataclasses import replace
from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from app.model import DESTRUCTIVE, Verb
from app.plan.approval import KEPT, VALID, Approvals, covers, plan_id
from app.plan.brake import planned
from app.plan.kept import Approval, HeldPlan, PlannedAct
from tests.fakes.acts import an_act
from tests.fakes.ledger_rows import DAY, NOW, a_uid

CONFIG = "c0ffee"
acts = st.builds(
    PlannedAct,
    st.sampled_from(sorted(DESTRUCTIVE)),
    st.integers(0, 30).map(a_uid),
    st.sampled_from(["default", "strict", 'de"fault', "a, b"]),
)
plans = st.lists(acts, min_size=1, max_size=20)
hashes = st.sampled_from([CONFIG, "decaf", ""])


def held(of: list[PlannedAct], config: str = CONFIG) -> HeldPlan:
    return Approvals().waiting(of, config, NOW)


def approved(plan: HeldPlan, number: int = 1, used: tuple[str, ...] = ()) -> Approval:
    return Approval(plan.id, number, "ann", "it is right", NOW, NOW + VALID, used)


# --- the name ----------------------------------------------------------------------------------------


@given(plans, hashes, st.randoms())
def test_it_depends_on_no_order_and_on_no_repetition(
    some: list[PlannedAct], config: str, random: Random
) -> None:
    mixed = [*some, *random.sample(some, len(some))]
    random.shuffle(mixed)
    assert plan_id(mixed, config) == plan_id(some, config)
    assert held(mixed, config) == held(some, config)


@given(plans, plans, hashes, hashes)
def test_two_are_the_same_only_with_the_same_acts_under_the_same_config(
    one: list[PlannedAct], other: list[PlannedAct], config: str, another: str
) -> None:
    same = set(one) == set(other) and config == another
    assert (plan_id(one, config) == plan_id(other, another)) == same


@given(plans, st.text(max_size=5), st.text(max_size=5))
def test_what_people_call_an_account_or_a_user_is_no_part_of_it(
    some: list[PlannedAct], account: str, user: str
) -> None:
    renamed = [replace(act, account=account, user=user) for act in some]
    assert plan_id(renamed, CONFIG) == plan_id(some, CONFIG)


@given(st.integers(-500, 500), st.booleans())
def test_no_time_is_in_it(days: int, failed: bool) -> None:
    act = an_act()
    later = replace(act, due_at=act.due_at + days * DAY, failed=failed)
    seen = replace(later, credential=replace(later.credential, observed_at=NOW + days * DAY))
    assert plan_id([planned(seen)], CONFIG) == plan_id([planned(act)], CONFIG)


def test_it_is_one_that_lasts_over_releases() -> None:
    some = [PlannedAct(Verb.DEACTIVATE, a_uid(1), "default"), PlannedAct(Verb.DELETE, a_uid(2), "default")]
    assert plan_id(some, CONFIG) == "17d95b1fa2d3b1f3c9bd78a52c164a9080d069dabdd9986d1ea850e8090b45e5"
    assert held(some).short == "17d95b1fa2d3"


# --- what an approval lets through ----------------------------------------------------------------------


@given(plans, st.data())
def test_an_approval_covers_its_set_and_every_part_of_it_and_nothing_else(
    some: list[PlannedAct], data: st.DataObject
) -> None:
    plan = held(some)
    standing = Approvals((plan,), (approved(plan),)).standing(CONFIG, NOW)
    asked = data.draw(st.lists(acts, max_size=20))
    assert covers(some, asked) == (set(asked) <= set(some))
    assert {act for act in asked if act in standing} == set(asked) & set(some)


@given(plans, st.data())
def test_what_was_used_is_covered_no_more(some: list[PlannedAct], data: st.DataObject) -> None:
    plan = held(some)
    used = data.draw(st.sets(st.sampled_from([act.uid for act in some])))
    standing = Approvals((plan,), (approved(plan, used=tuple(used)),)).standing(CONFIG, NOW)
    assert set(standing) == {act for act in some if act.uid not in used}


@given(plans, st.timedeltas(timedelta(0), timedelta(days=3)), hashes)
def test_it_stands_for_a_day_and_under_its_own_config(
    some: list[PlannedAct], later: timedelta, config: str
) -> None:
    plan = held(some)
    standing = Approvals((plan,), (approved(plan),)).standing(config, NOW + later)
    assert bool(standing) == (later < VALID and config == CONFIG)


def test_an_approval_of_a_plan_that_is_forgotten_lets_nothing_through() -> None:
    plan = held([PlannedAct(Verb.DELETE, a_uid(1), "default")])
    assert Approvals((), (approved(plan),)).standing(CONFIG, NOW) == {}


# --- the name under which acts wait ---------------------------------------------------------------------


@given(plans, st.data())
def test_a_plan_that_only_shrinks_keeps_its_name(some: list[PlannedAct], data: st.DataObject) -> None:
    plan = replace(held(some), told={"slack": NOW})
    part = data.draw(st.lists(st.sampled_from(some), min_size=1))
    waiting = Approvals((plan,)).waiting(part, CONFIG, NOW + DAY)
    assert waiting == replace(plan, last_held_at=NOW + DAY)


@given(plans, acts)
def test_one_that_grows_has_another(some: list[PlannedAct], more: PlannedAct) -> None:
    plan = replace(held(some), told={"slack": NOW})
    waiting = Approvals((plan,)).waiting([*some, more], CONFIG, NOW + DAY)
    assert (waiting.id == plan.id) == (more in some)
    assert bool(waiting.told) == (more in some)


@given(plans, st.data())
def test_what_an_approved_plan_left_over_waits_under_its_own(
    some: list[PlannedAct], data: st.DataObject
) -> None:
    plan = held(some)
    part = data.draw(st.lists(st.sampled_from(some), min_size=1))
    waiting = Approvals((plan,), (approved(plan),)).waiting(part, CONFIG, NOW + 2 * DAY)
    assert (waiting.id == plan.id) == (set(part) == set(some))


def test_a_plan_whose_approval_ended_unused_is_told_again_once() -> None:
    plan = replace(held([PlannedAct(Verb.DELETE, a_uid(1), "default")]), told={"slack": NOW})
    known = Approvals((plan,), (approved(plan),))
    again = known.waiting(plan.acts, CONFIG, NOW + 2 * DAY)
    assert (again.id, again.told) == (plan.id, {})
    told = replace(again, told={"slack": NOW + 2 * DAY})
    assert replace(known, plans=(told,)).waiting(plan.acts, CONFIG, NOW + 3 * DAY).told == told.told


def test_old_plans_are_forgotten_unless_an_approval_stands() -> None:
    plan = held([PlannedAct(Verb.DELETE, a_uid(1), "default")])
    later = NOW + KEPT + timedelta(hours=1)
    assert Approvals((plan,)).outdated(NOW + KEPT) == ()
    assert Approvals((plan,)).outdated(later) == (plan.id,)
    standing = replace(approved(plan), until=later + timedelta(hours=1))
    assert Approvals((plan,), (standing,)).outdated(later) == ()
