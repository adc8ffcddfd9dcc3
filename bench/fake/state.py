"""What the fake AWS remembers: token buckets, credential reports in the making, counts of calls."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

KEPT_SECONDS = 4 * 3600  # how long AWS serves one credential report


class Refusal(Exception):
    """An error that AWS answers."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(message or code)
        self.code, self.status = code, status


class Buckets:
    """One token bucket an account: ``rate`` calls a second after a ``burst``; a rate of 0 is no limit."""

    def __init__(self, rate: float, burst: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.burst, self._monotonic = rate, burst, monotonic
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, account: str) -> bool:
        if not self.rate:
            return True
        now = self._monotonic()
        level, at = self._levels.get(account, (self.burst, now))
        level = min(self.burst, level + (now - at) * self.rate)
        allowed = level >= 1
        self._levels[account] = (level - allowed, now)
        return allowed

    def refill(self) -> None:
        self._levels.clear()


@dataclass
class Reports:
    """Each account's credential report: begun when asked for, ready ``seconds`` later, served for 4 hours."""

    seconds: float
    clock: Callable[[], float] = time.time
    _ready_at: dict[str, float] = field(default_factory=dict)

    def generate(self, account: str) -> str:
        """The `State` that GenerateCredentialReport answers."""
        now = self.clock()
        ready_at = self._ready_at.get(account)
        if ready_at is None or now - ready_at >= KEPT_SECONDS:
            self._ready_at[account] = now + self.seconds
            return "STARTED"
        return "COMPLETE" if now >= ready_at else "INPROGRESS"

    def made_at(self, account: str) -> int:
        """When the account's report was made, in seconds since 1970. Raises `Refusal` when there is none."""
        ready_at = self._ready_at.get(account)
        if ready_at is None:
            raise Refusal("ReportNotPresent", "Generate a credential report first", 410)
        age = self.clock() - ready_at
        if age < 0:
            raise Refusal("ReportInProgress", "The report is being made", 404)
        if age >= KEPT_SECONDS:
            raise Refusal("ReportExpired", "The report is too old", 410)
        return int(ready_at)

    def expire(self) -> None:
        """As if four hours had passed: each account must generate anew."""
        self._ready_at = {account: at - KEPT_SECONDS for account, at in self._ready_at.items()}


@dataclass
class Tally:
    """Calls by ``service:Action``, throttled ones included, and the throttled ones alone."""

    calls: Counter[str] = field(default_factory=Counter)
    throttled: Counter[str] = field(default_factory=Counter)

    def as_json(self) -> dict[str, dict[str, int]]:
        return {"calls": dict(self.calls), "throttled": dict(self.throttled)}
