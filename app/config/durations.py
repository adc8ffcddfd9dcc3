"""Durations as people write them: ``90s 15m 6h 75d 2w``."""

import re
from datetime import timedelta

_FORM = re.compile(r"(\d{1,10})([smhdw])", re.ASCII)
_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}  # seconds, the largest first
_LONGEST = timedelta(days=36_500)  # no credential is older, and dates stay inside the calendar


def parse_duration(text: str) -> timedelta:
    """Reads one positive duration of a single unit, or raises ValueError with a sentence for people."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError("a duration is a whole number and one unit: 90s, 15m, 6h, 75d or 2w")
    seconds = int(found[1]) * _UNITS[found[2]]
    if seconds == 0:
        raise ValueError("a duration must be longer than zero")
    if seconds > _LONGEST.total_seconds():
        raise ValueError("a duration must not be longer than 100 years")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """The shortest form that `parse_duration` reads back, in days at the most (people say 45d)."""
    seconds = int(duration.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds % _UNITS[unit] == 0:
            return f"{seconds // _UNITS[unit]}{unit}"
    return f"{seconds}s"
