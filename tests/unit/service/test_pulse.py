"""How a sweep stands: what is counted, at what pace, and when it is logged."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from app.service.parts import Progress
from app.service.pulse import ProgressLog, Pulse
from app.service.snapshot import Sweep
from tests.fakes.clock import HandClock


class Fleet:
    """A pulse whose clock and calls a test turns by hand."""

    def __init__(self, accounts: int = 0) -> None:
        self.clock, self.calls = HandClock(), 0
        self.pulse = Pulse(lambda: self.calls, self.clock, self.clock.monotonic)
        if accounts:
            self.pulse.start(accounts)

    def passes(self, seconds: float, accounts: int = 0, calls: int = 0) -> Sweep:
        """So many accounts are read one after the other, evenly."""
        for _ in range(accounts):
            self.clock.sleep(seconds / accounts)
            self.calls += calls // accounts
            self.pulse.account("prod", failed=False)
        if not accounts:
            self.clock.sleep(seconds)
            self.calls += calls
        return self.now()

    def now(self) -> Sweep:
        sweep = self.pulse.sweep()
        assert sweep is not None
        return sweep


def test_a_pulse_is_a_progress() -> None:
    progress: Progress = Pulse()
    progress.start(1)


def test_nothing_is_known_before_the_first_sweep_whatever_is_told() -> None:
    pulse = Pulse()
    pulse.phase("writing")
    pulse.account("prod", failed=False)
    pulse.again("prod")
    pulse.finish()
    assert pulse.sweep() is None


def test_every_account_is_in_one_state() -> None:
    fleet = Fleet(10)
    fleet.pulse.account("a", failed=False)
    fleet.pulse.account("b", failed=False)
    fleet.pulse.account("c", failed=False, resumed=True)
    fleet.pulse.account("d", failed=True)
    assert fleet.now().states == {"waiting": 6, "read": 2, "resumed": 1, "failed": 1}


@pytest.mark.parametrize(("fails_again", "failed"), [(False, 0), (True, 1)])
def test_an_account_that_is_tried_again_counts_once(fails_again: bool, failed: int) -> None:
    fleet = Fleet(2)
    fleet.pulse.account("a", failed=False)
    fleet.pulse.account("b", failed=True)
    fleet.pulse.again("b")
    assert (fleet.now().done, fleet.now().failed, fleet.now().retried) == (1, 0, 1)
    fleet.pulse.account("b", failed=fails_again)
    assert (fleet.now().done, fleet.now().failed, fleet.now().retried) == (2, failed, 1)


def test_only_the_calls_of_this_sweep_count() -> None:
    fleet = Fleet()
    fleet.calls = 500
    fleet.pulse.start(10)
    assert fleet.passes(5, calls=40).calls == 40


def test_nothing_is_said_of_the_pace_at_first() -> None:
    sweep = Fleet(100).passes(1.9, accounts=10)
    assert (sweep.accounts_per_second, sweep.calls_per_second, sweep.left_seconds) == (None, None, None)


def test_an_even_pace_gives_the_time_left() -> None:
    sweep = Fleet(100).passes(20, accounts=40, calls=120)
    assert sweep.accounts_per_second == pytest.approx(2)
    assert sweep.calls_per_second == pytest.approx(6)
    assert sweep.left_seconds == pytest.approx(30)
    assert sweep.elapsed_seconds == pytest.approx(20)


def test_the_pace_is_the_recent_one() -> None:
    fleet = Fleet(10_000)
    fleet.passes(600, accounts=600)
    sweep = fleet.passes(40, accounts=400)
    assert sweep.accounts_per_second == pytest.approx(10, rel=0.05)
    assert sweep.left_seconds == pytest.approx(900, rel=0.05)


def test_calls_have_a_pace_before_any_account_is_done_and_nobody_knows_how_long() -> None:
    sweep = Fleet(100).passes(10, calls=500)
    assert sweep.calls_per_second == pytest.approx(50)
    assert sweep.left_seconds is None


def test_another_phase_has_another_pace() -> None:
    fleet = Fleet(100)
    fleet.pulse.phase("asking for reports")
    fleet.passes(25, calls=2500)
    fleet.pulse.phase("reading accounts")
    assert fleet.now().calls_per_second is None
    sweep = fleet.passes(5, accounts=10, calls=50)
    assert sweep.calls_per_second == pytest.approx(10)
    assert sweep.left_seconds == pytest.approx(45)


def test_the_same_phase_told_again_changes_nothing() -> None:
    fleet = Fleet(100)
    fleet.passes(10, accounts=10)
    fleet.pulse.phase("reading accounts")
    assert fleet.now().accounts_per_second == pytest.approx(1)


def test_what_is_taken_from_an_interrupted_sweep_says_nothing_of_the_pace() -> None:
    fleet = Fleet(1000)
    for _ in range(700):
        fleet.pulse.account("a", failed=False, resumed=True)
    sweep = fleet.passes(10, accounts=10)
    assert (sweep.done, sweep.resumed) == (710, 700)
    assert sweep.left_seconds == pytest.approx(290)


def test_the_pace_dies_down_when_nothing_comes() -> None:
    fleet = Fleet(100)
    fleet.passes(30, accounts=30)
    for _ in range(40):
        fleet.passes(1)
    sweep = fleet.now()
    assert (sweep.accounts_per_second, sweep.left_seconds) == (0, None)


def test_a_sweep_that_is_over_stands_still() -> None:
    fleet = Fleet(10)
    fleet.passes(10, accounts=5, calls=50)
    fleet.pulse.finish()
    over = fleet.now()
    fleet.pulse.finish()
    assert fleet.passes(60, calls=7) == over
    assert not over.under_way
    assert (over.done, over.calls, round(over.elapsed_seconds)) == (5, 50, 10)
    assert (over.calls_per_second, over.accounts_per_second, over.left_seconds) == (None, None, None)


def test_the_next_sweep_begins_from_nothing() -> None:
    fleet = Fleet(10)
    fleet.passes(10, accounts=10)
    fleet.pulse.finish()
    fleet.clock.sleep(3600)
    fleet.pulse.start(20)
    sweep = fleet.now()
    assert sweep.under_way
    assert sweep.started_at == fleet.clock.now()
    assert (sweep.total, sweep.done, sweep.elapsed_seconds, sweep.phase) == (20, 0, 0, "reading accounts")


def test_no_account_is_lost_between_threads() -> None:
    pulse = Pulse()
    pulse.start(2000)
    with ThreadPoolExecutor(8) as pool:
        for number in range(2000):
            pool.submit(pulse.account, "a", failed=number % 4 == 0)
    sweep = pulse.sweep()
    assert sweep is not None
    assert (sweep.done, sweep.failed) == (2000, 500)


# --- the log ---


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [record.fields for record in caplog.records if record.message == "scan progress"]  # type: ignore[attr-defined]


def test_a_long_sweep_is_logged_every_thirty_seconds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    fleet = Fleet(1000)
    log = ProgressLog(fleet.pulse.sweep)
    for _ in range(100):
        fleet.passes(1, accounts=2, calls=6)
        log.tick()
    assert [line["done"] for line in lines(caplog)] == [60, 120, 180]
    assert lines(caplog)[-1] == {
        "phase": "reading accounts",
        "accounts": 1000,
        "done": 180,
        "failed": 0,
        "resumed": 0,
        "retried": 0,
        "calls": 540,
        "calls_per_second": 6.0,
        "accounts_per_second": 2.0,
        "elapsed_seconds": 90.0,
        "left_seconds": 410.0,
    }


def test_what_is_not_known_is_left_out_of_the_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    fleet = Fleet(1000)
    fleet.passes(30, calls=90)
    ProgressLog(fleet.pulse.sweep).tick()
    assert "left_seconds" not in lines(caplog)[0]


def test_a_short_sweep_and_the_time_between_two_are_silent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    fleet = Fleet()
    log = ProgressLog(fleet.pulse.sweep)
    log.tick()
    fleet.pulse.start(10)
    fleet.passes(29, accounts=10)
    log.tick()
    fleet.pulse.finish()
    fleet.clock.sleep(timedelta(hours=6).total_seconds())
    log.tick()
    assert lines(caplog) == []


def test_each_sweep_has_its_own_thirty_seconds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    fleet = Fleet(1000)
    log = ProgressLog(fleet.pulse.sweep)
    fleet.passes(40, accounts=40)
    log.tick()
    fleet.pulse.finish()
    fleet.pulse.start(1000)
    fleet.passes(29, accounts=29)
    log.tick()
    fleet.passes(1, accounts=1)
    log.tick()
    assert [line["done"] for line in lines(caplog)] == [40, 30]
