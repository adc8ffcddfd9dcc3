"""Two replicas of one ledger: one acts, the other shows what that one saw, and goes on when it dies."""

import json
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.errors import LedgerError, Permanent
from app.inventory.interface import HubIdentity
from app.ledger.interface import Change, Lease
from app.ledger.memory import MemoryLedger
from app.service.album import keep, shown
from app.service.daemon import Daemon, Schedule
from app.service.snapshot import Health, SnapshotHolder
from app.sinks.snapshot import Snapshot
from app.telemetry import Counters
from tests.fakes.archive import Shelf
from tests.fakes.policies import policy
from tests.fakes.world import World, aged

EVERY = timedelta(hours=6)


class Mortal(MemoryLedger):
    """A ledger whose holder can die, and which can fail or fall silent."""

    dead_holder = False
    silent = False
    fails = False

    def apply(self, change: Change, lease: Lease | None = None) -> None:
        if self.fails:
            raise LedgerError("the connection was reset")
        super().apply(change, lease)

    def orphaned(self) -> bool:
        if self.silent:
            raise LedgerError("it does not answer")
        return self.dead_holder

    @contextmanager
    def lease(self, holder: str, wait: timedelta) -> Iterator[Lease | None]:
        with super().lease(holder, wait) as lease:
            self.dead_holder = False
            yield lease


class Replicas:
    """Daemons over one world. What their schedulers would call, a test calls."""

    def __init__(self, number: int = 2, schedule: Schedule | None = None) -> None:
        self.cleanup = ExitStack()
        self.ledger = Mortal()
        self.world = World(policy(), aged(300), ledger=self.ledger)
        self.world.clock.instant = datetime.now(UTC) + timedelta(days=1)  # no scheduler comes to it
        self.daemons = [self._replica(schedule or Schedule(EVERY, timedelta(0))) for _ in range(number)]

    def _replica(self, schedule: Schedule) -> Daemon:
        health = Health(lambda: 0.0, self.ledger.paused)
        return Daemon(self.world.parts(), schedule, SnapshotHolder(), health, Counters())

    def start(self) -> None:
        for daemon in self.daemons:
            daemon.start()
            self.cleanup.callback(daemon.stop, timedelta(seconds=5))


@pytest.fixture
def two() -> Iterator[Replicas]:
    replicas = Replicas()
    with replicas.cleanup:
        replicas.start()
        yield replicas


def no_identity() -> HubIdentity:
    raise Permanent("no AWS credentials were found")


def runs(replicas: Replicas) -> int:
    return len(replicas.ledger._runs)


def test_what_one_has_done_the_other_does_not_do_again(two: Replicas) -> None:
    one, other = two.daemons
    one.on_schedule()
    other.on_schedule()
    assert runs(two) == 1
    assert [daemon.standby for daemon in two.daemons] == [False, True]


def test_a_ledger_that_is_silent_for_long_is_told_to_the_log_twice(
    two: Replicas, caplog: pytest.LogCaptureFixture
) -> None:
    """The lease is looked at every second: once when it falls silent, once when it answers again."""
    one, _ = two.daemons
    with caplog.at_level("INFO"):
        for silent in (False, True, True, True, False, False):
            two.ledger.silent = silent
            one.watch()
    said = [record.message for record in caplog.records if "lease can" in record.message]
    assert said == ["the lease can't be watched", "the lease can be watched again"]


def test_who_begins_to_stand_by_or_to_act_says_so_once(
    two: Replicas, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = two.daemons
    with caplog.at_level("INFO"):
        one.on_schedule()
        other.on_schedule()
        other.on_schedule()
        two.ledger.dead_holder = True
        other.watch()
    said = [record.message for record in caplog.records if " replica acts" in record.message]
    assert said == ["another replica acts: this one stands by", "this replica acts now"]


def test_a_standby_shows_what_the_other_has_seen(two: Replicas) -> None:
    one, other = two.daemons
    one.on_schedule()
    other.on_schedule()
    theirs, mine = one.holder.get(), other.holder.get()
    assert mine.findings == theirs.findings != ()
    assert mine.credentials == theirs.credentials
    assert (mine.last_run, mine.accounts) == (theirs.last_run, theirs.accounts)
    assert (theirs.leader, mine.leader) == (True, False)


def test_a_standby_acts_when_the_other_has_not_come(two: Replicas) -> None:
    one, other = two.daemons
    one.on_schedule()
    other.on_schedule()
    two.world.clock.instant += EVERY
    other.on_schedule()
    assert runs(two) == 2
    assert not other.standby


def test_a_run_that_could_not_start_is_made_by_who_can(two: Replicas) -> None:
    one, other = two.daemons
    one.parts = replace(one.parts, hub=no_identity)
    one.on_schedule()
    two.world.clock.instant += timedelta(minutes=1)
    other.on_schedule()
    assert [run.outcome for run in two.ledger._runs] == ["failed", "success"]
    assert not other.standby
    one.on_schedule()  # what was made since is not tried again by the one that can't
    assert runs(two) == 2


def test_each_makes_its_own_cycles_whatever_their_jitter(two: Replicas) -> None:
    one, _ = two.daemons
    one.on_schedule()
    two.world.clock.instant += EVERY - timedelta(minutes=10)
    one.on_schedule()
    assert runs(two) == 2


def test_while_another_is_at_it_a_standby_looks_again_in_a_minute(two: Replicas) -> None:
    one, _ = two.daemons
    with two.ledger.lease("another", timedelta(0)):
        one.on_schedule()
    job = one._scheduler.get_job("cycle")
    assert one.standby
    assert job.next_run_time <= two.world.clock.now() + timedelta(minutes=1)
    one.on_schedule()
    assert runs(two) == 1


@pytest.mark.parametrize("by", ["schedule", "takeover"])
def test_a_run_that_the_ledger_broke_is_made_up_in_a_minute(two: Replicas, by: str) -> None:
    one, _ = two.daemons
    one._scheduler.modify_job("cycle", next_run_time=two.world.clock.now() + EVERY)
    two.ledger.fails = two.ledger.dead_holder = True
    one.on_schedule() if by == "schedule" else one.watch()
    job = one._scheduler.get_job("cycle")
    assert job.next_run_time <= two.world.clock.now() + timedelta(minutes=1)
    two.ledger.fails = False
    one.on_schedule()
    assert runs(two) == 1


def test_a_standby_goes_on_at_once_with_what_a_dead_one_left(two: Replicas) -> None:
    one, other = two.daemons
    one.on_schedule()
    other.watch()
    assert runs(two) == 1
    two.ledger.dead_holder = True
    other.watch()
    assert runs(two) == 2
    other.watch()
    assert runs(two) == 2


def test_a_run_under_way_is_not_taken_for_a_dead_ones(two: Replicas) -> None:
    one, _ = two.daemons
    two.ledger.dead_holder = True
    with one.running:
        one.watch()
    assert runs(two) == 0


def test_a_service_that_has_just_started_shows_the_last_picture(two: Replicas) -> None:
    two.daemons[0].on_schedule()
    again = two._replica(Schedule(EVERY, timedelta(0)))
    with ExitStack() as cleanup:
        again.start()
        cleanup.callback(again.stop, timedelta(seconds=5))
        assert again.holder.get().findings == two.daemons[0].holder.get().findings


def test_a_service_that_has_just_started_says_what_waits_to_be_copied(two: Replicas) -> None:
    """The next run may be hours away, and a metric that is absent till then never alerts."""
    two.daemons[0].on_schedule()
    again = two._replica(Schedule(EVERY, timedelta(0)))
    again.parts = replace(again.parts, archive=Shelf())
    with ExitStack() as cleanup:
        again.start()
        cleanup.callback(again.stop, timedelta(seconds=5))
        assert again.holder.get().uncopied == two.ledger.chain().head.seq  # type: ignore[union-attr]


def test_a_picture_comes_back_as_it_was_kept(two: Replicas) -> None:
    two.daemons[0].on_schedule()
    view, picture = two.ledger.frame(), two.daemons[0].holder.get()
    as_kept = replace(picture, leader=False, started_at=None, next_run_at=None, mode="observe")
    without_what_is_live = replace(as_kept, sinks=(), trail=None, pending={}, dead={})
    assert shown(keep(picture), view, Snapshot(version=picture.version)) == without_what_is_live


def test_a_picture_of_an_earlier_release_is_shown_without_what_it_did_not_know(two: Replicas) -> None:
    two.daemons[0].on_schedule()
    view, picture = two.ledger.frame(), two.daemons[0].holder.get()
    body = json.loads(zlib.decompress(keep(picture)))
    del body["oldest_ok"]
    found = shown(zlib.compress(json.dumps(body).encode()), view, Snapshot())
    assert (found.findings, found.oldest_ok) == (picture.findings, ())


@pytest.mark.parametrize("body", [b"", b"not zlib", keep(Snapshot())[:-3]])
def test_of_a_picture_that_cant_be_read_the_accounts_and_run_are_shown(two: Replicas, body: bytes) -> None:
    two.daemons[0].on_schedule()
    view = two.ledger.frame()
    found = shown(body, view, Snapshot())
    assert found.findings == ()
    assert found.accounts == tuple(view.accounts.values())
    assert set(found.last_runs) == {"success"}  # or it would seem that no run has ever ended well
    assert found.accounts_by_outcome == two.daemons[0].holder.get().accounts_by_outcome != {}
    assert found.held == two.daemons[0].holder.get().held
