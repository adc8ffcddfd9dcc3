"""The present picture and the service's pulse, shared between the run's thread and the web server's."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from app.errors import LedgerError
from app.sinks.snapshot import (
    AGE_BOUNDS_DAYS,
    DUE_WITHIN,
    AgeHistogram,
    AgeKey,
    CountKey,
    DeliveryRow,
    FindingRow,
    HeldRow,
    HoldRow,
    PlanRow,
    SinkRow,
    Snapshot,
    Sweep,
    TrailRow,
)

__all__ = [
    "AGE_BOUNDS_DAYS",
    "DUE_WITHIN",
    "AgeHistogram",
    "AgeKey",
    "CountKey",
    "DeliveryRow",
    "FindingRow",
    "Health",
    "HeldRow",
    "HoldRow",
    "PlanRow",
    "SinkRow",
    "Snapshot",
    "SnapshotHolder",
    "Sweep",
    "TrailRow",
]


class SnapshotHolder:
    """Holds the latest `Snapshot`. Readers keep the one they got; a new one replaces it whole.

    ``sweep`` says how the sweep stands: of that nobody wants to hear at its end only. Each of ``live`` puts
    what else is of this very moment into the snapshot that a reader gets.
    """

    def __init__(
        self,
        first: Snapshot | None = None,
        sweep: Callable[[], Sweep | None] | None = None,
        live: Sequence[Callable[[Snapshot], Snapshot]] = (),
    ) -> None:
        self._lock = threading.Lock()
        self._snapshot = first or Snapshot()
        self._sweep = sweep
        self._live = live

    def get(self) -> Snapshot:
        found = replace(self._snapshot, sweep=self._sweep()) if self._sweep else self._snapshot
        for look in self._live:
            found = look(found)
        return found

    def set(self, snapshot: Snapshot) -> None:
        with self._lock:
            self._snapshot = snapshot

    def update(self, change: Callable[[Snapshot], Snapshot]) -> None:
        """Replaces by ``change(current)`` without losing another thread's update (leader, paused)."""
        with self._lock:
            self._snapshot = change(self._snapshot)


@dataclass
class Health:
    """What `/healthz` and `/readyz` ask. ``monotonic`` is in seconds (`time.monotonic`).

    The scheduler's own thread calls `beat`, never the thread that scans: a long scan is healthy.
    ``ping`` asks the ledger anything cheap and raises `LedgerError` when it doesn't answer.
    """

    monotonic: Callable[[], float]
    ping: Callable[[], object]
    stale_after: timedelta = timedelta(minutes=2)
    config_loaded: bool = False
    remarks: Callable[[], tuple[str, ...]] = tuple  # what an operator should know, and is no obstacle
    _last_beat: float = field(init=False)

    def __post_init__(self) -> None:
        self.beat()

    def beat(self) -> None:
        self._last_beat = self.monotonic()

    def faults(self) -> tuple[str, ...]:
        """Why the process should be restarted; empty: it lives."""
        silent = self.monotonic() - self._last_beat
        if silent <= self.stale_after.total_seconds():
            return ()
        return (f"the scheduler has not been heard of for {silent:.0f} s",)

    def obstacles(self) -> tuple[str, ...]:
        """Why it can't serve yet; empty: ready. A standby is ready too."""
        config = () if self.config_loaded else ("the config is not loaded",)
        return config + self._ledger_obstacles()

    def _ledger_obstacles(self) -> tuple[str, ...]:
        try:
            self.ping()
        except LedgerError as error:
            return (f"the ledger does not answer: {error}",)
        return ()
