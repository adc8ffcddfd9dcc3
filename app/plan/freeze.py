"""Freeze windows: spans of local time in which nothing destructive happens."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY, _TIME = f"(?:{'|'.join(_DAYS)})", r"(?:[01]\d|2[0-3]):[0-5]\d"
_DATE = r"2[01]\d\d-\d\d-\d\d"  # two centuries: far from the ends of the calendar, where zones overflow
_FORM = re.compile(
    rf"(?:(?P<day>{_DAY}) |(?P<date>{_DATE})\b ?)?(?P<at>{_TIME})? ?- ?"
    rf"(?:(?P<to_day>{_DAY}) |(?P<to_date>{_DATE})\b ?)?(?P<to_at>{_TIME})?(?: (?P<zone>[A-Za-z][\w+/-]*))?",
    re.ASCII,
)
# IANA's names have three parts at most; `zoneinfo` imports one package a part, until Python's stack is full.
_ZONE = re.compile(r"[A-Za-z][\w+-]{0,30}(?:/[\w+-]{1,30}){0,2}", re.ASCII)
_HELP = (
    'a freeze window is "Fri 16:00 - Mon 08:00", "18:00 - 08:00" or "2026-12-20 - 2027-01-04 12:00", '
    "each with an IANA time zone after it (default UTC)"
)

_Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class _Edge:
    """One end of a window: a time of day, on a weekday, on a date, or on every day."""

    at: time
    weekday: int | None = None
    on: date | None = None


@dataclass(frozen=True, slots=True)
class _Window:
    start: _Edge
    end: _Edge
    zone: ZoneInfo

    def near(self, instant: datetime) -> Iterator[_Interval]:
        """Every occurrence that could cover ``instant``."""
        if self.start.on and self.end.on:
            yield self._between(self.start.on, self.end.on)
            return
        today = instant.astimezone(self.zone).date()
        for back in range(-1, 9):  # a week, and a day at either side for the zone
            day = today - timedelta(days=back)
            if self.start.weekday in (None, day.weekday()):
                yield self._between(day, day + timedelta(days=self._length()))

    def _length(self) -> int:
        """Days from the start's date to the end's; a window that runs into its own start wraps."""
        wraps = self.end.at <= self.start.at
        if self.start.weekday is None or self.end.weekday is None:
            return 1 if wraps else 0
        days = (self.end.weekday - self.start.weekday) % 7
        return 7 if days == 0 and wraps else days

    def _between(self, first: date, last: date) -> _Interval:
        """In UTC. Of an hour that a clock change repeats: from the first of the two, until the second."""
        start = datetime.combine(first, self.start.at, self.zone)
        end = datetime.combine(last, self.end.at, self.zone)
        return start.astimezone(UTC), max(end.astimezone(UTC), end.replace(fold=1).astimezone(UTC))


@dataclass(frozen=True, slots=True)
class FreezeWindow:
    """One window as it was written; see `parse_freeze` for the forms. DST-aware by IANA zone."""

    text: str

    def covers(self, instant: datetime) -> bool:
        """Whether ``instant`` (aware) lies inside: the start belongs to it, the end does not."""
        return any(start <= instant < end for start, end in _window(self.text).near(instant))

    def next_end(self, instant: datetime) -> datetime:
        """When the window that covers ``instant`` ends, in UTC. Raises ValueError when none covers it."""
        ends = [end for start, end in _window(self.text).near(instant) if start <= instant < end]
        if not ends:
            raise ValueError(f'the freeze window "{self.text}" does not cover {instant.isoformat()}')
        return max(ends)


def parse_freeze(text: str) -> FreezeWindow:
    """Reads one freeze window, or raises ValueError with a sentence for people.

    Three forms, each with an optional IANA zone after it (default UTC):
    weekly ``Fri 16:00 - Mon 08:00 Europe/Berlin``, daily ``18:00 - 08:00 Europe/Berlin``, and once
    ``2026-12-20 - 2027-01-04 12:00 Europe/Berlin``, where a bare date is 00:00 at its start.
    """
    window = FreezeWindow(" ".join(text.split()))
    _window(window.text)
    return window


@lru_cache(maxsize=256)
def _window(text: str) -> _Window:
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(_HELP)
    start = _edge(found["day"], found["date"], found["at"])
    end = _edge(found["to_day"], found["to_date"], found["to_at"])
    window = _Window(start, end, zone_named(found["zone"] or "UTC"))
    _check(window)
    return window


def _edge(day: str | None, on: str | None, at: str | None) -> _Edge:
    if at is None and on is None:
        raise ValueError(_HELP)
    try:
        return _Edge(
            at=time.fromisoformat(at or "00:00"),
            weekday=_DAYS.index(day) if day else None,
            on=date.fromisoformat(on) if on else None,
        )
    except ValueError:
        raise ValueError(f'"{on}" is not a date of the calendar') from None


def zone_named(name: str) -> ZoneInfo:
    """An IANA zone, or raises ValueError with a sentence for people."""
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):  # OSError: "Europe" is a folder of zones
        if _ZONE.fullmatch(name):
            return ZoneInfo(name)
    raise ValueError(f'unknown time zone "{name[:60]}", use an IANA name such as Europe/Berlin')


def _check(window: _Window) -> None:
    start, end = window.start, window.end
    if (start.weekday is None, start.on is None) != (end.weekday is None, end.on is None):
        raise ValueError(f"both ends of a freeze window must be of the same form: {_HELP}")
    if start == end:
        raise ValueError("a freeze window must not end where it starts")
    if start.on and end.on and (start.on, start.at) > (end.on, end.at):
        raise ValueError("a freeze window must not end before it starts")
