"""How long acts have been held, and when somebody on call hears of it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from app.model import Verb
from app.plan.actions import HeldAct, Plan, held
from app.plan.holds import aged, called, overdue
from app.plan.kept import Hold
from tests.fakes.acts import an_act
from tests.fakes.ledger_rows import DAY, NOW

SECOND = timedelta(seconds=1)


def an_act_held(number: int = 0, guard: str = "freeze", **changes: object) -> HeldAct:
    return replace(held(an_act(number), guard, "why"), **changes)  # type: ignore[arg-type]


def plan(*acts: HeldAct, at: datetime = NOW, **unlisted: int) -> Plan:
    return Plan(at, held=acts, unlisted=unlisted)


def hold(number: int = 0, guard: str = "freeze", since: datetime = NOW) -> Hold:
    return Hold(an_act(number).finding.id, guard, since)


def test_a_hold_begins_when_it_is_first_seen() -> None:
    found = aged((), plan(an_act_held(), at=NOW + DAY))
    assert found.standing == found.new == (hold(since=NOW + DAY),)


def test_it_goes_on_while_the_same_guard_holds_the_same_act() -> None:
    found = aged((hold(),), plan(an_act_held(), at=NOW + DAY))
    assert (found.standing, found.new, found.ended) == ((hold(),), (), ())


def test_another_guard_or_another_act_is_another_hold() -> None:
    found = aged((hold(),), plan(an_act_held(guard="brake"), an_act_held(1), at=NOW + DAY))
    assert found.ended == ((hold().finding_id, "freeze"),)
    assert {(h.finding_id, h.guard) for h in found.new} == {
        (hold().finding_id, "brake"),
        (hold(1).finding_id, "freeze"),
    }


def test_before_its_day_nobody_waits_for_it() -> None:
    [found] = aged((), plan(an_act_held(guard="notices", due_at=NOW + 7 * DAY))).new
    assert found.since == NOW + 7 * DAY


def test_notices_and_what_a_person_put_on_hold_are_no_acts_that_wait() -> None:
    acts = (an_act_held(guard="notices_per_run", verb=Verb.NOTIFY), an_act_held(guard="snooze"))
    assert aged((), plan(*acts)).new == ()


def test_what_could_not_be_seen_does_not_end() -> None:
    unread = plan(an_act_held(guard="scan_failed"))
    assert aged((hold(),), unread).ended == ()
    assert aged((hold(),), plan(freeze=3)).ended == ()
    assert aged((hold(),), plan(brake=3)).ended == ((hold().finding_id, "freeze"),)


@pytest.mark.parametrize(
    ("after", "calls"),
    [(7 * DAY, False), (7 * DAY + SECOND, True), (30 * DAY, True)],
)
def test_somebody_is_called_after_more_than_a_week(after: timedelta, calls: bool) -> None:
    assert bool(overdue([hold()], "slack", NOW + after)) == calls


@pytest.mark.parametrize(
    ("after", "calls"), [(timedelta(0), False), (7 * DAY - SECOND, False), (7 * DAY, True)]
)
def test_then_weekly_and_each_sink_by_itself(after: timedelta, calls: bool) -> None:
    told = called(hold(), "slack", NOW + 8 * DAY)
    assert bool(overdue([told], "slack", NOW + 8 * DAY + after)) == calls
    assert overdue([told], "mail", NOW + 8 * DAY) == (told,)
