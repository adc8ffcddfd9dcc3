"""Calls to one account's API with this service's own patience over throttling.

The SDK's retry modes *fail* under a low bucket shared by many threads: the loop here waits instead,
with full jitter, until the account's deadline. Throttled is slow, never wrong.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event
from typing import Any

from app.errors import Permanent, Transient
from app.inventory.credentials import Scope
from app.inventory.faults import ExpiredSession, NotReady, OutOfTime, Throttled, translate
from app.inventory.wire import Wire

ATTEMPTS_WITHOUT_THROTTLE = 4


@dataclass(frozen=True)
class Pace:
    """How to wait. ``stop`` (SIGTERM) ends every wait and every further call at once."""

    stop: Event = field(default_factory=Event)
    sleep: Callable[[float], object] | None = None  # seconds; None: wait on ``stop``
    monotonic: Callable[[], float] = time.monotonic
    between: Callable[[float, float], float] = random.uniform
    base: float = 0.5
    longest: float = 20.0

    def backoff(self, attempt: int) -> None:
        """Full jitter: anywhere up to an exponentially growing ceiling."""
        self.wait(0.0, min(self.longest, self.base * 2 ** min(attempt, 16)))

    def wait(self, at_least: float, at_most: float) -> None:
        (self.sleep or self.stop.wait)(self.between(at_least, at_most))
        self.check()

    def check(self) -> None:
        if self.stop.is_set():
            raise Transient("abandoned: the service is stopping")


class Deadline:
    """The end of one account's time; raises `OutOfTime` once it has passed."""

    def __init__(self, allowed: timedelta, monotonic: Callable[[], float]) -> None:
        self._allowed, self._monotonic = allowed, monotonic
        self._end = monotonic() + allowed.total_seconds()

    @property
    def over(self) -> bool:
        return self._monotonic() >= self._end

    def check(self, why: str) -> None:
        if self.over:
            raise OutOfTime(f"{why} (not finished within {self._allowed.total_seconds():.0f} s)")


class Api:
    """One service's operations in one account, as plain dictionaries."""

    def __init__(self, wire: Wire, scope: Scope, where: str, pace: Pace, deadline: Deadline) -> None:
        self._wire, self._scope, self._where = wire, scope, where
        self._pace, self._deadline = pace, deadline

    def call(self, operation: str, **params: object) -> Mapping[str, Any]:
        """One answer, however long the throttling lasts (until the deadline).

        Raises `Transient` or `Permanent` (`Denied`, `Gone`, `NotReady` among them).
        """
        attempt = 0
        while True:
            self._pace.check()
            try:
                return self.once(operation, **params)
            except Transient as error:
                if not _worth_repeating(error, attempt):
                    raise
                why = str(error)
            self._pace.backoff(attempt)
            self._deadline.check(why)
            attempt += 1

    def once(self, operation: str, **params: object) -> Mapping[str, Any]:
        """One attempt, with no repetition behind the caller's back: what writes need."""
        action = f"{self._wire.service}:{self._wire.action(operation)}"
        try:
            credentials = self._scope.credentials()
            self._deadline.check(f"{action} {self._where}: not sent")
            return self._wire.send(operation, params, credentials)
        except Exception as error:
            fault = translate(error, action, self._where)
        if isinstance(fault, ExpiredSession):
            self._scope.forget()
        raise fault  # outside the `except`: the vendor's message, which may hold an id, is not chained

    def pages(self, operation: str, items: str, **params: object) -> Iterator[Any]:
        """Every item of every page of an IAM listing: only `IsTruncated` says whether there is more."""
        marker: dict[str, object] = {}
        while True:
            page = self.call(operation, **params, **marker)
            yield from page[items]
            if not page.get("IsTruncated"):
                return
            marker = _next_marker(page, marker, operation)


def _worth_repeating(error: Transient, attempt: int) -> bool:
    if isinstance(error, NotReady | OutOfTime):
        return False
    return isinstance(error, Throttled) or attempt + 1 < ATTEMPTS_WITHOUT_THROTTLE


def _next_marker(page: Mapping[str, Any], last: Mapping[str, object], operation: str) -> dict[str, object]:
    marker = page.get("Marker")
    if not marker or marker == last.get("Marker"):
        raise Permanent(f"iam {operation}: AWS says there is more but not where; nothing is concluded")
    return {"Marker": marker}
