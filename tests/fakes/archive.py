"""A store that takes each name once, as S3 does it; ``fault`` happens instead, or after it took effect."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Shelf:
    """`Archive` in a dict. ``fault`` is asked at each call; ``lands``: the object is written all the same."""

    target: str = "s3://audit/keysteward/"
    objects: dict[str, bytes] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    fault: Callable[[], BaseException | None] = field(default=lambda: None)
    lands: bool = False

    def put(self, name: str, content: bytes, now: datetime) -> bool:
        self.calls.append(name)
        error, free = self.fault(), name not in self.objects
        if free and (error is None or self.lands):
            self.objects[name] = content
        if error:
            raise error
        return free

    @property
    def text(self) -> str:
        """All that was copied, as `cat *` would print it."""
        return "".join(self.objects[name].decode() for name in sorted(self.objects))
