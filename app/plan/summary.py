"""What one run did, as plain data: sinks show it to a team, mail it to admins, and export it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from app.model import Coverage

SCHEMA = "keysteward.run/1"
BETWEEN = "between"  # the outcome of what is told between two runs


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One credential and what happened to it. ``key_tail`` is masked."""

    what: Literal["warned", "deactivated", "deleted", "resolved", "held"]
    finding_id: str
    account_id: str
    account: str
    user: str
    key_tail: str
    why: str
    owner: str = ""
    stage: str = ""
    guard: str = ""  # what held it back
    at: datetime | None = None  # the day of the coming act, or of the act that is held


@dataclass(frozen=True, slots=True)
class Alert:
    """What somebody on call must look at, with the acts that it is about. ``text`` is one paragraph.

    ``approval``: the brake holds ``plan`` (its short id). ``held_long``: a guard has held acts for a week.
    ``outage``: a sink does not answer. ``config``: a new config was refused.
    """

    what: Literal["approval", "held_long", "outage", "config"]
    text: str
    plan: str = ""
    rows: tuple[SummaryRow, ...] = ()


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run. ``news``: it did, held or failed something that the run before did not.

    ``accounts`` counts accounts by outcome, ``delivered`` notices by sink.
    """

    at: datetime
    version: str
    mode: str
    outcome: str
    accounts: Mapping[str, int] = field(default_factory=dict)
    delivered: Mapping[str, int] = field(default_factory=dict)
    rows: tuple[SummaryRow, ...] = ()
    failures: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    news: bool = False
    alerts: tuple[Alert, ...] = ()  # each is handed to a sink once; what it is about may be in no other rows

    @property
    def coverage(self) -> Coverage:
        return Coverage.of(self.accounts)

    @property
    def is_run(self) -> bool:
        """False: it tells of something between two runs, by its alerts alone."""
        return self.outcome != BETWEEN

    @property
    def held_back(self) -> int:
        """Acts, those included that an alert lists because they wait for approval."""
        asked = sum(len(alert.rows) for alert in self.alerts if alert.what == "approval")
        return len(self.of("held")) + asked

    def of(self, what: str) -> tuple[SummaryRow, ...]:
        return tuple(row for row in self.rows if row.what == what)

    def urgent(self) -> "RunSummary":
        """Its alerts alone: they are told also where nobody asked for summaries."""
        return replace(self, rows=(), failures=(), warnings=())

    def to_json(self) -> dict[str, Any]:
        """The documented form (docs/webhooks.md): every key is always there."""
        return {
            "schema": SCHEMA,
            "at": self.at.isoformat(),
            "version": self.version,
            "mode": self.mode,
            "outcome": self.outcome,
            "accounts": dict(self.accounts),
            "delivered": dict(self.delivered),
            "rows": list(map(_row, self.rows)),
            "alerts": [asdict(alert) | {"rows": list(map(_row, alert.rows))} for alert in self.alerts],
            "failures": list(self.failures),
            "warnings": list(self.warnings),
        }


def _row(row: SummaryRow) -> dict[str, Any]:
    return asdict(row) | {"at": row.at.isoformat() if row.at else None}
