"""Calls to one account's API with this service's own patience over throttling.

The SDK's retry modes *fail* under a low bucket shared by many threads: here a call waits for its turn
instead, until the account's deadline. Throttled is slow, never wrong.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Event, Lock
from typing import Any, Self

from botocore.credentials import ReadOnlyCredentials

from app.errors import KeystewardError, Permanent, Transient
from app.inventory.budget import Budget, RetryBudget
from app.inventory.credentials import Scope
from app.inventory.crew import Later
from app.inventory.faults import ExpiredSession, NotReady, OutOfTime, Throttled, translate
from app.inventory.tempo import Tempo
from app.inventory.wire import Wire

ATTEMPTS = 4  # after failures other than throttling


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
        self._lock, self._excused = Lock(), 0.0  # until when

    @property
    def over(self) -> bool:
        return self._monotonic() >= self._end

    def excuse(self, seconds: float) -> None:
        """The next ``seconds`` don't count. Where several threads wait at once, they are excused once."""
        with self._lock:
            now = self._monotonic()
            self._end += max(0.0, now + seconds - max(now, self._excused))
            self._excused = max(now + seconds, self._excused)

    def check(self, why: str) -> None:
        if self.over:
            raise OutOfTime(f"{why} (not finished within {self._allowed.total_seconds():.0f} s)")


@dataclass(frozen=True, slots=True)
class Api:
    """One service's operations in one account, as plain dictionaries. It is the account's `Lane` too.

    ``tempo`` is shared by all calls on the same bucket, the budgets by the whole process.
    """

    wire: Wire
    scope: Scope
    where: str
    deadline: Deadline
    pace: Pace
    tempo: Tempo
    budget: Budget
    retries: RetryBudget
    yields: bool = False

    def yielding(self) -> Self:
        """The same for a `Crew`'s jobs: throttled, it raises `Later` and frees its thread."""
        return replace(self, yields=True)

    def call(self, operation: str, **params: object) -> Mapping[str, Any]:
        """One answer, however long the throttling lasts (until the deadline).

        Raises `Transient` or `Permanent` (`Denied`, `Gone`, `NotReady` among them).
        """
        retried = 0
        while True:
            self.pace.check()
            try:
                answer = self.once(operation, **params)
            except Throttled as error:
                self.deadline.check(str(error))
                if self.yields:
                    raise Later from None
            except Transient as error:
                if not self._worth_repeating(error, retried):
                    raise
                self.pace.backoff(retried)
                self.deadline.check(str(error))
                retried += 1
            else:
                self.retries.earn(retried > 0)
                return answer

    def sign_in(self) -> None:
        """Gets the credentials, so that the next call is one request. Raises as `once`."""
        try:
            self.scope.credentials()
            return
        except Exception as error:
            fault = translate(error, "signing in", self.where, self.scope.holder)
        raise fault  # as in `once`

    def once(self, operation: str, **params: object) -> Mapping[str, Any]:
        """One attempt, with no repetition behind the caller's back: what writes need."""
        try:
            return self._send(operation, params, self.scope.credentials())
        except Exception as error:
            fault = self._fault(error, operation)
        if isinstance(fault, ExpiredSession):
            self.scope.forget()
        raise fault  # outside the `except`: the vendor's message, which may hold an id, is not chained

    def width(self, jobs: int) -> int:
        return self.tempo.width(jobs)

    def ready(self) -> bool:
        return self.tempo.pause() == 0

    def wait(self) -> None:
        while (pause := self.tempo.pause()) > 0:
            self.pace.wait(pause, pause)

    def _send(
        self, operation: str, params: Mapping[str, object], credentials: ReadOnlyCredentials
    ) -> Mapping[str, Any]:
        self._take_turn(operation)
        with self.budget.in_flight:
            self._check_time(operation)
            sent = self.tempo.sent()
            try:
                answer = self.wire.send(operation, params, credentials)
            except Exception as error:
                fault = self._fault(error, operation)
            else:
                self.tempo.passed(sent)
                return answer
        if isinstance(fault, Throttled):
            self.tempo.throttled(sent)
        else:
            self.tempo.passed(sent)
        raise fault

    def _take_turn(self, operation: str) -> None:
        """Waits for the account's slot, then for the process's, which is no time of the account's own."""
        while not self._took_slot():
            self._check_time(operation)
        pause = self.budget.take()
        if pause > 0:
            self.deadline.excuse(pause)
            self.pace.wait(pause, pause)

    def _took_slot(self) -> bool:
        emptied = self.tempo.emptied
        mine, pause = self.tempo.take()
        if pause > 0:
            self.pace.wait(pause, pause)
        return mine and emptied == self.tempo.emptied

    def _check_time(self, operation: str) -> None:
        if self.deadline.over:
            told = self.tempo.told() or "not sent"
            self.deadline.check(f"{self._action(operation)} {self.where}: {told}")

    def _fault(self, error: Exception, operation: str) -> KeystewardError:
        return translate(error, self._action(operation), self.where, self.scope.holder)

    def _action(self, operation: str) -> str:
        return f"{self.wire.service}:{self.wire.action(operation)}"

    def _worth_repeating(self, error: Transient, retried: int) -> bool:
        if isinstance(error, NotReady | OutOfTime) or retried + 1 >= ATTEMPTS:
            return False
        return self.retries.spend()

    def pages(self, operation: str, items: str, **params: object) -> Iterator[Any]:
        """Every item of every page of an IAM listing: only `IsTruncated` says whether there is more.

        Raises `Permanent` when it contradicts the `Marker`: one of the two was lost on the way.
        """
        marker: dict[str, object] = {}
        while True:
            page = self.call(operation, **params, **marker)
            after = _next_marker(page, marker, operation)
            if items not in page:
                raise Permanent(f"iam {operation}: AWS's answer has no {items}; nothing is concluded")
            yield from page[items]
            if not after:
                return
            marker = after


def _next_marker(page: Mapping[str, Any], last: Mapping[str, object], operation: str) -> dict[str, object]:
    """Empty behind the last page."""
    more, marker = bool(page.get("IsTruncated")), page.get("Marker")
    if more is not bool(marker) or (more and marker == last.get("Marker")):
        doubt = "AWS doesn't tell clearly whether and where there is more; nothing is concluded"
        raise Permanent(f"iam {operation}: {doubt}")
    return {"Marker": marker} if more else {}
