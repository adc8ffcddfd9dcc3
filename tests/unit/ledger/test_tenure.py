"""Who may act, by beats alone: no two clocks are compared, and no two hold it at once."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.config.schema import SHORTEST_LEASE
from app.errors import LedgerError
from app.ledger.postgres import SETTINGS
from app.ledger.tenure import VACANT, Held, Tenure

TERM = timedelta(seconds=30)
NO_WAIT = timedelta(0)


@dataclass
class Chair:
    """`Seat` in memory. While ``down``, nothing gets through."""

    token: str = VACANT
    epoch: int = 0
    down: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def beat(self) -> str:
        self._reach()
        return self.token

    def take(self, seen: str, beat: str, holder: str) -> int | None:
        self._reach()
        with self.lock:
            if self.token != seen:
                return None
            self.token, self.epoch = beat, self.epoch + 1
            return self.epoch

    def renew(self, epoch: int, beat: str) -> bool:
        self._reach()
        with self.lock:
            if self.epoch != epoch:
                return False
            self.token = beat
            return True

    def _reach(self) -> None:
        if self.down:
            raise LedgerError("the ledger can't be reached")


@dataclass
class Clock:
    now: float = 1000.0
    rate: float = 1.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def silent(chair: Chair) -> Chair:
    """Its holder died."""
    chair.token, chair.epoch = "a beat of the dead", 7
    return chair


def test_a_vacant_seat_is_taken_at_once_and_given_back() -> None:
    chair, clock = Chair(), Clock()
    with Tenure(chair, TERM, clock, clock.sleep).hold("a", NO_WAIT) as lease:
        assert lease
        assert (lease.epoch, lease.remaining()) == (1, 30)
        clock.now += 12
        assert lease.remaining() == 18
    assert chair.token == VACANT


def test_a_held_seat_is_not_taken_while_it_beats() -> None:
    chair, clock = silent(Chair()), Clock()
    waits = Tenure(chair, TERM, clock, clock.sleep)
    for number in range(20):
        chair.token = f"beat {number}"
        with waits.hold("b", NO_WAIT) as lease:
            assert lease is None
        clock.now += 29
    assert not waits.orphaned()


def test_a_silent_holder_is_followed_after_a_whole_term_and_not_before() -> None:
    chair, clock = silent(Chair()), Clock()
    waits = Tenure(chair, TERM, clock, clock.sleep)
    for after in (0, 29.9):
        clock.now = 1000 + after
        with waits.hold("b", NO_WAIT) as lease:
            assert (lease, waits.orphaned()) == (None, False)
    clock.now = 1030
    assert waits.orphaned()
    with waits.hold("b", NO_WAIT) as lease:
        assert lease
        assert lease.epoch == 8


def test_of_two_terms_the_longer_is_waited_for() -> None:
    chair, clock = Chair(), Clock()
    assert Tenure(chair, 2 * TERM, clock, clock.sleep).take("a")
    waits = Tenure(chair, TERM, clock, clock.sleep)
    assert waits.take("b") is None
    clock.now += 59
    assert waits.take("b") is None
    clock.now += 1
    assert waits.take("b")


@dataclass
class Slow(Chair):
    """Its answer takes its time, and is as of the end of it: ``meanwhile`` is what happens until then."""

    meanwhile: Callable[[], object] = lambda: None

    def beat(self) -> str:
        self.meanwhile()
        return super().beat()


def test_a_slow_look_at_the_seat_is_no_part_of_the_silence() -> None:
    chair, clock = Slow(), Clock()
    holder, waits = (Tenure(chair, TERM, clock, clock.sleep) for _ in range(2))
    held = holder.take("a")
    assert held

    def beats_while_somebody_looks() -> None:
        clock.now += 25
        assert held.beat_once()
        chair.meanwhile = lambda: None

    chair.meanwhile = beats_while_somebody_looks
    assert waits.take("b") is None
    clock.now += 29
    assert (held.remaining(), waits.take("b")) == (1, None)
    clock.now += 1
    assert waits.take("b")


def test_who_waits_long_enough_gets_it_within_one_visit() -> None:
    chair, clock = silent(Chair()), Clock()
    with Tenure(chair, TERM, clock, clock.sleep).hold("b", timedelta(seconds=60)) as lease:
        assert lease
    assert 1030 <= clock.now <= 1031


def test_two_who_wait_for_the_same_silence_do_not_both_follow() -> None:
    chair, clock = silent(Chair()), Clock()
    b, c = (Tenure(chair, TERM, clock, clock.sleep) for _ in range(2))
    assert not b.orphaned()
    assert not c.orphaned()
    clock.now += 30
    with b.hold("b", NO_WAIT) as first, c.hold("c", NO_WAIT) as second:
        assert first
        assert second is None


def test_an_unreachable_ledger_gives_no_lease() -> None:
    clock = Clock()
    tenure = Tenure(Chair(down=True), TERM, clock, clock.sleep)
    with pytest.raises(LedgerError), tenure.hold("a", NO_WAIT):
        raise AssertionError("got in")


def test_a_ledger_lost_at_the_end_costs_the_next_one_a_term_and_the_work_nothing() -> None:
    chair, clock = Chair(), Clock()
    with Tenure(chair, TERM, clock, clock.sleep).hold("a", NO_WAIT) as lease:
        assert lease
        chair.down = True
    chair.down = False
    assert chair.token != VACANT


def test_the_keeper_beats_while_the_work_goes_on() -> None:
    chair = Chair()
    with Tenure(chair, timedelta(seconds=0.3)).hold("a", NO_WAIT) as lease:
        assert lease
        first, waited = chair.token, threading.Event()
        for _ in range(100):
            if chair.token != first or waited.wait(0.05):
                break
        assert chair.token != first
        assert lease.remaining() > 0


def test_who_is_stopped_in_the_middle_of_a_write_gives_its_lock_back_before_the_shortest_lease_ends() -> None:
    limits = dict(re.findall(r"-c (\w+)=(\d+)s", str(SETTINGS["options"])))
    assert int(limits["idle_in_transaction_session_timeout"]) < SHORTEST_LEASE.total_seconds()


@dataclass
class Host:
    """A replica with a clock of its own."""

    clock: Clock
    tenure: Tenure
    held: Held | None = None

    def is_sure(self) -> bool:
        """Beyond what two clocks of one term drift apart, it would act."""
        return self.held is not None and self.held.remaining() > 1


class Replicas(RuleBasedStateMachine):
    """Hosts whose clocks differ by hours and run a little faster or slower, which stop and are cut off."""

    ANY = st.integers(0, 2)

    def __init__(self) -> None:
        super().__init__()
        self.chair = Chair()
        clocks = [Clock(now=at, rate=rate) for at, rate in ((0.0, 1.0), (5000.0, 1.001), (90.0, 0.999))]
        self.hosts = [Host(clock, Tenure(self.chair, TERM, clock, clock.sleep)) for clock in clocks]

    @rule(at=ANY)
    def tries(self, at: int) -> None:
        host = self.hosts[at]
        if host.held is None:
            host.held = host.tenure.take(f"host {at}")

    @rule(at=ANY, cut_off=st.booleans())
    def beats(self, at: int, cut_off: bool) -> None:
        self.chair.down = cut_off
        held = self.hosts[at].held
        if held and not held.beat_once():
            self.hosts[at].held = None
        self.chair.down = False

    @rule(at=ANY)
    def dies(self, at: int) -> None:
        self.hosts[at].held = None

    @rule(seconds=st.sampled_from([0.5, 5.0, 9.0, 14.0, 29.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        for host in self.hosts:
            host.clock.now += seconds * host.clock.rate

    @invariant()
    def at_most_one_may_act(self) -> None:
        assert sum(host.is_sure() for host in self.hosts) <= 1


TestReplicas = Replicas.TestCase
TestReplicas.settings = settings(
    max_examples=300, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
