"""A policy that is read in the middle of a run: no further act by the old one, and nothing that was approved,
tried or left waiting under that one counts for the new one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from app.model import Account, Mode
from app.plan.limits import Brake, Canary
from app.plan.record import Change
from app.service.approve import approve
from app.service.daemon import Daemon, Schedule, Setup
from app.service.parts import Parts
from app.service.run_once import RunReport, run_once
from app.service.snapshot import Health, SnapshotHolder
from app.telemetry import Counters
from tests.fakes.archive import Shelf
from tests.fakes.crowd import Nth, crowd
from tests.fakes.ledger_rows import run
from tests.fakes.policies import policy
from tests.fakes.world import DAY, PROD, START, World, aged

HOUR = timedelta(hours=1)
SANDBOX = Account("444455556666", "sandbox")
OBSERVE = policy(mode=Mode.OBSERVE)


def on_day(world: World, day: float, **parts: object) -> RunReport:
    world.clock.instant = START + day * DAY
    return run_once(replace(world.parts(), **parts))  # type: ignore[arg-type]


def test_it_stops_the_acts_of_a_run_under_way_and_not_its_notices() -> None:
    world, read = crowd(old=20, young=5), list[str]()
    world.before_write = Nth(5, lambda: read.append("another"))
    report = on_day(world, 7, outdated=lambda: bool(read))
    assert len(world.acts()) == 5  # the fifth was under way
    assert report.plan.held_by_guard() == {"config": 15}
    assert report.outcome == "success"
    assert len([n for n in world.slack.notices if n.stage == "warn"]) == 5
    assert len([n for n in world.slack.notices if n.kind == "done"]) == 5
    world.day(7.2)
    assert len(world.acts()) == 20


def test_what_is_read_while_the_role_is_assumed_holds_the_act() -> None:
    class SlowToSignIn(World):
        def ready(self, account: Account) -> None:
            read.append("another")

    read = list[str]()
    world = SlowToSignIn(policy(), aged(300))
    world.days(0, 4)
    report = on_day(world, 7, outdated=lambda: bool(read))
    assert world.acts() == []
    assert report.plan.held_by_guard() == {"config": 1}
    world.day(8)
    assert world.acts() == ["deactivate"]


# --- by the daemon -------------------------------------------------------------------------------------


@dataclass
class Stage:
    """A daemon whose world has 20 acts to do, and a config that can be read meanwhile."""

    world: World
    daemon: Daemon

    def reads(self, name: str, **parts: object) -> None:
        changed: Parts = replace(self.world.parts(), config_hash=name, **parts)  # type: ignore[arg-type]
        newest = Setup(changed, self.daemon.schedule)
        self.daemon.newest = lambda: newest


@contextmanager
def daemon_of(world: World) -> Iterator[Stage]:
    """The last run was an hour ago, so that none is due by itself."""
    now = datetime.now(UTC)
    world.clock.instant = now
    world.ledger.apply(Change(run=run(now - HOUR, config_hash=world.config_hash)))
    schedule, health = Schedule(6 * HOUR, timedelta(0)), Health(lambda: 0.0, lambda: None)
    daemon = Daemon(world.parts(), schedule, SnapshotHolder(), health, Counters())
    daemon.start()
    yield Stage(world, daemon)
    assert daemon.stop(timedelta(seconds=5))


@pytest.fixture
def stage() -> Iterator[Stage]:
    with daemon_of(crowd(old=20, young=0)) as made:
        yield made


def test_from_enforce_to_observe_nothing_more_is_done_by_the_cycle_under_way_nor_by_the_next(
    stage: Stage,
) -> None:
    world = stage.world
    world.before_write = Nth(5, lambda: stage.reads("observing", policy=OBSERVE, sinks={}))
    stage.daemon.cycle()
    assert len(world.acts()) == 5
    assert stage.daemon.holder.get().held == {"config": 15}
    told = len(world.slack.sent)
    stage.daemon.renew()
    stage.daemon.cycle()
    assert len(world.acts()) == 5
    assert len(world.slack.sent) == told


def test_a_config_that_decides_the_same_stops_nothing(stage: Stage) -> None:
    """The log level, a sink's token, the S3 copy."""
    world = stage.world
    world.before_write = Nth(5, lambda: stage.reads(world.config_hash))
    stage.daemon.cycle()
    assert len(world.acts()) == 20


def test_one_that_is_taken_back_in_time_stops_nothing(stage: Stage) -> None:
    world = stage.world

    def read_and_take_back() -> None:
        stage.reads("another")
        stage.reads(world.config_hash)

    world.before_write = Nth(5, read_and_take_back)
    stage.daemon.cycle()
    assert len(world.acts()) == 20


# --- what was given to the old one ---------------------------------------------------------------------


def braked() -> World:
    world = crowd(old=12, young=0)
    world.limits = replace(world.limits, brake=Brake(deactivations=5, share=1.0))
    world.day(7)
    assert world.acts() == []
    return world


def let_through(world: World) -> None:
    [*_, plan] = sorted(world.ledger.held_plans(), key=lambda plan: plan.last_held_at)
    approve(world.parts(), plan.id, "ann", "it is meant")


def test_an_approval_given_under_the_old_one_lets_nothing_through() -> None:
    world = braked()
    let_through(world)
    world.config_hash = "decaf"
    report = world.day(7.1)
    assert world.acts() == []
    assert report.plan.held_by_guard() == {"brake": 12}
    assert len({plan.id for plan in world.ledger.held_plans()}) == 2
    let_through(world)
    world.day(7.2)
    assert len(world.acts()) == 12


def test_an_approval_is_not_used_up_by_an_act_that_it_holds() -> None:
    world, read = braked(), list[str]()
    let_through(world)
    world.before_write = Nth(5, lambda: read.append("another"))
    on_day(world, 7.1, outdated=lambda: bool(read))
    [approval] = world.ledger.approvals()
    assert len(world.acts()) == len(approval.used) == 5
    world.day(7.2)
    assert len(world.acts()) == 12


def test_a_canary_that_passed_under_the_old_one_goes_first_again() -> None:
    sandbox, prod = (
        aged(300, "AKIAEXAMPLE000000001", "dev", account=SANDBOX),
        aged(300, "AKIAEXAMPLE000000002"),
    )
    later = [
        aged(78, "AKIAEXAMPLE000000003", "dev-2", account=SANDBOX),
        aged(78, "AKIAEXAMPLE000000004", "ci-2"),
    ]
    world = World(policy(), sandbox, prod, *later)
    world.accounts = [SANDBOX, PROD]
    world.limits = replace(world.limits, canary=Canary(("sandbox",), timedelta(days=1)))
    world.days(*range(12))
    assert [key_id[-1] for _, key_id in world.writes] == ["1", "2"]
    world.config_hash = "decaf"
    assert world.day(12).plan.held_by_guard() == {"canary": 1}
    assert [key_id[-1] for _, key_id in world.writes] == ["1", "2", "3"]
    world.day(13)
    assert [key_id[-1] for _, key_id in world.writes] == ["1", "2", "3", "4"]


# --- the copy of the audit trail -----------------------------------------------------------------------


def test_another_copy_begins_with_the_next_cycle_and_has_the_whole_trail(stage: Stage) -> None:
    first, second = Shelf("s3://audit/first/"), Shelf("s3://audit/second/")
    stage.reads(stage.world.config_hash, archive=first)
    stage.daemon.cycle()
    one = first.text
    stage.reads(stage.world.config_hash, archive=second)
    stage.daemon.cycle()
    assert one
    assert first.text == one
    assert second.text.startswith(one)
    assert stage.daemon.holder.get().uncopied == 0
