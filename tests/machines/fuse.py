"""Steps of a process, counted: at one of them something strikes."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


class Killed(BaseException):
    """SIGKILL: nothing in the code under test may catch it."""


def kill() -> None:
    raise Killed


def nothing() -> None:
    """Nothing strikes."""


@dataclass
class Fuse:
    """``strike`` comes once, at step ``at``: before or ``after`` it took effect. Steps count from 1."""

    at: int = 0
    after: bool = False
    strike: Callable[[], None] = nothing
    steps: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def step(self, name: str, call: Callable[[], T]) -> T:
        with self._lock:
            self.steps.append(name)
            is_struck = len(self.steps) == self.at
        if is_struck and not self.after:
            self.strike()
        try:
            return call()
        finally:
            if is_struck and self.after:
                self.strike()
