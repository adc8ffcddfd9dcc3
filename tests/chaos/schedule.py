"""A round's schedule, drawn from its seed: when days pass, and what goes wrong at which request."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tests.chaos.clock import TERM

Channel = Literal["", "aws", "slack", "jira", "ledger"]

# How often each is drawn, where it happens.
AT_A_REQUEST: dict[Channel, dict[str, int]] = {
    "aws": {
        "kill": 4,
        "stop": 3,
        "reset": 2,
        "cut": 2,
        "broken": 2,
        "slow": 2,
        "garbage": 1,
        "throttle": 1,
        "expire": 2,
    },
    "slack": {
        "kill": 4,
        "stop": 2,
        "reset": 3,
        "cut": 2,
        "broken": 2,
        "slow": 2,
        "garbage": 1,
        "throttle": 2,
    },
    "jira": {"kill": 4, "stop": 2, "reset": 3, "cut": 2, "broken": 2, "slow": 2, "garbage": 1, "throttle": 1},
    "ledger": {"kill": 5, "stop": 3, "reset": 4, "slow": 2, "partition": 3, "restart": 2},
}
OVER_HTTP = {"broken": 3, "throttle": 3, "cut": 3, "restart": 0}
AT_A_START = {
    "kill": 2,
    "stop": 3,
    "clock": 4,
    "outage": 4,
    "pause": 2,
    "snooze": 2,
    "restore": 2,
    "exempt": 1,
    "brake": 2,
    "broken config": 2,
}
CERTAIN = ("throttle", "expire")  # whoever hears it knows that nothing was done
OUTAGES = ("denied", "broken", "cut", "garbage", "expired", "short report", "cut report")
USUAL = {"aws": 40, "slack": 10, "jira": 20, "ledger": 50}  # requests of a busy hop
USUAL_WRITES = {"aws": 4, "slack": 6, "jira": 8, "ledger": 30}


@dataclass(frozen=True, slots=True)
class Event:
    """``channel`` empty: at the hop's start. Else at its ``nth`` request there (write, if ``writes``), of
    whichever replica makes it, before or ``after`` it took effect. ``seconds`` are the service's."""

    hop: int
    what: str
    channel: Channel = ""
    nth: int = 0
    writes: bool = False
    after: bool = False
    place: int = 0
    seconds: float = 0.0
    detail: str = ""

    def __str__(self) -> str:
        kind = "write" if self.writes else "request"
        where = f"{'after' if self.after else 'before'} {kind} {self.nth} to {self.channel}"
        more = [f"for {self.seconds:g} s"] if self.seconds else []
        more += [self.detail] if self.detail else []
        who = where if self.channel else f"at the start, replica {self.place}"
        return " ".join([f"hop {self.hop}: {self.what}", who, *more])


@dataclass(frozen=True, slots=True)
class Schedule:
    """``hops``: the days at which cycles are made."""

    seed: int
    replicas: int
    mode: str
    hops: tuple[float, ...]
    events: tuple[Event, ...]

    def of(self, hop: int) -> list[Event]:
        return [event for event in self.events if event.hop == hop]

    def __str__(self) -> str:
        days = ", ".join(f"{day:g}" for day in self.hops)
        head = f"seed {self.seed}: {self.replicas} replicas, {self.mode}, days {days}"
        return "\n  ".join([head, *map(str, self.events)])


def draw(seed: int, replicas: int, disk: bool = False, web: bool = False) -> Schedule:
    """``disk``: the ledger is a file, whose disk can be full; ``web``: it is reached over HTTP."""
    dice = random.Random(seed)
    mode = "observe" if dice.random() < 0.03 else "enforce"
    hops = tuple(_hops(dice))
    number = dice.randint(5, 14)
    events = [_event(dice, len(hops), replicas, disk, web) for _ in range(number)]
    return Schedule(
        seed, replicas, mode, hops, tuple(sorted(events, key=lambda e: (e.hop, e.channel, e.nth)))
    )


def undisturbed(replicas: int = 1) -> Schedule:
    return Schedule(0, replicas, "enforce", tuple(_hops(random.Random(0))), ())


def _hops(dice: random.Random) -> Sequence[float]:
    """About three weeks: the longest ladder of the company is climbed within them."""
    days, hops = 0.0, [0.0]
    while days < 17:
        days += dice.choice((0.2, 1.0, 1.0, 1.5, 2.0, 3.6, 4.0))
        hops.append(round(days, 1))
    return hops


def _event(dice: random.Random, hops: int, replicas: int, disk: bool, web: bool) -> Event:
    hop, place = dice.randrange(hops), dice.randrange(replicas)
    if dice.random() < 0.3:
        return _at_start(dice, hop, place, disk)
    channel = dice.choice(tuple(AT_A_REQUEST))
    weights = {**AT_A_REQUEST[channel], **(OVER_HTTP if web and channel == "ledger" else {})}
    what = dice.choices(tuple(weights), tuple(weights.values()))[0]
    writes = dice.random() < 0.6
    nth = 1 + int(dice.random() ** 2 * (USUAL_WRITES if writes else USUAL)[channel])  # rather an early one
    after = dice.random() < 0.5 and what not in CERTAIN
    return Event(hop, what, channel, nth, writes, after, place, _seconds(dice, what))


def _at_start(dice: random.Random, hop: int, place: int, disk: bool) -> Event:
    weights = {**AT_A_START, **({"disk": 4} if disk else {})}
    what = dice.choices(tuple(weights), tuple(weights.values()))[0]
    detail = {
        "clock": dice.choice(("-1", "+1")),
        "outage": dice.choice(OUTAGES),
        "exempt": "hugo",
        "snooze": dice.choice(("ann", "carol", "gina")),
        "restore": dice.choice(("ann", "carol", "gina")),
    }.get(what, "")
    return Event(hop, what, place=place, seconds=_seconds(dice, what), detail=detail)


def _seconds(dice: random.Random, what: str) -> float:
    """Short of the term, a little over it, and long."""
    if what in ("stop", "partition"):
        return round(TERM * dice.choice((0.3, 1.2, 1.2, 1.6)), 1)
    return float(dice.choice((2, 12, 30))) if what == "slow" else 0.0
