"""How a sink waits, and when it must not go on: injected, so that no test sleeps."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from app.errors import Ambiguous, Transient

Result = TypeVar("Result")

# A wait of this length is sat out at once, so often; a longer one is left to the next run.
SHORT_WAIT = timedelta(seconds=30)
SHORT_WAITS = 3
_SECONDS = re.compile(r"\d{1,6}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Waits:
    """``sleep`` takes seconds; ``monotonic`` tells seconds since an arbitrary start.

    ``before_sending`` is called right before each request that tells somebody or changes something: it raises
    `PausedMeanwhile` while the service is paused, and `LedgerError` when that can't be known.
    """

    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    before_sending: Callable[[], None] = lambda: None


def patiently(call: Callable[[], Result], waits: Waits) -> Result:
    """Calls again after each short wait that the other side asked for (HTTP 429 with Retry-After)."""
    for _ in range(SHORT_WAITS):
        try:
            return call()
        except Ambiguous:
            raise
        except Transient as error:
            if error.retry_after is None or error.retry_after > SHORT_WAIT:
                raise
            waits.sleep(error.retry_after.total_seconds())
    return call()


def retry_after(header: str | None) -> timedelta | None:
    """The Retry-After header in its form of seconds, which is what Slack and Jira send.

    None without one, or with one that nobody would wait for: it is tried again as after any failure.
    """
    return timedelta(seconds=int(header)) if header and _SECONDS.fullmatch(header) else None
