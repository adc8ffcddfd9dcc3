"""The time of a round: it flows faster than ours, days pass at a word, and a replica's clock may be wrong.

A second of the service's is `1 / PACE` of ours: its lease, its time-outs and its waits shrink alike, so that
a term of thirty seconds is gone in one and a half. Whoever starts a worker may choose both (`crew.py`).
"""

import mmap
import os
import struct
import time
from datetime import UTC, datetime, timedelta

from tests.fakes.clock import HandClock

PACE = float(os.environ.get("CHAOS_PACE", "20"))
TERM = float(os.environ.get("CHAOS_TERM", "30"))  # of the lease, in service seconds
START = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
PLACES = 8
_DOUBLE = struct.Struct("d")


def real(service_seconds: float) -> float:
    """How long that takes here."""
    return service_seconds / PACE


class TimeMachine:
    """Shared by the worker and the children that it forks; one place a replica for its error."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _DOUBLE.size * (1 + PLACES))
        self.reset()

    def reset(self) -> None:
        for place in range(PLACES):
            self.put_wrong(place, timedelta(0))
        self.go_to(START)

    def go_to(self, instant: datetime) -> None:
        self._put(0, instant.timestamp() - time.monotonic() * PACE)

    def put_wrong(self, place: int, by: timedelta) -> None:
        self._put(1 + place, by.total_seconds())

    def now(self) -> datetime:
        """The true time: the fakes', and what is told is judged by."""
        return datetime.fromtimestamp(self._get(0) + time.monotonic() * PACE, UTC)

    def seen_by(self, place: int) -> datetime:
        return self.now() + timedelta(seconds=self._get(1 + place))

    def _get(self, index: int) -> float:
        value: float = _DOUBLE.unpack_from(self._memory, index * _DOUBLE.size)[0]
        return value

    def _put(self, index: int, value: float) -> None:
        _DOUBLE.pack_into(self._memory, index * _DOUBLE.size, value)


class ReplicaClock:
    """`Clock` of one replica."""

    def __init__(self, machine: TimeMachine, place: int) -> None:
        self._machine, self._place = machine, place

    def now(self) -> datetime:
        return self._machine.seen_by(self._place)


class SlackTime(HandClock):
    """Slack's own clock, by which it stamps messages and counts its rates."""

    def __init__(self, machine: TimeMachine) -> None:
        super().__init__()
        self._machine = machine

    def time(self) -> float:
        return self._machine.now().timestamp()


def monotonic() -> float:
    """Service seconds since some moment."""
    return time.monotonic() * PACE


def sleep(service_seconds: float) -> None:
    time.sleep(real(service_seconds))
