"""A circuit breaker for each sink: one that keeps failing is rested, then probed with one message.

Closed: everything goes. After `THRESHOLD` failures in a row, whatever the messages, the sink is rested. When
the rest is over one message probes it: an answer closes the breaker, a failure rests it for longer. An answer
is anything definite: a message that is refused for good is that message's fault, not the sink's.

The state is in the ledger: a standby that takes over, and `run --once` by cron, go on from it.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from app.clock import Clock
from app.errors import KeystewardError, Transient
from app.model import Breaker, redact
from app.service.backoff import LONGEST_ASKED
from app.telemetry import log_fields

log = logging.getLogger(__name__)

THRESHOLD = 5
FIRST_REST, LONGEST_REST = timedelta(minutes=1), timedelta(hours=1)


class Gate(StrEnum):
    """What may be sent to a sink now."""

    OPEN = "all"
    PROBE = "one"
    SHUT = "none"


def gate(breaker: Breaker, now: datetime) -> Gate:
    """A rest that seems to begin in the future was written under a wrong clock: it doesn't hold."""
    if breaker.rested_at is None or breaker.until is None:
        return Gate.OPEN
    return Gate.SHUT if breaker.rested_at <= now < breaker.until else Gate.PROBE


def after_failure(
    breaker: Breaker, now: datetime, roll: float, error: str, asked: timedelta | None = None
) -> Breaker:
    """One more failure in a row. ``roll``, from 0 to 1, spreads the rest; it is never below ``asked``."""
    counted = replace(breaker, failures=breaker.failures + 1, error=error)
    if counted.failures < THRESHOLD and not breaker.rests:
        return counted
    span = max(_rest(breaker.rests, roll), min(asked or timedelta(0), LONGEST_ASKED))
    return replace(counted, rests=breaker.rests + 1, rested_at=now, until=now + span)


def _rest(before: int, roll: float) -> timedelta:
    """Doubling, and at least half of that: full jitter could mean no rest at all."""
    return min(LONGEST_REST, FIRST_REST * (1 << min(before, 10))) * (1 + roll) / 2


def after_answer(breaker: Breaker) -> Breaker:
    return Breaker(breaker.sink)


class Breakers:
    """Every sink's, for one round of deliveries. What has changed is written with what the round settles."""

    def __init__(self, known: Mapping[str, Breaker], clock: Clock, roll: Callable[[], float]) -> None:
        self._known = dict(known)
        self._changed: set[str] = set()
        self._fallen: set[str] = set()
        self._clock, self._roll = clock, roll

    def of(self, sink: str) -> Breaker:
        return self._known.get(sink) or Breaker(sink)

    def gate(self, sink: str) -> Gate:
        return gate(self.of(sink), self._clock.now())

    def failed(self, sink: str, error: KeystewardError) -> None:
        now, asked = self._clock.now(), error.retry_after if isinstance(error, Transient) else None
        after = after_failure(self.of(sink), now, self._roll(), redact(str(error)), asked)
        if after.rests == 1:
            self._fallen.add(sink)
        if after.until:
            span = log_fields(sink=sink, until=after.until.isoformat(), failures=after.failures)
            log.warning("sink is rested", **span)
        self._set(after)

    def answered(self, sink: str) -> None:
        before = self.of(sink)
        if before.rests:
            log.info("sink answers again", **log_fields(sink=sink, failures=before.failures))
        if before != after_answer(before):
            self._set(after_answer(before))

    def fallen(self) -> tuple[Breaker, ...]:
        """Those that this round was the first to rest, and that still rest."""
        return tuple(breaker for breaker in self.untold() if breaker.sink in self._fallen)

    def untold(self) -> tuple[Breaker, ...]:
        """Outages that the on-call has not been told of."""
        return tuple(breaker for breaker in self._known.values() if breaker.rests and not breaker.told)

    def told(self, down: Iterable[Breaker]) -> None:
        """The on-call was told of the outages ``down``; one that is over has nothing to remember."""
        now = (self.of(breaker.sink) for breaker in down)
        for breaker in [breaker for breaker in now if breaker.rests]:
            self._set(replace(breaker, told=True))

    def take_changes(self) -> tuple[Breaker, ...]:
        """What is to be written, once."""
        changed, self._changed = self._changed, set()
        return tuple(self._known[sink] for sink in sorted(changed))

    def _set(self, breaker: Breaker) -> None:
        self._known[breaker.sink] = breaker
        self._changed.add(breaker.sink)


def text(breaker: Breaker) -> str:
    """``rests until 12:30 UTC after 7 failures in a row: HTTP 500``."""
    until = f"{breaker.until:%d %b %H:%M} UTC" if breaker.until else "its probe"
    return f"rests until {until} after {breaker.failures} failures in a row: {breaker.error}"
