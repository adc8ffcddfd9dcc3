"""The leader is killed on each day of a round, at a random moment of its run: who follows, and after how long."""

import time
from collections.abc import Callable

from tests.chaos.clock import TERM, real
from tests.chaos.round import Round
from tests.chaos.schedule import Schedule

KILLS = 10  # a round
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
        self._everybody_is_ready()
        self.cast.order(list(range(self.schedule.replicas)), "cycle")
        self._behead()
        return super()._hop()

    def _everybody_is_ready(self) -> None:
        self._until(lambda: not self.cast.busy)

    def _behead(self) -> None:
        """Kills whoever holds the lease, somewhere in its run, and times its successor."""
        if not self._until(lambda: bool(self.theatre.store.holder())):
            return
        time.sleep(self.dice.random() * RUN)
        leader, killed = self.theatre.store.holder(), time.time()
        if not leader:
            return  # its run was over already
        self.town.board.kill(int(leader.split(".")[0]))
        if self.theatre.store.holder() != leader:
            return  # it had just given it back: it was no leader any more
        self.killed += 1
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
