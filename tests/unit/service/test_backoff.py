"""How long a failed delivery waits, and when it is given up."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.service.backoff import (
    GIVE_UP_AFTER,
    GIVE_UP_ATTEMPTS,
    LONGEST_ASKED,
    LONGEST_RETRY,
    is_due,
    is_given_up,
    wait,
)
from tests.fakes.ledger_rows import DAY, NOW, delivery

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
rolls = st.floats(0, 1)


@pytest.mark.parametrize(
    ("attempts", "ceiling"),
    [(0, MINUTE), (1, MINUTE), (2, 2 * MINUTE), (3, 4 * MINUTE), (6, 32 * MINUTE), (7, HOUR), (999, HOUR)],
)
def test_the_ceiling_doubles_from_a_minute_to_an_hour(attempts: int, ceiling: timedelta) -> None:
    assert wait(attempts, 1.0) == ceiling


@given(st.integers(0, 100), rolls)
def test_a_wait_is_anything_from_nothing_to_its_ceiling(attempts: int, roll: float) -> None:
    assert timedelta(0) <= wait(attempts, roll) <= LONGEST_RETRY
    assert abs(wait(attempts, roll) - wait(attempts, 1.0) * roll) <= timedelta(microseconds=1)


@given(st.integers(0, 100), rolls, st.timedeltas(timedelta(0), 2 * DAY))
def test_it_is_never_shorter_than_what_was_asked_for(attempts: int, roll: float, asked: timedelta) -> None:
    assert wait(attempts, roll, asked) == max(wait(attempts, roll), min(asked, LONGEST_ASKED))


@pytest.mark.parametrize(
    ("after", "due"),
    [
        (None, True),
        (timedelta(0), True),
        (-MINUTE, True),
        (MINUTE, False),
        (DAY, False),
        (DAY + MINUTE, True),  # written under a clock that was wrong
    ],
)
def test_what_waits_is_due_when_its_time_has_come(after: timedelta | None, due: bool) -> None:
    row = delivery(next_attempt_at=None if after is None else NOW + after)
    assert is_due(row, NOW) == due


@pytest.mark.parametrize(
    ("attempts", "age", "requeued", "over"),
    [
        (GIVE_UP_ATTEMPTS, GIVE_UP_AFTER, None, True),
        (GIVE_UP_ATTEMPTS - 1, 10 * GIVE_UP_AFTER, None, False),
        (99, GIVE_UP_AFTER - MINUTE, None, False),
        (99, 10 * GIVE_UP_AFTER, GIVE_UP_AFTER - MINUTE, False),
        (99, 10 * GIVE_UP_AFTER, GIVE_UP_AFTER, True),
    ],
)
def test_it_takes_both_attempts_and_age_to_give_up(
    attempts: int, age: timedelta, requeued: timedelta | None, over: bool
) -> None:
    since = NOW - requeued if requeued is not None else None
    row = delivery(attempts=attempts, created_at=NOW - age, requeued_at=since)
    assert is_given_up(row, NOW) == over
