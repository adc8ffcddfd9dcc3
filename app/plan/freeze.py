"""Freeze windows: spans of local time in which nothing destructive happens."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class FreezeWindow:
    """One window as it was written; see `parse_freeze` for the forms. DST-aware by IANA zone."""

    text: str

    def covers(self, instant: datetime) -> bool:
        """Whether ``instant`` (aware) lies inside: the start belongs to it, the end does not."""
        raise NotImplementedError

    def next_end(self, instant: datetime) -> datetime:
        """When the window that covers ``instant`` ends, in UTC."""
        raise NotImplementedError
