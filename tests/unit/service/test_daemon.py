"""What the daemon shows of a scan: while it goes on, at its end, and when it breaks off."""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from app.inventory.interface import AccountMemory, Need, Scanned
from app.model import Account
from app.service.daemon import Daemon, Schedule
from app.service.pulse import Pulse
from app.service.run_once import run_once
from app.service.snapshot import Health, SnapshotHolder, Sweep
from app.telemetry import Counters
from tests.fakes.clock import HandClock
from tests.fakes.policies import policy
from tests.fakes.world import World, aged

ACCOUNTS = [Account("111122223333", "prod"), Account("444455556666", "test"), Account("777788889999", "dev")]


@dataclass
class Watching:
    """A fleet that notes, before each account, what is shown at that moment."""

    world: World
    holder: SnapshotHolder
    breaks_after: int = 99
    seen: list[Sweep | None] = field(default_factory=list)

    def scan(
        self,
        accounts: Sequence[Account],
        need: Need,
        memory: Callable[[str], AccountMemory],
        now: datetime,
        resumed: Collection[str] = (),
    ) -> Iterable[Scanned]:
        for number, scanned in enumerate(self.world.scan(accounts, need, memory, now)):
            if number == self.breaks_after:
                raise RuntimeError("a fault of ours")
            self.seen.append(self.holder.get().sweep)
            yield scanned


@contextmanager
def a_daemon(breaks_after: int = 99, pulse: Pulse | None = None) -> Iterator[tuple[Daemon, Watching]]:
    """Started, with its next cycle hours away: a test runs the cycles by hand."""
    world, pulse = World(policy(), aged(300)), pulse or Pulse()
    world.clock.instant = datetime.now(UTC)
    world.accounts, world.failing = ACCOUNTS, {"444455556666": "denied"}
    run_once(world.parts())
    fleet = Watching(world, SnapshotHolder(sweep=pulse.sweep), breaks_after)
    parts = replace(world.parts(), fleet=fleet, progress=pulse)
    health = Health(lambda: 0.0, world.ledger.paused)
    daemon = Daemon(parts, Schedule(timedelta(hours=6), timedelta(0)), fleet.holder, health, Counters())
    daemon.start()
    yield daemon, fleet
    assert daemon.stop(timedelta(seconds=5))


def under_way(sweep: Sweep | None) -> tuple[bool, int, int]:
    assert sweep is not None
    return sweep.under_way, sweep.done, sweep.failed


def test_a_scan_is_shown_while_it_goes_on_and_as_over_afterwards() -> None:
    with a_daemon() as (daemon, fleet):
        assert fleet.holder.get().sweep is None
        daemon.cycle()
        assert [under_way(sweep) for sweep in fleet.seen] == [(True, 0, 0), (True, 1, 0), (True, 2, 1)]
        assert under_way(fleet.holder.get().sweep) == (False, 3, 1)


def test_a_run_that_breaks_off_leaves_no_scan_that_seems_to_go_on() -> None:
    with a_daemon(breaks_after=1) as (daemon, fleet):
        daemon.cycle()
        assert "failed" in fleet.holder.get().last_runs
        assert under_way(fleet.holder.get().sweep) == (False, 1, 0)


def test_the_next_cycle_is_shown_from_its_start() -> None:
    with a_daemon() as (daemon, fleet):
        daemon.cycle()
        fleet.seen.clear()
        daemon.cycle()
        assert under_way(fleet.seen[0]) == (True, 0, 0)


def test_a_scan_that_takes_long_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = HandClock()
    pulse = Pulse(lambda: 0, clock, clock.monotonic)
    with a_daemon(pulse=pulse) as (daemon, _):
        [look] = (job for job in daemon._scheduler.get_jobs() if job.id == "progress")
        pulse.start(10)
        clock.sleep(31)
        look.func()
    assert [record.message for record in caplog.records].count("scan progress") == 1
