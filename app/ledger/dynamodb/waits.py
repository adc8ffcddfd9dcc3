"""Trying again, with full jitter, so that those who collided don't collide once more.

https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from app.errors import LedgerError

T = TypeVar("T")

SHORTEST, LONGEST = 0.01, 1.0  # seconds
ATTEMPTS = 30  # some twelve seconds of waiting in all


class Again(Exception):
    """Something was changed meanwhile, or not all was answered: the same step will do."""


@dataclass(frozen=True)
class Waits:
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random

    def insist(self, step: Callable[[], T], why_not: str) -> T:
        """What ``step`` returns, once it doesn't raise `Again`. Raises `LedgerError` after many times."""
        for number in range(ATTEMPTS):
            if number:
                self.sleep(self.random() * min(LONGEST, SHORTEST * 2**number))
            try:
                return step()
            except Again:
                continue
        raise LedgerError(f"the ledger {why_not}")
