"""Token buckets and their askers in virtual time: minutes of throttling in milliseconds, no threads."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from app.inventory.tempo import Sent, Tempo


class Events:
    """What happens when, in seconds from zero."""

    def __init__(self, seed: int) -> None:
        self.now, self.random = 0.0, random.Random(seed)
        self._order, self._queue = count(), list[tuple[float, int, Callable[[], None]]]()

    def after(self, seconds: float, then: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (self.now + seconds, next(self._order), then))

    def run(self) -> None:
        while self._queue:
            self.now, _, then = heapq.heappop(self._queue)
            then()


@dataclass
class TokenBuckets:
    """One bucket an account, or with ``actions`` one for each of so many, asked in turn."""

    events: Events
    rate: float
    burst: int
    actions: int = 1
    closed: tuple[float, float] = (0.0, 0.0)  # meanwhile everything is throttled
    _turn: int = 0
    _levels: dict[int, tuple[float, float]] = field(default_factory=dict)

    def allow(self) -> bool:
        self._turn += 1
        action, now = self._turn % self.actions, self.events.now
        level, at = self._levels.get(action, (float(self.burst), 0.0))
        level = min(self.burst, level + (now - at) * self.rate)
        allowed = level >= 1 and not self.closed[0] <= now < self.closed[1]
        self._levels[action] = level - allowed, now
        return allowed


@dataclass
class Asker:
    """Asks ``calls`` calls of an account, as a `Crew` (one to begin a call when its lane allows) or, with
    ``threads``, as so many threads that each wait for their own call."""

    events: Events
    buckets: TokenBuckets
    calls: int
    threads: int = 0
    latency: float = 0.03
    passed: int = 0
    throttled: int = 0
    first_throttle: tuple[float, int] | None = None  # when, and what had passed by then
    ended: float = 0.0

    def __post_init__(self) -> None:
        self.tempo = Tempo(lambda: self.events.now, self.events.random.uniform)
        self._waiting, self._under_way, self._opens = self.calls, 0, False
        for _ in range(self.threads or 1):
            self._next()

    @property
    def waste(self) -> float:
        return self.throttled / (self.throttled + self.passed)

    @property
    def use_of_refill(self) -> float:
        """What passed since the first throttle, by what was refilled since then."""
        assert self.first_throttle
        at, before = self.first_throttle
        refilled = (self.ended - at) * self.buckets.rate * self.buckets.actions
        return (self.passed - before) / refilled

    def _next(self) -> None:
        if self.threads:
            self._begin_one()
        elif not self._opens:
            self._begin_what_may()

    def _begin_what_may(self) -> None:
        self._opens = False
        while self._waiting and self._under_way < self.tempo.width(self.calls):
            pause = self.tempo.pause()
            if pause > 0:
                self._opens = True
                self.events.after(pause, self._begin_what_may)
                return
            self._begin_one()

    def _begin_one(self) -> None:
        if self._waiting:
            self._waiting -= 1
            self._under_way += 1
            self._take_turn()

    def _take_turn(self) -> None:
        """What `Api` does, in events."""
        emptied = self.tempo.emptied
        mine, pause = self.tempo.take()

        def woken() -> None:
            if mine and emptied == self.tempo.emptied:
                self._send()
            else:
                self._take_turn()

        self.events.after(pause, woken)

    def _send(self) -> None:
        sent, half = self.tempo.sent(), self.latency * self.events.random.uniform(0.4, 0.7)

        def arrived() -> None:
            allowed = self.buckets.allow()
            self.events.after(half, lambda: self._answered(allowed, sent))

        self.events.after(half, arrived)

    def _answered(self, allowed: bool, sent: Sent) -> None:
        self._under_way -= 1
        self.ended = self.events.now
        if allowed:
            self.tempo.passed(sent)
            self.passed += 1
        else:
            self.first_throttle = self.first_throttle or (self.events.now, self.passed)
            self.tempo.throttled(sent)
            self.throttled += 1
            self._waiting += 1
        self._next()


def ask(
    rate: float,
    burst: int,
    calls: int,
    *,
    seed: int = 0,
    threads: int = 0,
    latency: float = 0.03,
    actions: int = 1,
    closed: tuple[float, float] = (0.0, 0.0),
) -> Asker:
    """One asker of one account, to its end."""
    events = Events(seed)
    asker = Asker(events, TokenBuckets(events, rate, burst, actions, closed), calls, threads, latency)
    events.run()
    return asker
