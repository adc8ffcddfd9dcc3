"""The judge finds each fault that is planted in an otherwise good life, and nothing in the good one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.model import ACTIVE, INACTIVE, Credential, LastUsed, Mode
from tests.fakes.world import DAY, PROD, START
from tests.machines.judge import Judge
from tests.machines.witness import (
    Acted,
    Approved,
    Disowned,
    Ended,
    Law,
    Looked,
    Paused,
    Ran,
    Reported,
    Scanned,
    Seen,
    Snoozed,
    Told,
)

KEY, ANN, BOB = "AKIAEXAMPLE000000001", "ann@example.com", "bob@example.com"
LAW = Law(owner=ANN)
HOUR = timedelta(hours=1)


def changed(one: Any, **changes: Any) -> Any:
    """One that was seen, otherwise."""
    return replace(one, **changes)


def sight(at: datetime, **changes: Any) -> Credential:
    used = LastUsed("at", at, "s3", "eu-central-1")
    plain = Credential(PROD.id, "ci", KEY, ACTIVE, START - 300 * DAY, used, at, True, tags={}, groups=())
    return replace(plain, **changes)


@dataclass
class Life:
    """Some runs, each with its scan. ``seen`` may be edited by a test before it is judged."""

    seen: list[Seen]
    runs: int = 0
    status: str = ACTIVE

    def run(self, day: float, *what: Callable[["Life", datetime], list[Seen]], law: Law = LAW) -> None:
        at, self.runs = START + day * DAY, self.runs + 1
        self.seen += [Ran(at, self.runs, self.runs, law), self.scan(at)]
        for one in what:
            self.seen += one(self, at)
        self.seen.append(Ended(at, self.runs, True))

    def scan(self, at: datetime) -> Scanned:
        return Scanned(at, self.runs, PROD.id, {KEY: sight(at, status=self.status)})

    def told(self, at: datetime, occurrence: int, names: datetime | None, act: str = "deactivate") -> Told:
        about = ("slack", ANN, "KS-1", 1, "final", occurrence, "warning", act, names, KEY, PROD.id)
        return Told(at, self.runs, *about, begun=len(self.seen))

    def acts(self, at: datetime, what: str, **changes: Any) -> list[Seen]:
        look = Looked(at, self.runs, KEY, sight(at, **({"status": self.status} | changes)))
        self.status = INACTIVE
        return [look, Acted(at, self.runs, what, KEY, PROD.id, len(self.seen) + 1, at)]


def warn(occurrence: int, day: float, act: str = "deactivate") -> Callable[[Life, datetime], list[Seen]]:
    return lambda life, at: [life.told(at, occurrence, START + day * DAY, act)]


def deactivate(life: Life, at: datetime) -> list[Seen]:
    return life.acts(at, "deactivate")


def delete(life: Life, at: datetime) -> list[Seen]:
    return life.acts(at, "delete")


def good() -> Life:
    """Warned on days 0 and 4 of day 7, deactivated then, warned of the deletion, deleted."""
    life = Life([])
    life.run(0, warn(1, 7))
    life.run(4, warn(2, 7))
    life.run(7, deactivate)
    life.run(8, warn(3, 37, "delete"))
    life.run(37, delete)
    return life


def first(life: Life, kind: type[Seen], skip: int = 0) -> int:
    return [at for at, one in enumerate(life.seen) if isinstance(one, kind)][skip]


def edited(seen: type[Seen], skip: int = 0, /, **changes: Any) -> Life:
    life = good()
    at = first(life, seen, skip)
    life.seen[at] = changed(life.seen[at], **changes)
    return life


def looked(skip: int = 0, **changes: Any) -> Life:
    """As good, but for what the live read before an act showed."""
    life = good()
    look = life.seen[first(life, Looked, skip)]
    assert isinstance(look, Looked)
    assert look.sight
    return edited(Looked, skip, sight=replace(look.sight, **changes))


def before(kind: type[Seen], *more: Seen, skip: int = 0) -> Life:
    """``more`` is seen just before."""
    life = good()
    at = first(life, kind, skip)
    begun = {
        i: one.begun + len(more)
        for i, one in enumerate(life.seen)
        if isinstance(one, Acted | Told) and i >= at
    }
    for i, number in begun.items():
        life.seen[i] = changed(life.seen[i], begun=number)
    life.seen[at:at] = more
    return life


def again(told_at: float, **changes: Any) -> Life:
    """The first notice arrives once more, in a later run."""
    life = good()
    told, place = life.seen[first(life, Told)], first(life, Told, 1)
    life.seen.insert(place, changed(told, at=START + told_at * DAY, run=2, begun=place, **changes))
    return life


def without(kind: type[Seen], skip: int = 0) -> Life:
    life = good()
    del life.seen[first(life, kind, skip)]
    return life


def with_law(**changes: Any) -> Life:
    life = good()
    life.seen = [
        replace(one, law=replace(one.law, **changes)) if isinstance(one, Ran) else one for one in life.seen
    ]
    return life


PLANTED: dict[str, tuple[str, Callable[[], Life]]] = {
    "one notice only": ("I1", lambda: edited(Told, 1, wrong_clock=True)),
    "notices too close": ("I1", lambda: edited(Told, 1, at=START + 2 * DAY)),
    "first notice too late": ("I1", lambda: edited(Told, at=START + DAY)),
    "a notice without a date": ("I1", lambda: edited(Told, names=None)),
    "a later date was promised": ("I1", lambda: edited(Told, names=START + 8 * DAY)),
    "told before this spell": ("I1", lambda: before(Told, *inactive_for_a_while(), skip=1)),
    "another owner": ("I1", lambda: edited(Ran, 2, law=replace(LAW, owner=BOB))),
    "who was told has refused": ("I1", lambda: before(Looked, Disowned(START, 0, KEY, ANN))),
    "who was told has left": ("I1", lambda: before(Looked, Disowned(START, 0, "", ANN))),
    "told below enforce": ("I1", lambda: edited(Ran, law=replace(LAW, mode=Mode.NOTIFY))),
    "no fresh notice after a snooze": (
        "I1",
        lambda: before(Looked, Snoozed(START + 5 * DAY, 0, KEY, START + 6 * DAY)),
    ),
    "deletion not told": ("I1", lambda: edited(Told, 2, at=START + 31 * DAY)),
    "not read at all": ("I2", lambda: without(Looked)),
    "read too early": ("I2", lambda: edited(Looked, at=START + 7 * DAY - HOUR)),
    "another key was read": ("I2", lambda: edited(Looked, key="AKIAEXAMPLE000000002")),
    "tags not read": ("I2", lambda: looked(tags=None)),
    "last use not read": ("I2", lambda: looked(last_used=LastUsed.unknown("denied"))),
    "not due": ("I2", lambda: looked(created=START)),
    "inactive already": ("I2", lambda: looked(status=INACTIVE)),
    "deleted while active": ("I3", lambda: looked(1, status=ACTIVE)),
    "deleted too early": ("I3", lambda: edited(Acted, 1, begun_at=START + 36 * DAY)),
    "warned of what no scan showed": ("I4", lambda: edited(Scanned, sights={KEY: None})),
    "warned on the strength of a failed scan": ("I4", lambda: edited(Scanned, sights=None)),
    "closed on the strength of a failed scan": ("I4", lambda: edited(Told, kind="resolved", act="")),
    "told twice": ("I5", lambda: again(4)),
    "told twice where one can look": ("I5", lambda: again(4, answered=False)),
    "exempt": ("I6", lambda: looked(tags={"sealed": "yes"})),
    "snoozed": ("I6", lambda: before(Looked, Snoozed(START, 0, KEY, START + 9 * DAY))),
    "the service's own": ("I6", lambda: with_law(own=KEY)),
    "a notice in observe": ("I7", lambda: with_law(mode=Mode.OBSERVE)),
    "a date in notify": ("I7", lambda: edited(Ran, law=replace(LAW, modes={PROD.id: Mode.NOTIFY}))),
    "an act in notify": ("I7", lambda: edited(Ran, 2, law=replace(LAW, mode=Mode.NOTIFY))),
    "an act after another took over": ("I8", lambda: before(Looked, Ran(START, 99, 99, LAW))),
    "a notice after another took over": ("I8", lambda: before(Told, Ran(START, 99, 99, LAW))),
    "while paused": ("pause", lambda: before(Looked, Paused(START, 0, True))),
    "unapproved": ("brake", lambda: with_law(braked=True)),
    "under a wrong clock": ("clock", lambda: edited(Acted, wrong_clock=True)),
    "a full key id": ("secret", lambda: edited(Told, recipient=KEY)),
}


def inactive_for_a_while() -> Sequence[Seen]:
    off, on = (
        Scanned(START + d * DAY, 0, PROD.id, {KEY: sight(START, status=s)})
        for d, s in ((1, INACTIVE), (2, ACTIVE))
    )
    return [off, on]


def test_a_good_life_is_found_good() -> None:
    assert Judge().hear(good().seen) == []


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name: str) -> None:
    code, planted = PLANTED[name]
    found = Judge().hear(planted().seen)
    assert code in {fault.split(" ")[0] for fault in found}, found


@pytest.mark.parametrize(
    "more",
    [
        [Approved(START, 0, frozenset({KEY}))],
        [Paused(START, 0, True), Paused(START, 0, False)],
        [Snoozed(START, 0, KEY, START + 3 * DAY)],
        [Disowned(START, 0, KEY, BOB)],
    ],
)
def test_what_takes_nothing_away_is_no_fault(more: Sequence[Seen]) -> None:
    assert Judge().hear(before(Looked, *more).seen) == []


def test_what_was_in_flight_may_land_late() -> None:
    life = good()
    life.seen = life.seen[: first(life, Acted) + 1]
    life.seen.insert(first(life, Acted), Ran(START, 99, 99, LAW))
    assert Judge().hear(life.seen) == []


def test_the_fallback_counts_for_whoever_owns_it() -> None:
    life = good()
    for at, one in enumerate(life.seen):
        if isinstance(one, Told):
            life.seen[at] = replace(one, recipient="sec@example.com")
    life.seen[first(life, Ran, 2)] = changed(life.seen[first(life, Ran, 2)], law=replace(LAW, owner=BOB))
    assert Judge().hear(life.seen) == []


def test_a_repeat_after_a_crash_is_allowed_where_nobody_can_look() -> None:
    life = again(4, sink="mail", looks=False)
    life.seen = life.seen[: first(life, Told, 1) + 1]
    life.seen[first(life, Told)] = changed(life.seen[first(life, Told)], sink="mail", looks=False)
    assert Judge().hear(life.seen)
    life.seen[first(life, Ended)] = changed(life.seen[first(life, Ended)], well=False)
    assert Judge().hear(life.seen) == []


def test_a_run_summary_after_another_took_over_is_found() -> None:
    life = good()
    late = [Ran(START, 99, 99, LAW), Reported(START, 1, "slack", len(life.seen) + 1)]
    assert Judge().hear([*life.seen, *late])
