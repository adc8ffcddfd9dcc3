"""Where a report comes from, and what was read of the audit trail."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.ledger.verify import Verdict
from app.report.tables import Row

# Acts on keys and decisions of people: what the page shows of the trail.
ACTS = frozenset(
    {
        "deactivated",
        "deleted",
        "act_failed",
        "restored",
        "snoozed",
        "unsnoozed",
        "paused",
        "resumed",
        "plan_held",
        "plan_approved",
        "approval_used",
        "disowned",
    }
)


@dataclass(frozen=True, slots=True)
class Origin:
    """``skipped``: accounts that were left out on purpose, by why."""

    as_of: datetime
    mode: str
    config_hash: str
    since: datetime | None = None  # of the history; None: all of it
    skipped: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    has_ledger: bool = True


@dataclass(frozen=True, slots=True)
class Trail:
    """What was written of the audit trail, and whether it is what was once sealed."""

    verdict: Verdict
    acts: tuple[Row, ...] = ()  # the latest, in order
    events: int = 0  # written
    acts_in_all: int = 0
