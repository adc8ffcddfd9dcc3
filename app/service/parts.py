"""What one run is made of: plain references to the parts that `bootstrap.py` chose."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from app import __version__
from app.accounts.interface import AccountSource
from app.clock import Clock
from app.inventory.interface import AwsClock, CallerHistory, FleetScanner, HubIdentity, KeyActor, LiveReader
from app.ledger.interface import Archive, Ledger
from app.model import SHOWN_CHARACTERS, Account, Event, Origin
from app.plan.context import SinkTraits
from app.plan.limits import Limits
from app.plan.notice import Notice
from app.policy.rules import Policy
from app.sinks.interface import Sink

# An act may take this long: with less of the lease left, another replica could be acting already.
ACT_TIMEOUT = timedelta(seconds=10)
# Beyond this the machine's clock can't be trusted with dates that keys live by.
CLOCK_TOLERANCE = timedelta(minutes=5)


class Counts(Protocol):
    """Counters that only grow, for the metrics."""

    def add(self, name: str, amount: int = 1, **labels: str) -> None: ...


class Progress(Protocol):
    """Told how a sweep over the fleet goes, from any thread."""

    def start(self, accounts: int) -> None:
        """A sweep over so many accounts begins."""

    def phase(self, name: str) -> None:
        """What is being done from now on, in the words that people are shown: ``reading accounts``."""

    def account(self, label: str, failed: bool, resumed: bool = False) -> None:
        """An account is done with. ``resumed``: from what an interrupted sweep had fetched."""

    def again(self, label: str) -> None:
        """An account that had failed is tried once more: it is no longer done with."""

    def finish(self) -> None:
        """The sweep is over, whole or not. May be called more than once, and without a `start`."""


class NoProgress:
    def start(self, accounts: int) -> None: ...
    def phase(self, name: str) -> None: ...
    def account(self, label: str, failed: bool, resumed: bool = False) -> None: ...
    def again(self, label: str) -> None: ...
    def finish(self) -> None: ...


class NoCounts:
    def add(self, name: str, amount: int = 1, **labels: str) -> None: ...


@dataclass(frozen=True)
class Parts:
    """Everything that a run touches. Interfaces only: the service knows no vendor."""

    policy: Policy
    limits: Limits
    clock: Clock
    ledger: Ledger
    accounts: AccountSource
    fleet: FleetScanner
    reader: LiveReader
    actor: KeyActor
    hub: Callable[[], HubIdentity]
    sinks: Mapping[str, Sink]
    known_account: Callable[[str], Account | None] = lambda _id: None  # as last listed, without a call
    callers: CallerHistory | None = None  # None: nobody wants to know who uses a key
    archive: Archive | None = None  # None: the audit trail is kept in the ledger only
    aws_clock: AwsClock | None = None  # None: a rehearsal, whose clock AWS knows nothing of
    counts: Counts = field(default_factory=NoCounts)
    progress: Progress = field(default_factory=NoProgress)
    stop: threading.Event = field(default_factory=threading.Event)
    holder: str = "keysteward"
    config_hash: str = ""
    outdated: Callable[[], bool] = lambda: False  # whether another policy than this one was read meanwhile
    lease_wait: timedelta = timedelta(0)
    monotonic: Callable[[], float] = time.monotonic  # seconds, to time the scan
    roll: Callable[[], float] = random.random  # 0 to 1, to spread what is tried again
    own_keys: frozenset[str] = frozenset()  # ids of access keys that the config names as the service's own
    shown_characters: int = SHOWN_CHARACTERS  # of a key id, in what sinks are handed: 0 to 4

    def wrong_by(self) -> timedelta | None:
        """How far the clock is from AWS's; None while that is unknown or can be tolerated."""
        skew = self.aws_clock.skew() if self.aws_clock else None
        return abs(skew) if skew is not None and abs(skew) > CLOCK_TOLERANCE else None

    @property
    def origin(self) -> Origin:
        return Origin(self.policy.mode.value, self.config_hash, __version__)

    def event(self, by: str, what: str, detail: str = "", **about: Any) -> Event:
        """For the audit trail, as of now. ``about``: further fields of `Event`."""
        return Event(self.clock.now(), by, what, detail=detail, origin=self.origin, **about)

    def traits(self) -> SinkTraits:
        fallbacks = {name: sink.fallback for name, sink in self.sinks.items() if sink.fallback}
        tickets = frozenset(name for name, sink in self.sinks.items() if sink.tickets)
        insisting = frozenset(name for name, sink in self.sinks.items() if sink.insists)
        return SinkTraits(tickets, fallbacks, insisting)


@dataclass
class Tally:
    """What went wrong or was done in a run, for the exit code, stderr and the log."""

    failures: list[str] = field(default_factory=list)
    undelivered: Counter[tuple[str, str]] = field(default_factory=Counter)  # (sink, why) -> notices
    delivered: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    acted: Counter[str] = field(default_factory=Counter)
    told: dict[str, Notice] = field(default_factory=dict)  # by finding: the last notice that arrived
    remarks: dict[str, None] = field(default_factory=dict)  # what to mend, each once, in order

    def all_failures(self) -> list[str]:
        """One line a cause: a sink that is down must not fill the screen."""
        lines = [
            f"{sink}: {number} {'notice' if number == 1 else 'notices'} not delivered: {why}"
            for (sink, why), number in self.undelivered.items()
        ]
        return [*self.failures, *lines]
