"""What most sinks have in common: they tell, and keep nothing open."""

from datetime import datetime

from app.plan.notice import Notice
from app.plan.summary import RunSummary
from app.sinks.interface import Grouping, Receipt


class TellingSink:
    """The part of `Sink` that a sink without tickets and reports need not write: it inherits."""

    grouping: Grouping = "owner"
    tickets: bool = False
    insists: bool = False

    @property
    def fallback(self) -> str | None:
        return None

    def resolve(self, notice: Notice, now: datetime) -> Receipt | None:
        """What was told needs no closing."""
        return None

    def closed(self, now: datetime) -> frozenset[str]:
        return frozenset()

    def report(self, summary: RunSummary) -> bool:
        """Nobody asked for it."""
        return False
