"""`keysteward pause`, asked of the ledger: before each request that leaves, and whenever somebody looks.

Right before a request is also the last moment to see that the lease has run out: a message may take many.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from app.errors import LedgerError, PausedMeanwhile
from app.ledger.interface import Lease, Ledger
from app.model import Pause
from app.service.settle import SEND_TIMEOUT
from app.service.snapshot import Snapshot

_HELD: ContextVar[Lease | None] = ContextVar("lease", default=None)
FRESH = 1.0  # seconds for which a look at the pause is good enough to be shown


def unless_paused(ledger: Ledger) -> Callable[[], None]:
    """What sinks call before each sending (`app/sinks/waits.py`).

    A claim asks too, but from there a message may take long: people to look up, a rate to keep, many pages.
    """

    def ask() -> None:
        pause = ledger.paused()
        if pause:
            raise PausedMeanwhile(pause.text)
        lease = _HELD.get()
        if lease and lease.remaining() <= SEND_TIMEOUT:
            raise PausedMeanwhile("too little of the lease is left")

    return ask


@contextmanager
def sending_under(lease: Lease) -> Iterator[None]:
    """What this thread sends in the block: each request of it leaves while enough of ``lease`` is left."""
    token = _HELD.set(lease)
    try:
        yield
    finally:
        _HELD.reset(token)


@dataclass
class LivePause:
    """Shows the pause of this very second, and whether the ledger answers, in a snapshot of the last run.

    The ledger is asked once a second at the most, and by one thread: the others are shown what was known.
    """

    paused: Callable[[], Pause | None]
    monotonic: Callable[[], float] = time.monotonic
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _asked: float | None = None
    _known: tuple[Pause | None] | None = None  # None: the ledger has never answered
    _fault: str = ""

    def __call__(self, snapshot: Snapshot) -> Snapshot:
        if self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        paused = self._known[0] if self._known else snapshot.paused
        return replace(snapshot, paused=paused, ledger_fault=self._fault)

    def _look(self) -> None:
        if self._asked is not None and self.monotonic() - self._asked < FRESH:
            return
        try:
            self._known, self._fault = (self.paused(),), ""
        except LedgerError as error:
            self._fault = str(error)
        finally:
            self._asked = self.monotonic()
