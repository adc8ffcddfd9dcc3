"""A clock that tests hold in their hands: time passes by sleeping, or by setting it."""

import threading
from datetime import UTC, datetime, timedelta

from app.sinks.waits import Waits


class HandClock:
    """``instant`` may be set at any time; safe to share with a fake's threads."""

    def __init__(self, instant: datetime = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)) -> None:
        self.instant = instant
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def now(self) -> datetime:
        return self.instant

    def time(self) -> float:
        """Seconds since 1970."""
        return self.instant.timestamp()

    def monotonic(self) -> float:
        return self.time()

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            # Microseconds are all that a datetime has: rounded up, as a sleep is never too short.
            self.instant += timedelta(microseconds=-(-seconds * 1_000_000 // 1))

    @property
    def waits(self) -> Waits:
        return Waits(self.sleep, self.monotonic)


class Sleeper:
    """Time that passes only by sleeping, in seconds from zero."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, list[float]()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
