"""The lock between processes."""

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from app.errors import LedgerError
from app.ledger.lock import POLL, FileLock

NO_WAIT = timedelta(0)


class HandClock:
    """Time that passes only in sleep; ``wakes`` holds what is let go at the n-th."""

    def __init__(self) -> None:
        self.now = 0.0
        self.wakes: dict[int, ExitStack] = {}
        self.sleeps = 0

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.sleeps += 1
        if self.sleeps in self.wakes:
            self.wakes[self.sleeps].close()


def test_a_lock_that_stays_taken_is_given_up_after_the_wait(tmp_path: Path) -> None:
    clock = HandClock()
    waits = FileLock(tmp_path / "lock", clock.sleep, lambda: clock.now)
    with FileLock(tmp_path / "lock").hold(NO_WAIT) as first, waits.hold(timedelta(seconds=2)) as second:
        assert (first, second) == (True, False)
    assert 2 <= clock.now < 2 + 2 * POLL


def test_a_lock_that_becomes_free_is_taken_at_the_next_look(tmp_path: Path) -> None:
    clock, holder = HandClock(), ExitStack()
    assert holder.enter_context(FileLock(tmp_path / "lock").hold(NO_WAIT))
    clock.wakes[3] = holder
    with FileLock(tmp_path / "lock", clock.sleep, lambda: clock.now).hold(timedelta(seconds=2)) as taken:
        assert taken
    assert clock.sleeps == 3


def test_who_did_not_get_the_lock_does_not_free_it(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "lock")
    with lock.hold(NO_WAIT):
        with lock.hold(NO_WAIT):
            pass
        with lock.hold(NO_WAIT) as taken:
            assert not taken


def test_a_lock_that_cannot_be_opened_names_its_file_and_a_remedy(tmp_path: Path) -> None:
    lock = FileLock(tmp_path / "missing" / "lock")
    with pytest.raises(LedgerError, match=r"missing/lock can't be taken: .*; its folder must be"):
        lock.hold(NO_WAIT).__enter__()
