"""How a sweep over the fleet stands: counted as it goes, for the bar, the log, the metrics and the page."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from app.clock import Clock, SystemClock
from app.sinks.snapshot import Sweep
from app.telemetry import log_fields

log = logging.getLogger(__name__)

LOGGED_EVERY = timedelta(seconds=30)
# In seconds. A rate looks back so far: the start of a sweep says little of its middle.
WINDOW = 30.0
SPACING = 1.0
SETTLED = 2.0  # over less, a rate is noise
FIRST_PHASE = "reading accounts"


class Mark(NamedTuple):
    """What had been counted at an instant (monotonic, in seconds)."""

    at: float
    read: int  # accounts that were asked and are done with
    calls: int


class Recent:
    """The marks of the last `WINDOW` seconds, a few dozen at the most."""

    def __init__(self, first: Mark) -> None:
        self._marks = deque([first])

    def see(self, mark: Mark) -> None:
        if mark.at - self._marks[-1].at >= SPACING:
            self._marks.append(mark)
        # The oldest that stays is a whole window old, so that a rate always covers one.
        while len(self._marks) > 1 and self._marks[1].at <= mark.at - WINDOW:
            self._marks.popleft()

    def rates(self, mark: Mark) -> tuple[float, float] | None:
        """Accounts and calls a second up to ``mark``; None while too little time has passed."""
        base = self._marks[0]
        span = mark.at - base.at
        if span < SETTLED:
            return None
        return (mark.read - base.read) / span, (mark.calls - base.calls) / span


@dataclass
class _Course:
    """One sweep, as it goes."""

    total: int
    started_at: datetime
    first: Mark
    recent: Recent
    phase: str = FIRST_PHASE
    done: int = 0
    failed: int = 0
    resumed: int = 0
    retried: int = 0
    read: int = 0
    last: Mark | None = None  # set once it is over

    def sweep(self, mark: Mark) -> Sweep:
        accounts, calls = (None if self.last else self.recent.rates(mark)) or (None, None)
        return Sweep(
            started_at=self.started_at,
            under_way=self.last is None,
            phase=self.phase,
            total=self.total,
            done=self.done,
            failed=self.failed,
            resumed=self.resumed,
            retried=self.retried,
            calls=mark.calls - self.first.calls,
            elapsed_seconds=mark.at - self.first.at,
            calls_per_second=calls,
            accounts_per_second=accounts,
            left_seconds=(self.total - self.done) / accounts if accounts else None,
        )


class Pulse:
    """`app.service.parts.Progress` that remembers. Safe from any thread.

    ``calls`` gives the requests to AWS since the process started, ``monotonic`` seconds.
    """

    def __init__(
        self,
        calls: Callable[[], int] = lambda: 0,
        clock: Clock | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._calls, self._monotonic = calls, monotonic
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._course: _Course | None = None

    def start(self, accounts: int) -> None:
        first = self._mark(0)
        with self._lock:
            self._course = _Course(accounts, self._clock.now(), first, Recent(first))

    def phase(self, name: str) -> None:
        with self._lock:
            if (course := self._course) and course.phase != name:
                course.phase = name
                course.recent = Recent(self._mark(course.read))  # another work, another pace

    def account(self, label: str, failed: bool, resumed: bool = False) -> None:
        with self._lock:
            if course := self._course:
                course.done += 1
                course.failed += failed
                course.resumed += resumed
                course.read += not resumed  # what costs no call says nothing of the pace of the rest
                course.recent.see(self._mark(course.read))

    def again(self, label: str) -> None:
        with self._lock:
            if course := self._course:
                course.done -= 1
                course.failed -= 1
                course.retried += 1

    def finish(self) -> None:
        with self._lock:
            if self._course and not self._course.last:
                self._course.last = self._mark(self._course.read)

    def sweep(self) -> Sweep | None:
        """How the sweep under way stands, or how the last one ended; None before the first."""
        with self._lock:
            course = self._course
            if course is None:
                return None
            mark = course.last or self._mark(course.read)
            course.recent.see(mark)
            return course.sweep(mark)

    def _mark(self, read: int) -> Mark:
        return Mark(self._monotonic(), read, self._calls())


class ProgressLog:
    """Logs how a sweep goes, every 30 s at the most: `tick` is to be called more often than that."""

    def __init__(self, sweep: Callable[[], Sweep | None]) -> None:
        self._sweep = sweep
        self._of: datetime | None = None  # the sweep that was last seen
        self._at = 0.0  # when in it, in seconds, it was last told of

    def tick(self) -> None:
        sweep = self._sweep()
        if sweep is None or not sweep.under_way:
            return
        if sweep.started_at != self._of:
            self._of, self._at = sweep.started_at, 0.0
        if sweep.elapsed_seconds - self._at >= LOGGED_EVERY.total_seconds():
            self._at = sweep.elapsed_seconds
            log.info("scan progress", **log_fields(**facts(sweep)))


def facts(sweep: Sweep) -> dict[str, object]:
    """What a log line says of it; what is not known is left out."""
    found: dict[str, float | None] = {
        "calls_per_second": sweep.calls_per_second,
        "accounts_per_second": sweep.accounts_per_second,
        "elapsed_seconds": sweep.elapsed_seconds,
        "left_seconds": sweep.left_seconds,
    }
    measured = {name: round(value, 1) for name, value in found.items() if value is not None}
    counted = {name: getattr(sweep, name) for name in ("failed", "resumed", "retried", "calls")}
    return {"phase": sweep.phase, "accounts": sweep.total, "done": sweep.done, **counted, **measured}
