"""The leader is killed on each day of a round, at a random moment of its run: who follows, and when."""

import time
from collections.abc import Callable

from tests.chaos.clock import TERM, real
from tests.chaos.round import Round
from tests.chaos.schedule import Schedule

KILLS = 10  # a round
TRIES = 6  # a day, until a leader was met in its run
DAYS = (0.0, 1.0, 2.0, 4.0, 5.0, 7.2, 8.2, 9.2, 10.2, 16.0, 17.0, 18.0)
RUN = 0.6  # seconds of this machine: about as long as a run takes
POLL = 0.01  # seconds
GIVES_UP = 3 * TERM  # service seconds


def beheaded(seed: int, replicas: int) -> Schedule:
    return Schedule(seed, replicas, "enforce", DAYS, ())


class Beheadings(Round):
    """Nothing else goes wrong until `KILLS` leaders are dead."""

    killed = 0

    def _hop(self) -> bool:
        if self.killed >= KILLS or len(self.record.days) > len(DAYS):
            return super()._hop()
        for _ in range(TRIES):
            self._until(lambda: not self.cast.busy)
            self.cast.order(list(range(self.schedule.replicas)), "cycle")
            if self._behead():
                break
        return super()._hop()

    def _behead(self) -> bool:
        """Kills whoever holds the lease, somewhere in its run, and times who follows. False: it was over."""
        if not self._until(lambda: bool(self.theatre.store.holder())):
            return False
        time.sleep(self.dice.random() * RUN)
        leader, killed = self.theatre.store.holder(), time.time()
        if not leader:
            return False
        self.town.board.kill(int(leader.split(".")[0]))
        if self.theatre.store.holder() == leader:  # else it had just given it back: it was no leader any more
            self.killed += 1
            self._time_successor(leader, killed)
        return True

    def _time_successor(self, leader: str, killed: float) -> None:
        if self._until(lambda: self.theatre.store.holder() not in ("", leader), GIVES_UP):
            taken = next(t for t in self.theatre.store.leases() if t.at > killed and t.holder != leader)
            self.record.waits.append(taken.at - killed)
        else:
            self.record.broken.append(f"nobody followed {leader}")

    def _until(self, condition: Callable[[], bool], seconds: float = 2 * TERM) -> bool:
        """For so many service seconds."""
        until = time.monotonic() + real(seconds)
        while time.monotonic() < until:
            self._was_made()
            if condition():
                return True
            time.sleep(POLL)
        return False
