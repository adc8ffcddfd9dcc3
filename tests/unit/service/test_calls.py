"""Acts that a guard has held for over a week: whoever is on call hears of them, once and then weekly."""

from dataclasses import replace

import pytest

from app.errors import RecipientUnreachable, Transient
from app.ledger.interface import Change
from app.model import Breaker, Event, Pause
from app.plan.freeze import parse_freeze
from app.plan.limits import Brake
from app.sinks.interface import Message
from tests.fakes.policies import policy
from tests.fakes.world import DAY, START, Inbox, World, aged

pytestmark = pytest.mark.usefixtures("each_reading")


def frozen() -> World:
    """A key that is due since day 7, in a freeze without an end."""
    world = World(policy(), aged(300))
    world.limits = replace(world.limits, freeze=(parse_freeze("2026-06-01 - 2027-06-01"),))
    world.days(*range(8))
    return world


def calls(inbox: Inbox) -> list[tuple[float, str, list[str]]]:
    return [
        ((s.at - START) / DAY, alert.what, [row.guard for row in alert.rows])
        for s in inbox.summaries
        for alert in s.alerts
    ]


def test_an_act_that_a_guard_holds_for_over_a_week_is_told_once_and_then_weekly() -> None:
    world = frozen()
    world.days(*range(8, 15))
    assert calls(world.slack) == []
    world.days(15, 16, 21, 22, 23)
    assert calls(world.slack) == [(15, "held_long", ["freeze"]), (22, "held_long", ["freeze"])]
    assert calls(world.jira) == calls(world.slack)
    [alert] = [alert for s in world.slack.summaries for alert in s.alerts][:1]
    assert alert.text.startswith("1 destructive act has been held by freeze for over 7 days: freeze window")
    assert [s.news for s in world.slack.summaries[-3:]] == [False, True, False]


def test_it_counts_anew_when_the_act_was_free_meanwhile() -> None:
    world = frozen()
    plain = world.limits
    world.limits = replace(plain, freeze=(), deactivations_per_run=0)
    world.day(10)
    world.limits = plain
    world.days(11, 15, 18)
    assert calls(world.slack) == []
    world.day(18.5)
    assert calls(world.slack) == [(18.5, "held_long", ["freeze"])]


def test_an_account_that_could_not_be_read_for_a_day_ends_nothing() -> None:
    world = frozen()
    world.failing = {world.accounts[0].id: "AccessDenied"}
    world.day(10)
    world.failing = {}
    world.day(15)
    assert calls(world.slack) == [(15, "held_long", ["freeze"])]


def test_one_whose_account_could_not_be_read_when_it_was_due_is_told_with_the_next_run() -> None:
    world = frozen()
    world.failing = {world.accounts[0].id: "AccessDenied"}
    world.day(15)
    assert calls(world.slack) == []
    world.failing = {}
    world.day(16)
    assert calls(world.slack) == [(16, "held_long", ["freeze"])]


def test_a_sink_that_rested_is_told_once_it_is_over_and_the_others_not_again() -> None:
    world = frozen()
    rests = Breaker("slack", 5, 1, world.clock.instant + 7 * DAY, world.clock.instant + 9 * DAY, "503", True)
    world.ledger.apply(Change(breakers=(rests,)))
    world.days(15, 16, 17, 18)
    assert calls(world.jira) == [(15, "held_long", ["freeze"])]
    assert calls(world.slack) == [(16, "held_long", ["freeze"])]


def test_the_usual_wait_for_notices_calls_nobody_but_notices_that_never_arrive_do() -> None:
    world = World(policy(), aged(300))
    world.limits = replace(world.limits, deactivations_per_run=0)
    world.days(*range(8))
    world.slack.fault = world.jira.fault = _nobody
    lost = aged(300, "AKIAEXAMPLE000000009", "lost")
    world.keys = [lost]
    world.days(*range(8, 23))
    assert calls(world.slack) == []
    world.day(23)
    assert calls(world.slack) == [(23, "held_long", ["notices"])]


def _nobody(message: Message) -> Exception:
    return RecipientUnreachable("users_not_found")


def test_a_snooze_calls_nobody() -> None:
    from app.service import changes

    world = frozen()
    world.limits = replace(world.limits, freeze=())
    changes.snooze(world.parts(), "ci-deploy", 60 * DAY, "ann", "a migration")
    world.days(*range(8, 40, 4))
    assert calls(world.slack) == []


def test_what_could_not_be_told_is_told_with_the_next_run() -> None:
    world = frozen()
    world.slack.report_fault = Transient("500")
    world.day(15)
    world.slack.report_fault = None
    world.day(16)
    assert calls(world.slack) == [(16, "held_long", ["freeze"])]
    assert calls(world.jira) == [(15, "held_long", ["freeze"])]


def test_nobody_is_told_while_the_service_is_paused_and_nothing_is_forgotten_for_it() -> None:
    world = frozen()
    event = Event(START, "ann", "paused")
    world.ledger.pause(Pause("ann", "incident", START), event)
    world.day(15)
    world.ledger.pause(None, event)
    world.days(16, 17, 23.5)
    assert calls(world.slack) == [(23.5, "held_long", ["freeze"])]


def test_each_guard_has_a_call_of_its_own() -> None:
    world = World(policy(), *(aged(300 + n, f"AKIAEXAMPLE{n:09d}", f"user{n}") for n in range(12)))
    world.limits = replace(world.limits, brake=Brake(5, 1.0))
    world.days(*range(8), 15)
    told = calls(world.slack)
    assert [(day, what, len(guards)) for day, what, guards in told] == [
        (7, "approval", 12),
        (15, "held_long", 12),
    ]
    assert len(world.ledger.holds()) == 12


def test_holds_leave_the_ledger_with_their_acts() -> None:
    world = frozen()
    assert len(world.ledger.holds()) == 1
    world.limits = replace(world.limits, freeze=())
    world.day(9)
    assert world.acts() == ["deactivate"]
    world.day(10)
    assert world.ledger.holds() == []
