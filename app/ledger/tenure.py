"""The right to act where several hosts share a ledger: held by beating, lost by falling silent.

No two hosts' clocks are compared. Who holds it changes a token in the ledger, a *beat*, three times a term.
Who waits times the beat it saw last by a clock of its own, and takes over when a whole term has passed
without another. The holder counts its term from before it sent its last beat: it has always stopped by then.
A beat tells the term of its holder: where they differ (a deploy that changes it) the longer is waited for.
The rule is that of DynamoDB's lock client (https://aws.amazon.com/blogs/database/
building-distributed-locks-with-the-dynamodb-lock-client/) and of Kubernetes' leader election.
"""

import logging
import math
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from app.clock import boot_clock
from app.errors import LedgerError
from app.ledger.interface import Lease, lent
from app.telemetry import log_fields

log = logging.getLogger(__name__)

TERM = timedelta(seconds=30)
BEATS_A_TERM = 3
POLL = 0.5  # seconds
VACANT = ""


class Seat(Protocol):
    """The ledger's one place for who acts. Each method is one atomic step; all raise `LedgerError`."""

    def beat(self) -> str:
        """The token that is there now; `VACANT`: nobody holds the seat."""

    def take(self, seen: str, beat: str, holder: str) -> int | None:
        """Puts ``beat`` in the place of ``seen``, and returns an epoch higher than any before.

        None, with nothing changed, when another token is there by now. Waits for whoever is writing under the
        old epoch, so that nothing of it lands later.
        """

    def renew(self, epoch: int, beat: str) -> bool:
        """Puts ``beat`` there; False, with nothing changed, when another epoch has begun."""


@dataclass
class Tenure:
    """Takes, keeps and leaves the seat. Threads of one process exclude each other as hosts do."""

    seat: Seat
    term: timedelta = TERM
    clock: Callable[[], float] = boot_clock
    sleep: Callable[[float], None] = time.sleep
    _seen: tuple[str, float] = field(default=(VACANT, 0.0), init=False)  # a beat, and when it was first seen
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @contextmanager
    def hold(self, holder: str, wait: timedelta) -> Iterator[Lease | None]:
        """The lease for the length of the block; None when another keeps it for all of ``wait``."""
        until = self.clock() + wait.total_seconds()
        held = self.take(holder)
        while held is None and self.clock() < until:
            self.sleep(POLL)
            held = self.take(holder)
        if held is None:
            yield None
            return
        with held.kept(), lent(held.epoch, held.remaining) as lease:
            yield lease

    def held(self) -> bool:
        """Also by one who fell silent."""
        return self.seat.beat() != VACANT

    def orphaned(self) -> bool:
        """Whether the last holder fell silent for a whole term: it died, is stopped, or is cut off."""
        seen = self.seat.beat()
        return seen != VACANT and self._is_silent(seen, self.clock())

    def take(self, holder: str) -> "Held | None":
        """Takes the seat if it is vacant or silent; nobody keeps it yet."""
        started, seen, beat = self.clock(), self.seat.beat(), _token(self.term)
        if seen != VACANT and not self._is_silent(seen, self.clock()):  # the look itself may have taken long
            return None
        epoch = self.seat.take(seen, beat, holder)
        if epoch is None:
            return None
        if seen != VACANT:
            log.warning("took over from a replica that fell silent", **log_fields(epoch=epoch))
        return Held(self.seat, self.term.total_seconds(), self.clock, epoch, started)

    def _is_silent(self, beat: str, now: float) -> bool:
        with self._lock:
            if self._seen[0] != beat:
                self._seen = (beat, now)
            return now - self._seen[1] >= max(self.term.total_seconds(), _term_of(beat))


@dataclass
class Held:
    """One tenure of one holder."""

    seat: Seat
    term: float
    clock: Callable[[], float]
    epoch: int
    since: float  # before the newest beat that arrived was sent
    _done: threading.Event = field(default_factory=threading.Event)

    def remaining(self) -> float:
        """Seconds for which nobody else can take over."""
        return max(0.0, self.since + self.term - self.clock())

    @contextmanager
    def kept(self) -> Iterator[None]:
        keeper = threading.Thread(target=self._keep, name="lease", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            self._done.set()
            keeper.join(self.term)
            self._leave()

    def beat_once(self) -> bool:
        """False once another replica has taken over."""
        started = self.clock()
        try:
            if not self.seat.renew(self.epoch, _token(timedelta(seconds=self.term))):
                log.warning("another replica has taken over", **log_fields(epoch=self.epoch))
                self.since = -math.inf  # nothing remains
                return False
            self.since = started
        except LedgerError as error:  # the ledger may be back before the term is over
            log.warning("the lease was not renewed", **log_fields(reason=str(error)))
        return True

    def _keep(self) -> None:
        while not self._done.wait(self.term / BEATS_A_TERM) and self.beat_once():
            pass

    def _leave(self) -> None:
        try:
            self.seat.renew(self.epoch, VACANT)
        except LedgerError as error:  # whoever comes next waits for a term
            log.warning("the lease was not given back", **log_fields(reason=str(error)))


def _token(term: timedelta) -> str:
    return f"{uuid.uuid4().hex}/{term.total_seconds():g}"


def _term_of(beat: str) -> float:
    """Seconds; 0 where it isn't told."""
    try:
        return float(beat.partition("/")[2] or 0)
    except ValueError:
        return 0.0
