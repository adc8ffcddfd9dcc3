"""A life interrupted once, at one boundary: before or after one ledger write, or one call of a vendor."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from app.ledger.tenure import TERM
from tests.machines.ends import outside, rows_of
from tests.machines.fuse import Fuse, Killed
from tests.machines.life import SCRIPT, Step, at_its_time
from tests.machines.town import Town

# What a town is made of, besides its sinks, its ledger and what was seen.
KEPT = ("keys", "ever", "law", "runs", "true_now", "mono", "writes", "archive")


@dataclass(frozen=True)
class Boundary:
    """``step`` of the script, and ``at`` which of its own steps it is killed."""

    step: int
    at: int
    after: bool

    def __str__(self) -> str:
        when = "after" if self.after else "before"
        return f"killed {when} number {self.at} of {SCRIPT[self.step].name} on day {SCRIPT[self.step].day}"


@dataclass(frozen=True)
class Saved:
    town: Mapping[str, Any]
    sinks: Mapping[str, Any]
    seen: Sequence[Any]
    store: Any


@dataclass
class Undisturbed:
    """A life as it goes by itself: what each step of the script begins with, and what it consists of."""

    saved: list[Saved] = field(default_factory=list)
    states: list[Any] = field(default_factory=list)
    names: list[list[str]] = field(default_factory=list)

    def boundaries(self) -> Iterator[Boundary]:
        for step, names in enumerate(self.names):
            for at in range(1, len(names) + 1):
                yield from (Boundary(step, at, after) for after in (False, True))

    def kinds(self) -> Iterator[Boundary]:
        """One of each: by what is interrupted, and by what came before it and would have come next."""
        known = set[tuple[str, ...]]()
        for boundary in self.boundaries():
            names = ["", *self.names[boundary.step], ""]
            kind = (
                SCRIPT[boundary.step].name,
                *names[boundary.at - 1 : boundary.at + 2],
                str(boundary.after),
            )
            if kind not in known:
                known.add(kind)
                yield boundary

    @property
    def counts(self) -> Counter[str]:
        """Ledger writes and calls of vendors, by name."""
        return Counter(name for names in self.names for name in names)


def live(town: Town) -> Undisturbed:
    found = Undisturbed()
    for step in SCRIPT:
        found.saved.append(save(town))
        found.states.append(state(town))
        fuse = town.arm(step.place, 0, False, lambda: None) if step.place else Fuse()
        at_its_time(town, step)
        found.names.append(fuse.steps)
    found.states.append(state(town))
    return found


def interrupt(town: Town, base: Undisturbed, boundary: Boundary, *, to_the_end: bool) -> bool:
    """Puts ``town`` where the boundary's step begins, kills it there, starts it again and goes on.

    Returns whether it came, by then, to exactly the undisturbed state: from there on nothing can differ, so
    that the rest is lived only if ``to_the_end``.
    """
    load(town, base.saved[boundary.step])
    step = SCRIPT[boundary.step]
    town.arm(step.place, boundary.at, boundary.after, _kill)
    try:
        at_its_time(town, step)
    except Killed:  # a person's command
        town.places.pop(step.place)
    _again(town, step)
    for number in range(boundary.step + 1, len(SCRIPT)):
        if not to_the_end and state(town) == base.states[number]:
            return True
        at_its_time(town, SCRIPT[number])
    same: bool = state(town) == base.states[-1]
    return same


def _again(town: Town, step: Step) -> None:
    """Once before the lease of the dead is over, which only a run waits for, and once after it."""
    at_its_time(town, step)
    if step.name == "retry":
        town.mono += TERM.total_seconds() + 1
        at_its_time(town, step)


def _kill() -> None:
    raise Killed


def state(town: Town) -> Any:
    """All that the future depends on."""
    return outside(town), rows_of(town.store.ledger)


def save(town: Town) -> Saved:
    sinks = {name: (sink.fault, sink.arrived, sink.issues) for name, sink in town.sinks.items()}
    parts = {name: getattr(town, name) for name in KEPT}
    return Saved(deepcopy(parts), deepcopy(sinks), list(town.witness.seen), town.store.save())


def load(town: Town, saved: Saved) -> None:
    for name, value in deepcopy(saved.town).items():
        setattr(town, name, value)
    for name, (fault, arrived, issues) in deepcopy(saved.sinks).items():
        sink = town.sinks[name]
        sink.fault, sink.arrived, sink.issues = fault, arrived, issues
    town.witness.seen = list(saved.seen)
    town.places = {}
    town.store.load(saved.store)
