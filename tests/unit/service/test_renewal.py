"""Between two cycles the daemon takes another config; in the middle of one it never does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from app.inventory.interface import HubIdentity
from app.service.daemon import Daemon, Schedule, Setup
from app.service.parts import Parts
from app.service.run_once import run_once
from app.service.snapshot import Health, SnapshotHolder
from app.telemetry import Counters
from tests.fakes.policies import policy
from tests.fakes.world import World, aged

HOURS = timedelta(hours=1)
EVERY = Schedule(6 * HOURS, timedelta(0))


@dataclass
class Stage:
    """A daemon whose last run was two hours ago; the tests run its cycles by hand."""

    world: World
    daemon: Daemon
    newest: Setup | None = None
    used: list[str] = field(default_factory=list)  # by each cycle: under which config it began and ended
    within: Callable[[], None] = lambda: None
    entered: list[str] = field(default_factory=list)

    def parts(self, name: str) -> Parts:
        def hub() -> HubIdentity:
            self.used.append(name)
            self.within()
            return self.world.identity

        return replace(self.world.parts(), hub=hub, config_hash=name)

    def offer(self, name: str, schedule: Schedule = EVERY) -> None:
        self.newest = Setup(self.parts(name), schedule, lambda: self.entered.append(name))

    @property
    def hashes(self) -> str:
        run = self.world.ledger.frame().last_run
        return run.config_hash if run else ""

    def next_run(self) -> timedelta:
        at = self.daemon.holder.get().next_run_at
        assert at is not None
        return at - self.world.clock.instant


@pytest.fixture
def stage() -> Iterator[Stage]:
    with a_stage() as made:
        yield made


@contextmanager
def a_stage() -> Iterator[Stage]:
    world = World(policy(), aged(10))
    now = datetime.now(UTC)
    world.clock.instant = now - 2 * HOURS
    run_once(world.parts())
    world.clock.instant = now
    daemon = Daemon(world.parts(), EVERY, SnapshotHolder(), Health(lambda: 0.0, lambda: None), Counters())
    made = Stage(world, daemon)
    daemon.newest = lambda: made.newest
    daemon.start()
    yield made
    assert daemon.stop(timedelta(seconds=5))


def test_a_new_config_is_in_force_from_the_next_cycle_on(stage: Stage) -> None:
    stage.offer("new")
    stage.daemon.cycle()
    assert (stage.used, stage.hashes, stage.entered) == (["new"], "new", ["new"])
    stage.daemon.cycle()
    assert (stage.used, stage.entered) == (["new", "new"], ["new"])


def test_a_cycle_that_is_under_way_keeps_its_own(stage: Stage) -> None:
    def comes_now() -> None:
        stage.offer("second")
        stage.daemon.renew()

    stage.offer("first")
    stage.within = comes_now
    stage.daemon.cycle()
    assert (stage.hashes, stage.entered) == ("first", ["first"])
    stage.within = lambda: None
    stage.daemon.renew()
    assert stage.entered == ["first", "second"]
    stage.daemon.cycle()
    assert stage.hashes == "second"


def test_between_two_cycles_it_is_in_force_at_once_and_none_is_run_for_it(stage: Stage) -> None:
    stage.offer("new")
    stage.daemon.renew()
    stage.daemon.renew()
    assert (stage.used, stage.entered) == ([], ["new"])
    assert stage.daemon.parts.config_hash == "new"
    assert 3.9 * HOURS < stage.next_run() < 4.1 * HOURS


def test_only_the_newest_comes_into_force(stage: Stage) -> None:
    stage.offer("first")
    stage.offer("second")
    stage.daemon.renew()
    assert stage.entered == ["second"]


@pytest.mark.parametrize(
    ("every", "low", "high"),
    [(3 * HOURS, 0.9 * HOURS, 1.1 * HOURS), (24 * HOURS, 21.9 * HOURS, 22.1 * HOURS)],
)
def test_another_schedule_counts_from_the_last_run(
    stage: Stage, every: timedelta, low: timedelta, high: timedelta
) -> None:
    stage.offer("new", Schedule(every, timedelta(0)))
    stage.daemon.renew()
    assert low < stage.next_run() < high


def test_by_a_schedule_that_is_overdue_a_cycle_is_due_now(stage: Stage) -> None:
    stage.offer("new", Schedule(HOURS, timedelta(0)))
    stage.daemon._scheduler.pause()  # else it would be under way before anybody could look
    stage.daemon.renew()
    assert stage.next_run() <= timedelta(seconds=1)


def test_another_schedule_at_a_cycles_start_counts_from_there(stage: Stage) -> None:
    stage.offer("new", Schedule(HOURS, timedelta(0)))
    stage.daemon.cycle()
    assert stage.used == ["new"]
    assert 0.9 * HOURS < stage.next_run() < 1.1 * HOURS


def test_a_service_that_is_stopping_takes_nothing_new(stage: Stage) -> None:
    stage.daemon.parts.stop.set()
    stage.offer("new")
    stage.daemon.renew()
    assert stage.entered == []
