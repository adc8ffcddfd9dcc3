"""Which request of a hop is struck, and what strikes it."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.chaos.clock import real
from tests.chaos.schedule import Event


class Dropped(Exception):
    """The connection is to be reset: no answer."""


@dataclass(frozen=True, slots=True)
class Harm:
    """What befell a life (all of them: no ``life``), by this machine's time. ``until``: for so long."""

    at: float
    what: str
    place: int
    life: int
    until: float

    def befell(self, place: int, life: int) -> bool:
        return self.life == 0 or (self.place, self.life) == (place, life)


@dataclass
class Life:
    """A replica from its start to its end. ``number`` counts the lives of a place."""

    place: int
    number: int
    pid: int
    stopped_until: float = 0.0  # `time.monotonic`
    alive: bool = True


@dataclass
class Board:
    """Counts requests by channel, and strikes at those that a hop's events name.

    ``lives``: who lives at each place now. ``on_event``: what isn't about the request itself (a command, a
    restart), done before it goes on. Thread-safe.
    """

    on_event: Callable[[Event, int], None] = lambda event, place: None
    lives: dict[int, Life] = field(default_factory=dict)
    injected: Counter[str] = field(default_factory=Counter)
    harms: list[Harm] = field(default_factory=list)
    in_the_air: int = 0  # requests that have arrived and not been answered
    lock: threading.RLock = field(default_factory=threading.RLock)
    _armed: list[Event] = field(default_factory=list)
    _counts: Counter[tuple[str, bool]] = field(default_factory=Counter)

    def arm(self, events: list[Event]) -> None:
        with self.lock:
            self._armed = list(events)
            self._counts.clear()

    def who(self, place: int) -> tuple[int, int]:
        life = self.lives.get(place)
        return (place, life.number if life else 0)

    def asked(self, channel: str, place: int, is_write: bool) -> Event | None:
        """The event that strikes this request, if any; it counts the request."""
        with self.lock:
            kinds = (False, True) if is_write else (False,)
            for kind in kinds:
                self._counts[channel, kind] += 1
            found = next((e for e in self._armed if self._is_now(e, channel, kinds)), None)
            if found:
                self._armed.remove(found)
                self.note(found, place)
        return found

    @contextmanager
    def under_way(self) -> Iterator[None]:
        with self.lock:
            self.in_the_air += 1
        try:
            yield
        finally:
            with self.lock:
                self.in_the_air -= 1

    def _is_now(self, event: Event, channel: str, kinds: tuple[bool, ...]) -> bool:
        now = self._counts[event.channel, event.writes] if event.channel else -1
        return event.channel == channel and event.writes in kinds and event.nth == now

    def note(self, event: Event, place: int) -> None:
        with self.lock:
            self.injected[f"{event.what} ({event.channel or 'start'})"] += 1
            if event.channel == "ledger" or event.what == "disk":
                self.harm("ledger", place, real(event.seconds))

    def harm(self, what: str, place: int, seconds: float = 0.0) -> None:
        """``seconds`` are this machine's. ``place`` negative: everybody is harmed."""
        now, life = time.time(), self.who(place)[1] if place >= 0 else 0
        with self.lock:
            self.harms.append(Harm(now, what, place, life, now + seconds))

    def kill(self, place: int) -> None:
        with self.lock:
            life = self.lives.get(place)
            if life and life.alive:
                life.alive = False
                _signal(life.pid, signal.SIGKILL)
                self.harm("kill", place)

    def stop(self, place: int, seconds: float) -> None:
        """SIGSTOP for so many service seconds."""
        with self.lock:
            life = self.lives.get(place)
            if life is None or not life.alive:
                return
            _signal(life.pid, signal.SIGSTOP)
            life.stopped_until = time.monotonic() + real(seconds)
            self.harm("stop", place, real(seconds))
        timer = threading.Timer(real(seconds), self._go_on, (life,))
        timer.daemon = True
        timer.start()

    def _go_on(self, life: Life) -> None:
        with self.lock:
            if life.alive:
                _signal(life.pid, signal.SIGCONT)
                life.stopped_until = 0.0

    def go_on(self) -> None:
        """Everybody who was stopped."""
        for life in list(self.lives.values()):
            self._go_on(life)


def _signal(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def strike(board: Board, event: Event, place: int, effect: Callable[[], None]) -> None:
    """Lets the request take ``effect`` or not, as the event says. Raises `Dropped`.

    What is left to the caller is the form of the answer.
    """
    board.on_event(event, place)
    if event.what == "stop":
        board.stop(place, event.seconds)
    if event.what == "slow" and not event.after:
        time.sleep(real(event.seconds))
    if event.after or event.what in EFFECTIVE:
        effect()
    if event.what == "slow" and event.after:
        time.sleep(real(event.seconds))
    if event.what == "kill":
        board.kill(place)
    if event.what in ("kill", "reset", "partition", "restart"):
        raise Dropped


# Whatever ``after`` says, the request takes effect: it is the answer that is late or spoilt.
EFFECTIVE = frozenset({"stop", "slow", "cut"})
REFUSED = frozenset({"broken", "garbage", "throttle", "expire"})  # with no effect, unless ``after``
