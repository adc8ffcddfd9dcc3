"""What is written down of a round, by whoever looks on from outside: all that the judge gets to see."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from tests.chaos.board import Harm
from tests.chaos.clock import START
from tests.chaos.leases import Taken
from tests.chaos.schedule import Schedule
from tests.chaos.witness import Seen


@dataclass
class Outage:
    """An account that nobody could read whole, by this machine's time. ``alone``: no run was under way.

    ``before``: the day of the cycle before it; None: there was none.
    """

    kind: str
    since: float
    alone: bool
    before: datetime | None
    until: float = 0.0
    partial: bool = True  # every finished run said so

    def covers(self, instant: float) -> bool:
        return self.since <= instant <= (self.until or instant)


@dataclass
class Span:
    """At one place, by this machine's time."""

    place: int
    since: float
    until: float = 0.0

    def covers(self, place: int, instant: float) -> bool:
        return self.place == place and self.since <= instant <= (self.until or instant)


@dataclass(frozen=True, slots=True)
class Command:
    """``since`` and ``until`` by this machine's time, ``at`` by the round's. ``name``: whose key."""

    since: float
    until: float
    at: datetime
    verb: str
    name: str
    outcome: str
    said: str


@dataclass
class Record:
    """Instants are this machine's (`time.time`), ``datetime``s the round's."""

    schedule: Schedule
    seen: list[Seen] = field(default_factory=list)  # in the order in which things took effect
    leases: list[Taken] = field(default_factory=list)
    harms: list[Harm] = field(default_factory=list)
    injected: Counter[str] = field(default_factory=Counter)
    outages: list[Outage] = field(default_factory=list)
    wrong_clocks: list[Span] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    exempted: dict[str, float] = field(default_factory=dict)  # name -> since when
    rotated: dict[str, float] = field(default_factory=dict)  # name -> when its key went
    tickets: dict[str, str] = field(default_factory=dict)  # key -> name
    days: list[datetime] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # what was still to come at the end, or was lost
    leaks: list[str] = field(default_factory=list)  # where a key's full id was readable
    broken: list[str] = field(default_factory=list)  # what only a fault of the service's own explains
    runs: Counter[str] = field(default_factory=Counter)  # what they began as -> runs
    waits: list[float] = field(default_factory=list)  # from a leader's death to its successor, in seconds
    ended: datetime = START
    seconds: float = 0.0
