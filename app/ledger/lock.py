"""Locks between processes that the kernel frees when their holder dies."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from app.errors import LedgerError

POLL = 0.1  # seconds


@dataclass(frozen=True)
class FileLock:
    """An exclusive `flock` on ``path``, which holds between threads of one process too."""

    path: Path
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic

    @contextmanager
    def hold(self, wait: timedelta) -> Iterator[bool]:
        """True while the block holds the lock; False when another kept it for all of ``wait``."""
        with self._opened() as handle:
            yield self._take(handle, self.monotonic() + wait.total_seconds())

    @contextmanager
    def _opened(self) -> Iterator[int]:
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from None
        try:
            yield handle
        finally:
            os.close(handle)  # which frees the lock

    def _take(self, handle: int, until: float) -> bool:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self.monotonic() >= until:
                    return False
                self.sleep(POLL)
            except OSError as error:  # a file system without locks
                raise self._unusable(error) from None
            else:
                return True

    def _unusable(self, error: OSError) -> LedgerError:
        return LedgerError(
            f"the ledger's lock {self.path} can't be taken: {error.strerror}; "
            "its folder must be on a local disk and writable for the service's user"
        )
