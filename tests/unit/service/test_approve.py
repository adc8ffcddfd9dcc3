"""A plan past the brake: held, told once, approved by name, and carried out once; on whole runs."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.errors import KeystewardError, Permanent, Transient
from app.model import ACTIVE, Breaker, Event, Pause
from app.plan.freeze import parse_freeze
from app.plan.kept import HeldPlan
from app.plan.limits import Brake
from app.plan.record import Change
from app.service.approve import approve
from app.service.lookup import AmbiguousKey, NotFound
from app.service.retry import retry_failed
from tests.fakes.ledger_rows import approval, event, held_plan
from tests.fakes.policies import policy
from tests.fakes.world import DAY, START, Key, World, aged

pytestmark = pytest.mark.usefixtures("each_reading")

NUMBER = 12


def many(number: int = NUMBER, first: int = 0) -> list[Key]:
    return [aged(300 + n, f"AKIAEXAMPLE{n:09d}", f"user{n}") for n in range(first, first + number)]


def braked(*keys: Key) -> World:
    """Twelve keys whose notices have been out for a week, and a brake at five."""
    world = World(policy(), *(keys or many()))
    brake = Brake(deactivations=5, share=1.0)
    world.limits = replace(world.limits, deactivations_per_run=4, share_of_account=1.0, brake=brake)
    world.days(*range(8))
    return world


def the_plan(world: World) -> HeldPlan:
    """The one that was held last."""
    return max(world.ledger.held_plans(), key=lambda plan: plan.last_held_at)


def let_through(world: World, name: str = "", by: str = "ann", reason: str = "it is meant") -> HeldPlan:
    return approve(world.parts(), name or the_plan(world).short, by, reason).plan


def refusal(world: World, name: str = "") -> str:
    with pytest.raises(KeystewardError) as refused:
        let_through(world, name)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def calls(world: World, what: str = "approval") -> list[tuple[float, str, int]]:
    """(day, plan, acts) of every call that reached Slack."""
    return [
        ((s.at - START) / DAY, alert.plan, len(alert.rows))
        for s in world.slack.summaries
        for alert in s.alerts
        if alert.what == what
    ]


def audited(world: World, what: str) -> list[Event]:
    return [e for e in world.ledger.events() if e.what == what]


# --- held, and told once ---------------------------------------------------------------------------------


def test_nothing_is_destroyed_and_the_on_call_is_told_once_with_the_list() -> None:
    world = braked()
    world.days(8, 9, 10)
    assert world.acts() == []
    assert calls(world) == [(7, the_plan(world).short, NUMBER)]
    [alert] = [alert for s in world.slack.summaries for alert in s.alerts]
    assert {row.user for row in alert.rows} == {f"user{n}" for n in range(NUMBER)}
    assert f"keysteward approve {the_plan(world).short}" in alert.text
    assert len(audited(world, "plan_held")) == 1


def test_its_acts_are_in_the_call_only_and_later_summaries_say_that_it_still_waits() -> None:
    world = braked()
    world.keys.append(aged(300 - 8, "AKIAYOUNG00000000001", "young"))
    world.day(8)
    last, name = world.slack.summaries[-1], the_plan(world).short
    assert [row.user for row in last.rows if row.guard == "brake"] == []
    assert last.warnings == (f"plan {name} still waits at the brake for `keysteward approve {name}`",)
    assert [row.user for row in world.slack.summaries[7].rows if row.guard == "brake"] == []


def test_a_run_that_only_holds_the_same_plan_is_no_news() -> None:
    world = braked()
    world.days(8, 9)
    assert [s.news for s in world.slack.summaries[-3:]] == [True, False, False]


def test_whoever_could_not_be_reached_is_told_with_the_next_run_and_the_others_not_again() -> None:
    world = World(policy(), *many())
    world.limits = replace(world.limits, brake=Brake(deactivations=5, share=1.0))
    world.days(*range(7))
    world.slack.report_fault = Transient("500")
    assert any("the run summary was not delivered" in text for text in world.day(7).failures)
    world.slack.report_fault = None
    world.days(8, 9)
    assert [day for day, *_ in calls(world)] == [8]
    assert [len(s.alerts) for s in world.jira.summaries[7:]] == [1, 0, 0]


def test_a_sink_that_rested_is_told_as_soon_as_it_is_back_and_nobody_twice() -> None:
    world = World(policy(), *many())
    world.limits = replace(world.limits, brake=Brake(deactivations=5, share=1.0))
    world.days(*range(7))
    until = START + 7 * DAY + timedelta(minutes=4)
    rests = Breaker("slack", 7, 3, START + 7 * DAY, until, "HTTP 503", told=True)
    world.ledger.apply(Change(breakers=(rests,)))
    world.day(7)
    for minute in range(1, 10):
        world.clock.instant = START + 7 * DAY + timedelta(minutes=minute)
        if minute == 4:
            world.slack.report_fault = Transient("HTTP 503")  # it still rests for 4 to 8 minutes after this
        retry_failed(world.parts())
        world.slack.report_fault = None
    assert calls(world) == []
    world.clock.instant += timedelta(minutes=5)
    for _ in range(3):
        retry_failed(world.parts())
    [(day, plan, number)] = calls(world)
    assert (day > 7, plan, number) == (True, the_plan(world).short, NUMBER)
    [alert] = [alert for s in world.slack.summaries for alert in s.alerts]
    assert {row.key_tail for row in alert.rows} == {f"…00{n:02d}" for n in range(NUMBER)}
    assert world.ledger.frame().breakers["slack"].rests == 0
    world.days(7.5, 8)
    assert len(calls(world)) == 1
    assert [len(s.alerts) for s in world.jira.summaries[7:]] == [1, 0, 0]


def test_nobody_is_told_late_of_a_plan_that_was_approved_meanwhile() -> None:
    world = braked()
    rests = Breaker("mail", 7, 3, START + 7 * DAY, START + 7 * DAY, "HTTP 503", told=True)
    slack = replace(rests, sink="slack")
    held = replace(the_plan(world), told={})
    world.ledger.apply(Change(held_plans=(held,), breakers=(rests, slack)))
    let_through(world)
    world.clock.instant += timedelta(minutes=5)
    retry_failed(world.parts())
    assert len(calls(world)) == 1


def test_a_plan_that_shrinks_is_told_no_second_time_and_one_that_grows_is() -> None:
    world = braked()
    first = the_plan(world).short
    world.keys.pop()
    world.day(8)
    assert calls(world) == [(7, first, NUMBER)]
    world.keys += many(1, first=50)
    world.days(*range(9, 17))
    assert [(day, number) for day, _, number in calls(world)] == [(7, 12), (16, 12)]
    assert calls(world)[-1][1] != first


def test_the_text_of_each_held_act_names_the_plan() -> None:
    world = braked()
    report = world.day(8)
    assert {h.guard for h in report.plan.held} == {"brake"}
    assert all(f"keysteward approve {the_plan(world).short}" in h.text for h in report.plan.held)


# --- approved, and done once -----------------------------------------------------------------------------


def test_an_approved_plan_goes_on_over_the_runs_of_its_day_at_the_usual_pace() -> None:
    world = braked()
    let_through(world)
    world.day(7.25)
    assert len(world.writes) == 4
    world.days(7.5, 7.75)
    assert len(world.writes) == NUMBER
    assert len({key for _, key in world.writes}) == NUMBER
    assert len(calls(world)) == 1


def test_who_approved_what_and_that_it_was_used_is_in_the_audit_trail() -> None:
    world = braked()
    plan = let_through(world, reason="the old keys really go")
    world.days(7.25, 7.5, 7.75)
    [given], [used] = audited(world, "plan_approved"), audited(world, "approval_used")
    assert (given.by, given.data["acts"], given.data["plan"]) == ("ann", NUMBER, plan.id)
    assert "12 acts" in given.detail
    assert "the old keys really go" in given.detail
    assert f"plan {plan.short}, approved by ann" in used.detail
    assert all(f"plan {plan.short} approved by ann" in e.detail for e in audited(world, "deactivated"))


def test_after_its_day_the_rest_waits_again_under_a_name_of_its_own() -> None:
    world = braked()
    let_through(world)
    world.day(7.5)
    world.day(8.1)
    assert len(world.writes) == 4
    assert [number for _, _, number in calls(world)] == [NUMBER, NUMBER - 4]
    let_through(world)
    world.day(8.2)
    assert len(world.writes) == 8


def test_a_key_that_joined_meanwhile_is_not_let_through_with_it() -> None:
    world = World(policy(), *many())
    brake = Brake(deactivations=5, share=1.0)
    world.limits = replace(world.limits, deactivations_per_run=4, share_of_account=1.0, brake=brake)
    world.day(0)
    world.keys.append(aged(400, "AKIAEXAMPLE999999999", "joined"))
    world.days(*range(1, 8))
    world.clock.instant += DAY / 2
    first = let_through(world)
    world.days(8.1, 8.2)
    assert len(world.writes) == 8
    assert "AKIAEXAMPLE999999999" not in {key for _, key in world.writes}
    assert [act.user for act in the_plan(world).acts] == ["joined"]
    assert [number for *_, number in calls(world)] == [NUMBER, 1]
    assert "is used" in refusal(world, first.short)
    world.day(8.3)  # five are left: that is no crowd
    assert ("deactivate", "AKIAEXAMPLE999999999") in world.writes


def test_a_plan_that_has_grown_must_be_approved_as_it_is_now() -> None:
    world = braked()
    first = the_plan(world)
    world.keys.append(aged(400, "AKIAEXAMPLE999999999", "joined"))
    world.days(*range(8, 16))
    later = the_plan(world)
    assert (len(first.acts), len(later.acts)) == (NUMBER, NUMBER + 1)
    assert refusal(world, first.short) == (
        f"plan {first.short} has changed: the brake holds {later.short} now"
    )


def test_a_key_reactivated_by_hand_is_not_taken_twice_under_one_approval() -> None:
    world = braked()
    let_through(world)
    world.day(7.1)
    uids = set(world.ledger.approvals()[0].used)
    assert {uid.partition("/")[2] for uid in uids} == {key for _, key in world.writes}
    for key in world.keys:
        key.status = ACTIVE
    world.day(7.2)
    assert len({key for _, key in world.writes}) == len(world.writes) == 8


def test_every_other_rule_still_applies() -> None:
    world = braked()
    let_through(world)
    plain = world.limits
    world.limits = replace(plain, freeze=(parse_freeze("00:00 - 23:59"),))
    world.day(7.1)
    world.limits = plain
    world.ledger.pause(Pause("joe", "incident", world.clock.instant), event("paused"))
    world.day(7.2)
    world.ledger.pause(None, event("resumed"))
    assert world.acts() == []
    world.key("AKIAEXAMPLE000000011").tags = None  # type: ignore[union-attr]  # the oldest
    world.day(7.3)
    assert world.writes
    assert "AKIAEXAMPLE000000011" not in {key for _, key in world.writes}


def test_an_approval_given_while_a_run_reads_the_accounts_counts_for_that_run() -> None:
    world = braked()
    real = world.scan

    def scan(*args: object) -> object:
        yield from real(*args)  # type: ignore[arg-type]
        world.clock.instant += timedelta(minutes=5)
        let_through(world)

    world.scan = scan  # type: ignore[method-assign,assignment]
    world.day(7.25)
    assert len(world.writes) == 4


def test_an_act_that_failed_for_certain_keeps_its_approval() -> None:
    world = braked()
    world.denied = {"AKIAEXAMPLE000000011"}
    let_through(world)
    world.days(7.2, 7.4)
    assert len(world.writes) == 7
    assert not any(uid.endswith("011") for uid in world.ledger.approvals()[0].used)
    world.denied = set()
    world.days(7.6, 7.8)
    assert len(world.writes) == NUMBER


def test_an_approval_that_ends_between_plan_and_act_holds_it() -> None:
    world = braked()
    let_through(world)
    real = world.read

    def slow(*args: object) -> object:
        world.clock.instant += timedelta(hours=1)
        return real(*args)  # type: ignore[arg-type]

    world.read = slow  # type: ignore[method-assign,assignment]
    report = world.day(7 + 22.5 / 24)
    assert len(world.writes) == 1
    assert "the approval of plan" in report.plan.held[-1].text


# --- refused ---------------------------------------------------------------------------------------------


def test_a_plan_that_is_used_is_not_approved_again() -> None:
    world = braked()
    plan = let_through(world)
    assert refusal(world, plan.short).startswith(f"plan {plan.short} is approved already, by ann, until")
    world.days(7.25, 7.5, 7.75)
    assert refusal(world, plan.short).startswith(f"plan {plan.short} is used: ann approved it on")
    assert "; the rest may go until" in refusal(world, plan.short)
    world.day(12)
    assert refusal(world, plan.short).endswith("12 of 12 acts")
    assert len(world.writes) == NUMBER
    assert len(audited(world, "plan_approved")) == 1


def test_an_unknown_plan_is_not_found_and_the_latest_is_named() -> None:
    world = World(policy())
    assert refusal(world, "3f2a91c04d5e") == "no run has held a plan '3f2a91c04d5e' at the brake"
    world = braked()
    with pytest.raises(NotFound, match=f"the latest is {the_plan(world).short}"):
        let_through(world, "0000")
    with pytest.raises(NotFound, match="at least 4 characters"):
        let_through(world, "3f")


def test_it_goes_by_any_beginning_of_its_id_in_either_case() -> None:
    world = braked()
    assert let_through(world, the_plan(world).id[:6].upper()) == the_plan(world)


def test_of_several_all_are_listed_and_none_is_approved() -> None:
    world = World(policy())
    plans = (held_plan("3f2a91c04d5e"), held_plan("3f2a00000000", "a/b", "c/d"))
    world.ledger.apply(Change(held_plans=plans))
    with pytest.raises(AmbiguousKey) as refused:
        let_through(world, "3f2a")
    assert all(plan.id in str(refused.value) for plan in plans)
    assert "2 acts" in str(refused.value)
    assert world.ledger.approvals() == []


def test_under_another_config_it_is_another_plan() -> None:
    world = braked()
    world.config_hash = "decaf"
    assert "was made under another config" in refusal(world)


def test_a_plan_that_no_run_has_held_for_a_day_has_expired() -> None:
    world = braked()
    plan = the_plan(world)
    world.limits = replace(world.limits, brake=Brake(1000, 1.0), deactivations_per_run=0)
    world.days(7.25, 8.5)
    assert refusal(world, plan.short).startswith(f"plan {plan.short} has expired: it was last held on")


def test_the_plan_of_the_latest_run_can_be_approved_however_long_ago_that_was() -> None:
    world = braked()
    world.clock.instant = START + 11 * DAY
    let_through(world)
    world.day(11.1)
    assert len(world.writes) == 4


def test_an_approval_that_nobody_used_can_be_given_again_when_a_run_holds_the_plan() -> None:
    world = braked()
    plan = let_through(world)
    plain = world.limits
    world.limits = replace(plain, deactivations_per_run=0)
    world.clock.instant = START + 8.5 * DAY
    assert "has expired on" in refusal(world, plan.short)
    world.day(8.5)
    assert [day for day, *_ in calls(world)] == [7, 8.5]
    let_through(world, plan.short)
    world.limits = plain
    world.day(8.6)
    assert len(world.writes) == 4
    assert [a.number for a in world.ledger.approvals()] == [1, 2]


def test_of_two_who_approve_at_once_the_second_is_told_so() -> None:
    world = braked()
    plan = the_plan(world)
    real = world.ledger.approve

    def late(*args: object) -> bool:
        world.ledger.approve = real  # type: ignore[method-assign]
        let_through(world)
        return real(*args)  # type: ignore[arg-type]

    world.ledger.approve = late  # type: ignore[method-assign,assignment]
    with pytest.raises(Permanent, match="approved by somebody else just now"):
        let_through(world, by="joe")
    assert [a.by for a in world.ledger.approvals()] == ["ann"]
    assert approval(plan.short) not in world.ledger.approvals()
