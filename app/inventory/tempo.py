"""How fast one account may be asked, learnt from its throttling alone.

AWS throttles with token buckets whose size and refill are unpublished for IAM, and which other tools of the
account empty too. Two facts are enough. A throttled call says that the bucket is empty now. And what
passed between two such moments, divided by the time between them, is exactly the refill.

A `Tempo` decides and never waits: whoever asks does, outside of any lock.
"""

import random
from collections.abc import Callable
from threading import Lock

FIRST_RATE = 10.0  # calls a second after the first throttle: cautious, and soon doubled
FARTHEST = 20.0  # seconds ahead that a slot is taken: as long as one can be at the lowest rate
LOWEST_RATE = 0.1  # at least a call in ten seconds asks whether the bucket has filled
BELOW = 0.9  # of the measured refill, so that the bucket is seldom found empty
BRISK = 0.7  # calls a second more for each that passes: doubles about every second
GENTLE = 0.2  # the share to grow by, over so many calls or seconds, whichever takes longer:
GENTLE_CALLS, GENTLE_SECONDS = 60, 4.0
FEW, MANY = 4, 32  # calls under way at once while nothing is known
ONE_IN = 25  # so many of all are under way at once: what the first throttle can waste
CALM = 300  # calls that passed before any throttle: the bucket is deep, twice as many may be under way

Sent = tuple[int, float]  # how often the bucket had been found empty before, and when (monotonic seconds)


class Tempo:
    """The pace of all calls that share a bucket. Thread-safe; no lock is held for longer than some sums.

    Unpaced until the first throttle. From then on each call has a slot of its own. The rate grows with
    what passes, and at each new emptiness falls below what was measured. Calls that were sent before the
    last known emptiness and come back throttled tell nothing new.
    """

    def __init__(
        self, monotonic: Callable[[], float], between: Callable[[float, float], float] = random.uniform
    ) -> None:
        self._monotonic, self._between = monotonic, between
        self._lock = Lock()
        self._rate: float | None = None  # calls a second
        self._free_at = 0.0  # the next slot
        self.emptied, self._emptied_at = 0, 0.0  # how often the bucket was found empty, and when it was last
        self._passed, self._measured = 0, False  # calls since then; whether any passed between the last two
        self._calm = 0  # calls that passed before the first throttle
        self._latency = 0.1  # seconds, a moving average

    def pause(self) -> float:
        """Seconds until the next slot; takes none."""
        return 0.0 if self._rate is None else max(0.0, self._free_at - self._monotonic())

    def take(self) -> tuple[bool, float]:
        """Whether a slot could be taken, and the seconds to wait: for the slot, or before asking again.

        Nobody is promised what is far ahead: the rate will have changed by then. And a slot is only as good
        as the rate: after waiting, it is void if the bucket has been found ``emptied`` meanwhile.
        """
        if self._rate is None:
            return True, 0.0
        with self._lock:
            now = self._monotonic()
            slot = max(now, self._free_at)
            if slot - now > FARTHEST:
                return False, self._between(FARTHEST / 2, FARTHEST)
            self._free_at = slot + 1 / self._rate
            return True, slot - now

    def width(self, jobs: int) -> int:
        """How many of an account's ``jobs`` to have under way at once.

        Unpaced, all of them can be lost to a sudden throttle: a twenty-fifth is 4 %, and 8 % once the bucket
        has shown to be deep. Paced, as many as the rate fills during one call's time, with some room.
        """
        if self._rate is None:
            most = min(MANY, jobs // ONE_IN)
            return max(FEW, 2 * most if self._calm >= CALM else most)
        return min(MANY, 1 + int(1.5 * self._rate * self._latency))

    def sent(self) -> Sent:
        """To be asked for right before sending, and handed back with the answer."""
        return self.emptied, self._monotonic()

    def passed(self, sent: Sent) -> None:
        """The call got past the bucket, whatever it was answered."""
        if self._rate is None:
            self._calm += 1  # without the lock: about right is enough
            return
        with self._lock:
            self._latency += (self._monotonic() - sent[1] - self._latency) / 8
            if sent[0] == self.emptied:
                self._passed += 1
                self._rate += self._growth(self._rate)

    def throttled(self, sent: Sent) -> None:
        """The bucket was empty: the next call waits for a slot, and with full jitter for up to one more."""
        with self._lock:
            if sent[0] != self.emptied:
                return
            now = self._monotonic()
            self._rate = FIRST_RATE if self._rate is None else self._slower(self._rate, now)
            self.emptied, self._emptied_at = self.emptied + 1, now
            self._measured, self._passed = self._passed > 0, 0
            self._free_at = now + self._between(1, 2) / self._rate

    def told(self) -> str:
        """For an error's text: empty while unpaced."""
        return "" if self._rate is None else f"throttled by AWS to about {self._rate:.1f} calls a second"

    def _slower(self, rate: float, now: float) -> float:
        """Below the refill; never by more than half at once, for a short while measures badly."""
        refill = self._passed / max(now - self._emptied_at, 0.001)
        return max(LOWEST_RATE, rate / 2, min(BELOW * refill, BELOW * rate))

    def _growth(self, rate: float) -> float:
        """Gentle past the measured refill: from 0.9 of it to 1.1. Brisk before there is a measure, and once
        the bucket should long be empty but isn't: whoever else emptied it has gone."""
        calls = max(GENTLE_CALLS, GENTLE_SECONDS * rate)
        measured = self._measured and self._passed <= 2 * calls
        return min(BRISK, GENTLE * rate / calls) if measured else BRISK
