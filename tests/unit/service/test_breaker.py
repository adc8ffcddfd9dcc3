"""The circuit breaker's own rules: pure, with a clock and a die in the test's hands."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.errors import Ambiguous, Transient
from app.model import Breaker
from app.service.backoff import LONGEST_ASKED
from app.service.breaker import (
    LONGEST_REST,
    THRESHOLD,
    Breakers,
    Gate,
    after_answer,
    after_failure,
    gate,
    text,
)
from tests.fakes.clock import HandClock
from tests.fakes.ledger_rows import DAY, NOW

MINUTE = timedelta(minutes=1)


def failing(times: int, roll: float = 1.0, asked: timedelta | None = None) -> Breaker:
    """Each failure comes at the very end of the rest before."""
    breaker, now = Breaker("slack"), NOW
    for _ in range(times):
        breaker = after_failure(breaker, now, roll, "HTTP 500", asked)
        now = breaker.until or now
    return breaker


@pytest.mark.parametrize(("failures", "rests"), [(THRESHOLD - 1, 0), (THRESHOLD, 1), (THRESHOLD + 3, 4)])
def test_it_takes_several_failures_in_a_row(failures: int, rests: int) -> None:
    assert (failing(failures).failures, failing(failures).rests) == (failures, rests)


def test_an_answer_forgets_them_all() -> None:
    assert after_answer(failing(THRESHOLD + 3)) == after_answer(failing(1)) == Breaker("slack")


@pytest.mark.parametrize(
    ("probes", "minutes"), [(0, 1), (1, 2), (2, 4), (3, 8), (4, 16), (5, 32), (6, 60), (99, 60)]
)
@pytest.mark.parametrize(("roll", "share"), [(0.0, 0.5), (1.0, 1.0)])
def test_each_rest_is_longer_and_at_least_half_of_its_ceiling(
    probes: int, minutes: int, roll: float, share: float
) -> None:
    breaker = failing(THRESHOLD + probes, roll)
    assert breaker.until
    assert breaker.rested_at
    assert breaker.until - breaker.rested_at == minutes * MINUTE * share


def test_a_rest_is_never_shorter_than_the_sink_asked_for() -> None:
    for asked, rest in ((2 * LONGEST_REST, 2 * LONGEST_REST), (9 * DAY, LONGEST_ASKED), (MINUTE / 2, MINUTE)):
        breaker = failing(THRESHOLD, asked=asked)
        assert breaker.until == NOW + rest


@pytest.mark.parametrize(
    ("breaker", "after", "expected"),
    [
        (Breaker("slack", 4), timedelta(0), Gate.OPEN),
        (failing(THRESHOLD), timedelta(0), Gate.SHUT),
        (failing(THRESHOLD), MINUTE - timedelta(seconds=1), Gate.SHUT),
        (failing(THRESHOLD), MINUTE, Gate.PROBE),
        (failing(THRESHOLD), 300 * DAY, Gate.PROBE),
        (failing(THRESHOLD), -DAY, Gate.PROBE),  # the clock was a day ahead when it was rested
    ],
)
def test_while_it_rests_nothing_goes_and_then_one(breaker: Breaker, after: timedelta, expected: Gate) -> None:
    assert gate(breaker, NOW + after) is expected


def test_its_text_says_until_when_after_how_many_and_why() -> None:
    assert text(failing(THRESHOLD)) == "rests until 01 Jun 09:31 UTC after 5 failures in a row: HTTP 500"


# --- as a round of deliveries uses it ---------------------------------------------------------------------


def breakers(clock: HandClock, **known: Breaker) -> Breakers:
    return Breakers(known, clock, lambda: 1.0)


def test_a_sink_that_works_is_never_written_and_one_that_changes_once() -> None:
    fares = breakers(HandClock(NOW))
    fares.answered("slack")
    assert fares.take_changes() == ()
    fares.failed("slack", Transient("HTTP 500"))
    fares.failed("jira", Transient("HTTP 500"))
    assert [b.sink for b in fares.take_changes()] == ["jira", "slack"]
    assert fares.take_changes() == ()
    fares.answered("slack")
    assert fares.take_changes() == (Breaker("slack"),)


def test_it_goes_on_from_what_the_ledger_knows() -> None:
    clock = HandClock(NOW)
    fares = breakers(clock, slack=failing(THRESHOLD))
    assert fares.gate("slack") is Gate.SHUT
    assert fares.gate("jira") is Gate.OPEN
    clock.instant = NOW + MINUTE
    assert fares.gate("slack") is Gate.PROBE
    fares.failed("slack", Ambiguous("time-out"))
    assert fares.of("slack").until == clock.instant + 2 * MINUTE


def test_no_full_key_id_is_kept_of_an_error() -> None:
    fares = breakers(HandClock(NOW))
    fares.failed("slack", Transient("refused AKIA" + "LEDGERTESTROWS7X"))
    assert fares.of("slack").error == "refused …WS7X"


def test_an_outage_is_told_once_and_the_next_one_again() -> None:
    fares = breakers(HandClock(NOW), slack=failing(THRESHOLD), jira=replace(failing(THRESHOLD), sink="jira"))
    assert [b.sink for b in fares.untold()] == ["slack", "jira"]
    assert fares.fallen() == (), "it was not this round that rested them"
    fares.told(fares.untold())
    fares.failed("slack", Transient("HTTP 500"))
    assert fares.untold() == ()
    fares.answered("slack")
    for _ in range(THRESHOLD):
        fares.failed("slack", Transient("HTTP 500"))
    assert [b.sink for b in fares.untold()] == [b.sink for b in fares.fallen()] == ["slack"]


class Life(RuleBasedStateMachine):
    """Any history of failures, answers, waits and clocks that are set right."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = HandClock(NOW)
        self.roll = 1.0
        self.breakers = Breakers({}, self.clock, lambda: self.roll)
        self.row = 0  # of failures, as an onlooker counts them

    def gate(self) -> Gate:
        return self.breakers.gate("slack")

    @rule(seconds=st.integers(0, 7200))
    def time_passes(self, seconds: int) -> None:
        self.clock.instant += timedelta(seconds=seconds)

    @rule(hours=st.integers(-24, 24))
    def the_clock_is_set(self, hours: int) -> None:
        self.clock.instant += timedelta(hours=hours)

    @precondition(lambda self: self.gate() is not Gate.SHUT)
    @rule(roll=st.floats(0, 1), asked=st.none() | st.timedeltas(timedelta(0), 2 * DAY))
    def a_message_fails(self, roll: float, asked: timedelta | None) -> None:
        before, self.roll, self.row = self.gate(), roll, self.row + 1
        self.breakers.failed("slack", Transient("HTTP 500", asked))
        if before is Gate.PROBE or self.row >= THRESHOLD:
            assert self.gate() is Gate.SHUT, "after the one probe nothing goes"

    @precondition(lambda self: self.gate() is not Gate.SHUT)
    @rule()
    def a_message_is_answered(self) -> None:
        self.row = 0
        self.breakers.answered("slack")
        assert self.gate() is Gate.OPEN

    @rule()
    def the_process_is_replaced(self) -> None:
        known = {"slack": self.breakers.of("slack")}
        self.breakers = Breakers(known, self.clock, lambda: self.roll)

    @invariant()
    def it_always_probes_again_within_the_longest_rest(self) -> None:
        now, latest = self.clock.instant, max(LONGEST_REST, LONGEST_ASKED)
        later = gate(self.breakers.of("slack"), now + latest)
        assert Gate.PROBE in (self.gate(), later) or self.gate() is later is Gate.OPEN

    @invariant()
    def below_the_threshold_everything_goes(self) -> None:
        assert (self.gate() is Gate.OPEN) == (self.row < THRESHOLD)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
