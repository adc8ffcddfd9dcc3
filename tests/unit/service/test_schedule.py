"""When the daemon's first cycle runs, and what is tried again between two runs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.errors import Transient
from app.ledger.interface import LedgerView
from app.model import DeliveryState, Event, Mode, Pause, RunRecord
from app.service.daemon import Schedule
from app.service.retry import retry_failed
from tests.fakes.policies import policy
from tests.fakes.world import DAY, PROD, START, World, aged

NOW = datetime(2026, 6, 1, 12, 30, tzinfo=UTC)
HOURS = timedelta(hours=1)
EVERY = Schedule(6 * HOURS, timedelta(0))
CRON = Schedule(6 * HOURS, timedelta(0), "0 */6 * * *", "Europe/Berlin")


def ran(ago: timedelta | None) -> LedgerView:
    run = RunRecord(NOW - ago, NOW - ago, "success") if ago is not None else None
    return LedgerView(last_run=run)


@pytest.mark.parametrize(
    ("schedule", "ago", "first"),
    [
        (EVERY, None, NOW),
        (EVERY, 7 * HOURS, NOW),
        (EVERY, 6 * HOURS, NOW),
        (EVERY, 2 * HOURS, NOW + 4 * HOURS),
        (EVERY, -9000 * HOURS, NOW),
        (CRON, None, NOW),
        (CRON, -9000 * HOURS, NOW),
        (CRON, 9 * HOURS, NOW),
        (CRON, 1 * HOURS, None),
    ],
)
def test_a_missed_cycle_is_made_up_at_once_and_none_comes_early(
    schedule: Schedule, ago: timedelta | None, first: datetime | None
) -> None:
    assert schedule.first(ran(ago), NOW) == first


@pytest.mark.parametrize("schedule", [EVERY, CRON])
def test_a_run_that_could_not_start_is_made_up_at_the_next_start(schedule: Schedule) -> None:
    failed = RunRecord(NOW - HOURS, NOW - HOURS, "failed")
    assert schedule.first(LedgerView(last_run=failed), NOW) == NOW


def failed_once() -> World:
    world = World(policy(), aged(300))
    world.slack.fault = lambda m: Transient("500")
    world.day(0)
    world.slack.fault = lambda m: None
    return world


def test_a_failed_notice_is_tried_again_between_runs_once_its_wait_is_over() -> None:
    world = failed_once()
    retry_failed(world.parts())
    assert world.told() == []
    world.clock.instant = START + timedelta(minutes=2)
    retry_failed(world.parts())
    assert world.told() == [(0, "final")]
    retry_failed(world.parts())
    assert len(world.told()) == 1


def test_the_wait_that_the_other_side_asked_for_is_kept() -> None:
    world = World(policy(), aged(300))
    world.slack.fault = lambda m: Transient("429", retry_after=timedelta(minutes=30))
    world.day(0)
    world.slack.fault = lambda m: None
    world.clock.instant = START + timedelta(minutes=29)
    retry_failed(world.parts())
    assert world.told() == []
    world.clock.instant = START + timedelta(minutes=30)
    retry_failed(world.parts())
    assert world.told() == [(0, "final")]


def test_nothing_is_tried_again_while_paused_or_once_the_key_is_gone() -> None:
    world = failed_once()
    world.clock.instant = START + timedelta(hours=1)
    event = Event(world.clock.instant, "ann", "paused")
    world.ledger.pause(Pause("ann", "incident", world.clock.instant), event)
    retry_failed(world.parts())
    assert world.told() == []
    world.ledger.pause(None, event)
    world.keys.clear()
    world.clock.instant = START + DAY
    world.day(1)
    retry_failed(world.parts())
    assert world.told() == []
    states = {d.state for d in world.ledger.undelivered() if d.sink == "slack"}
    assert DeliveryState.FAILED not in states


def test_nothing_is_tried_again_while_the_tags_cannot_be_read() -> None:
    world = failed_once()
    world.keys[0].tags = None
    world.day(0.25)
    world.clock.instant += timedelta(hours=2)
    retry_failed(world.parts())
    assert world.told() == []
    world.keys[0].tags = {}
    world.day(0.5)
    assert world.told() == [(0, "final")]


def test_nothing_is_tried_again_in_an_account_that_is_only_observed() -> None:
    world = failed_once()
    world.accounts = [replace(PROD, mode=Mode.OBSERVE)]
    world.day(0.25)
    world.clock.instant += timedelta(hours=2)
    retry_failed(world.parts())
    assert world.told() == []


def test_no_closing_is_tried_again_in_an_account_that_is_only_observed() -> None:
    world = World(policy(), aged(300))
    world.day(0)
    world.keys.clear()
    world.jira.closing_fault = Transient("Jira answered 503")
    world.day(1)
    world.jira.closing_fault = None
    world.accounts = [replace(PROD, mode=Mode.OBSERVE)]
    world.day(1.25)
    world.clock.instant += timedelta(hours=2)
    retry_failed(world.parts())
    assert world.jira.resolved == []
    world.accounts = [PROD]
    world.day(2)
    assert len(world.jira.resolved) == 1


def test_after_an_edit_of_the_config_a_run_decides_before_anything_is_tried_again() -> None:
    world = failed_once()
    world.clock.instant += timedelta(hours=2)
    retry_failed(replace(world.parts(), config_hash="edited"))
    assert world.told() == []
    retry_failed(world.parts())
    assert world.told() == [(0, "final")]
