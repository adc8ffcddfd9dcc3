"""The figures of the charts. The template draws them; nothing here knows of SVG beyond widths and heights."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, pairwise

from app.service.snapshot import AGE_BOUNDS_DAYS, Snapshot

RAMP = 5  # shades between the mildest stage and the worst
CALM_STATES = ("ok", "exempt", "inactive")
WEEKS = 5
BUSY = (1, 4, 11, 31, 101)  # acts a day from which a shade begins
# Of `AGE_BOUNDS_DAYS`, some are drawn as one bar with their neighbours: more would not fit on a phone.
AGE_STEPS = (7, 30, 45, 60, 75, 90, 120, 180, 365, 730)
_LABELS = {365: "1 y", 730: "2 y"}
AGE_NAMES = (
    *((_LABELS.get(end, str(end)), f"{begin} to {end} days") for begin, end in pairwise((0, *AGE_STEPS))),
    ("2 y+", f"over {AGE_STEPS[-1]} days"),
)


@dataclass(frozen=True, slots=True)
class Share:
    """How many credentials are as they should be: ok, exempt or inactive. An unknown one is not."""

    calm: int
    total: int

    @property
    def percent(self) -> float:
        """With one decimal, rounded down, so that 100 means all."""
        return self.calm * 1000 // self.total / 10 if self.total else 0.0

    @property
    def text(self) -> str:
        return f"{self.percent:g} %" if self.total else "–"


@dataclass(frozen=True, slots=True)
class Slice:
    """One state in the bar of credentials. ``x`` and ``width`` are per mille of the bar."""

    state: str
    number: int
    shade: str  # the CSS class
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class AgeBar:
    """Credentials by age. ``label`` names the bar's upper end; ``height`` is per cent of the highest."""

    label: str
    span: str
    number: int
    height: float


@dataclass(frozen=True, slots=True)
class Cell:
    """A day on the calendar. ``shade`` from 1 on by how much is due, in `BUSY` steps; 0: nothing is."""

    day: date
    number: int
    shade: int
    past: bool
    today: bool


def share(snapshot: Snapshot) -> Share:
    counts = dict(states(snapshot))
    return Share(sum(counts.get(state, 0) for state in CALM_STATES), sum(counts.values()))


def states(snapshot: Snapshot) -> list[tuple[str, int]]:
    """Credentials by state, from calm to worst; a stage that the snapshot doesn't rank comes before those."""
    counts: Counter[str] = Counter()
    for key, number in snapshot.credentials.items():
        counts[key.state] += number
    ranks = {state: rank for rank, state in enumerate((*CALM_STATES, "unknown"), start=-100)}
    ranks |= {stage: rank for rank, stage in enumerate(snapshot.stages)}
    return sorted(counts.items(), key=lambda item: (ranks.get(item[0], -1), item[0]))


def slices(snapshot: Snapshot) -> tuple[Slice, ...]:
    counted = states(snapshot)
    total = sum(number for _, number in counted) or 1
    ladder = [state for state, _ in counted if state not in (*CALM_STATES, "unknown")]
    ends = [0.0, *accumulate(1000 * number / total for _, number in counted)]
    return tuple(
        Slice(state, number, shade_of(state, ladder), round(ends[at], 2), round(1000 * number / total, 2))
        for at, (state, number) in enumerate(counted)
    )


def shade_of(state: str, ladder: Sequence[str]) -> str:
    """A stage's name is free, so it is shaded by its place on the ladder."""
    if state in (*CALM_STATES, "unknown"):
        return f"shade-{state}"
    last = max(len(ladder) - 1, 1)
    return f"shade-{1 + round((RAMP - 1) * ladder.index(state) / last)}" if state in ladder else "shade-3"


def ages(snapshot: Snapshot) -> tuple[AgeBar, ...]:
    """Of all credentials, the youngest first; nothing while none was counted."""
    counts = [sum(column) for column in zip(*(h.counts for h in snapshot.ages.values()), strict=True)]
    if not any(counts):
        return ()
    below = {0: 0} | {bound: sum(counts[: at + 1]) for at, bound in enumerate(AGE_BOUNDS_DAYS)}
    numbers = [below[bound] - below[last] for last, bound in pairwise((0, *AGE_STEPS))]
    numbers.append(sum(counts) - below[AGE_STEPS[-1]])
    highest = max(numbers)
    return tuple(
        AgeBar(label, span, number, round(100 * number / highest, 1))
        for (label, span), number in zip(AGE_NAMES, numbers, strict=True)
    )


def weeks(calendar: Mapping[date, int], today: date) -> tuple[tuple[Cell, ...], ...]:
    """This week and the next four, each from Monday on."""
    monday = today - timedelta(days=today.weekday())
    days = [monday + timedelta(days=n) for n in range(7 * WEEKS)]
    cells = [_cell(day, calendar.get(day, 0) if day >= today else 0, today) for day in days]
    return tuple(tuple(cells[at : at + 7]) for at in range(0, len(cells), 7))


def _cell(day: date, number: int, today: date) -> Cell:
    return Cell(day, number, bisect_right(BUSY, number), past=day < today, today=day == today)


def later(calendar: Mapping[date, int], today: date) -> int:
    """Acts that are due behind the last day of `weeks`."""
    end = today - timedelta(days=today.weekday()) + timedelta(weeks=WEEKS)
    return sum(number for day, number in calendar.items() if day >= end)
