"""Time is always injected: nothing inside policy or plan reads a clock."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the present instant, always timezone-aware and in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True)
class FixedClock:
    """A clock that stands still: rehearsals, the demo's days, and tests."""

    instant: datetime

    def now(self) -> datetime:
        return self.instant


def boot_clock() -> float:
    """Seconds that only go forward, while the process is stopped, too, and on Linux while the machine is
    suspended: whatever is done to the machine's clock."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)
