"""How long a failed delivery waits, and when it is given up: pure, its randomness is handed in."""

from datetime import datetime, timedelta

from app.model import Delivery

FIRST_RETRY, LONGEST_RETRY = timedelta(minutes=1), timedelta(hours=1)
# No service asks for more; a longer wait comes from a clock that was wrong when it was written.
LONGEST_ASKED = timedelta(days=1)
# Both must be past: a week's outage costs no notice that was tried twice, nor does a burst of failures.
GIVE_UP_AFTER, GIVE_UP_ATTEMPTS = timedelta(days=7), 12


def wait(attempts: int, roll: float, asked: timedelta | None = None) -> timedelta:
    """Full jitter: anything from nothing to the doubling ceiling, but never less than was ``asked`` for.

    ``roll`` is from 0 to 1. The rule is the AWS Architecture Blog's, "Exponential Backoff And Jitter":
    sleep = random(0, min(cap, base * 2 ** attempt)), where the first retry is attempt 0.
    """
    ceiling = min(LONGEST_RETRY, FIRST_RETRY * (1 << min(max(0, attempts - 1), 10)))
    return max(ceiling * roll, min(asked or timedelta(0), LONGEST_ASKED))


def is_due(row: Delivery, now: datetime) -> bool:
    """Whether its wait is over, if it has one."""
    at = row.next_attempt_at
    return at is None or not now < at <= now + LONGEST_ASKED


def is_given_up(row: Delivery, now: datetime) -> bool:
    """Whether one more failure is the last: by its attempts *and* by its age, or since it was put back."""
    since = row.requeued_at or row.created_at
    return row.attempts >= GIVE_UP_ATTEMPTS and now - since >= GIVE_UP_AFTER
