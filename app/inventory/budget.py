"""What the whole process may ask of AWS, whatever the account."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from threading import BoundedSemaphore, Lock


class ApiBudget:
    """A ceiling over the calls of all accounts together. Thread-safe.

    ``in_flight`` is held while a call is under way. ``per_second`` calls start in a second, first come,
    first served; None: as many as there are.
    """

    def __init__(self, in_flight: int, per_second: float | None, monotonic: Callable[[], float]) -> None:
        self.in_flight = BoundedSemaphore(in_flight)
        self._per_second, self._monotonic = per_second, monotonic
        self._lock = Lock()
        self._free_at = 0.0

    def take(self) -> float:
        """Takes the next slot: the seconds to wait before sending."""
        if self._per_second is None:
            return 0.0
        with self._lock:
            now = self._monotonic()
            slot = max(now, self._free_at)
            self._free_at = slot + 1 / self._per_second
            return slot - now


class Unbudgeted:
    """`ApiBudget`'s place for what must not wait: acts, and what is read for one of them or for a person."""

    in_flight: AbstractContextManager[object] = nullcontext()

    def take(self) -> float:
        return 0.0


Budget = ApiBudget | Unbudgeted


class RetryBudget:
    """How often failures other than throttling are tried again, so that an outage isn't multiplied.

    The SDK's own retry quota, with its figures (botocore 1.44, `retries/quota.py` and
    `retries/standard.py`): 500 at the start, 14 for a retry, which are given back when it succeeds,
    and 1 for a success at once. During an outage 35 retries are made, not three a call. Thread-safe.
    """

    FULL, RETRY, SUCCESS = 500, 14, 1

    def __init__(self) -> None:
        self._lock = Lock()
        self._left = self.FULL

    def spend(self) -> bool:
        """Whether one more retry may be made; if so, it is paid."""
        with self._lock:
            if self._left < self.RETRY:
                return False
            self._left -= self.RETRY
            return True

    def earn(self, retried: bool) -> None:
        """A call has succeeded; ``retried``: only after a retry."""
        if self._left == self.FULL:  # nearly always: no lock
            return
        with self._lock:
            self._left = min(self.FULL, self._left + (self.RETRY if retried else self.SUCCESS))
