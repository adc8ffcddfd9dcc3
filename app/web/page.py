"""What the status page says: every figure and sentence is worked out here, the template only lays it out."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, Literal

from app.model import AccountState, Coverage
from app.service.snapshot import (
    DeliveryRow,
    FindingRow,
    HeldRow,
    HoldRow,
    SinkRow,
    Snapshot,
    Sweep,
    TrailRow,
)
from app.web import charts
from app.web.charts import AgeBar, Cell, Share, Slice

SHOWN_FINDINGS = 25
SHOWN_OTHERS = 10
FAR = datetime.max.replace(tzinfo=UTC)

Tone = Literal["good", "warn", "bad", "quiet"]


@dataclass(frozen=True, slots=True)
class Tile:
    label: str
    number: int
    note: str = ""
    tone: Tone = "quiet"


@dataclass(frozen=True, slots=True)
class StatusPage:
    snapshot: Snapshot
    headline: str
    tone: Tone
    tiles: tuple[Tile, ...]
    credentials: int
    share: Share
    slices: tuple[Slice, ...]
    ages: tuple[AgeBar, ...]
    weeks: tuple[tuple[Cell, ...], ...]  # none while nothing is due
    later: int  # acts due behind the calendar's end
    leaked_elsewhere: tuple[AccountState, ...]  # whose exposed keys are only a number
    findings: tuple[FindingRow, ...]
    held: tuple[HeldRow, ...]
    resting: tuple[SinkRow, ...]
    dead: tuple[DeliveryRow, ...]
    long_holds: tuple[HoldRow, ...]
    audit: str  # how the audit trail was when it was last read; empty: it was not yet
    failed: tuple[AccountState, ...]
    failed_total: int
    coverage: Coverage
    under_way: str  # how the scan that is under way stands; empty: none is


def status_page(snapshot: Snapshot, now: datetime) -> StatusPage:
    failed = sorted((a for a in snapshot.accounts if a.error), key=lambda a: a.error_since or FAR)
    coverage = Coverage.of(snapshot.accounts_by_outcome)
    headline, tone = _headline(snapshot, coverage)
    today, due = now.date(), any(day >= now.date() for day in snapshot.calendar)
    return StatusPage(
        snapshot=snapshot,
        headline=headline,
        tone=tone,
        tiles=_tiles(snapshot, coverage),
        credentials=sum(snapshot.credentials.values()),
        share=charts.share(snapshot),
        slices=charts.slices(snapshot),
        ages=charts.ages(snapshot),
        weeks=charts.weeks(snapshot.calendar, today) if due else (),
        later=charts.later(snapshot.calendar, today),
        leaked_elsewhere=_leaked_elsewhere(snapshot),
        findings=worst_first(snapshot.findings)[:SHOWN_FINDINGS],
        held=snapshot.held_rows[:SHOWN_OTHERS],
        resting=tuple(row for row in snapshot.sinks if row.resting),
        dead=tuple(row for row in snapshot.deliveries if row.state == "dead")[:SHOWN_OTHERS],
        long_holds=snapshot.long_holds[:SHOWN_OTHERS],
        audit=_audit(snapshot.trail, now),
        failed=tuple(failed[:SHOWN_OTHERS]),
        failed_total=len(failed),
        coverage=coverage,
        under_way=_under_way(snapshot.sweep),
    )


def _leaked_elsewhere(snapshot: Snapshot) -> tuple[AccountState, ...]:
    listed = {row.account_id for row in snapshot.leaked}
    return tuple(a for a in snapshot.accounts if a.exposed and a.account_id not in listed)


def worst_first(rows: Iterable[FindingRow]) -> tuple[FindingRow, ...]:
    """Leaked ones, then by the day of the act, then the oldest; what is snoozed comes last."""
    return tuple(
        sorted(
            rows,
            key=lambda r: (not r.exposed, bool(r.snoozed_until), r.due_at or FAR, r.created, r.finding_id),
        )
    )


def _under_way(sweep: Sweep | None) -> str:
    """``reading accounts, 6,812 of 10,000, 3 failed; about 4 min left``."""
    if sweep is None or not sweep.under_way:
        return ""
    failed = f", {sweep.failed:,} failed" if sweep.failed else ""
    left = f"; about {ceil(sweep.left_seconds / 60)} min left" if sweep.left_seconds else ""
    return f"{sweep.phase}, {sweep.done:,} of {many(sweep.total, 'account')}{failed}{left}"


def _audit(trail: TrailRow | None, now: datetime) -> str:
    """``1,204 events, read whole 2 h ago: no edit, no gap``."""
    if trail is None:
        return ""
    found = "it is not what was written" if trail.breaks else "no edit, no gap"
    return f"{many(trail.events, 'event')}, read whole {relative(trail.read_at, now)}: {found}"


def _headline(snapshot: Snapshot, coverage: Coverage) -> tuple[str, Tone]:
    exposed, week = sum(snapshot.exposed.values()), snapshot.due_within.get("7d", 0)
    accounts = many(coverage.total, "account")
    if exposed:
        return f"{many(exposed, 'exposed credential')}: rotate now", "bad"
    if not snapshot.last_run:
        return "Waiting for the first scan to end", "quiet"
    if coverage.unread:
        return f"{coverage.unread:,} of {accounts} could not be read", "bad"
    if week:
        return f"{accounts} read; {many(week, 'credential')} due within 7 days", "warn"
    return f"{accounts} read; nothing is due within 7 days", "good"


def _tiles(snapshot: Snapshot, coverage: Coverage) -> tuple[Tile, ...]:
    week, month = (snapshot.due_within.get(within, 0) for within in ("7d", "30d"))
    held, dead = sum(snapshot.held.values()), sum(snapshot.dead.values())
    pending, roots = sum(snapshot.pending.values()), sum(a.root_keys for a in snapshot.accounts)
    return (
        Tile(
            "Accounts read",
            coverage.fresh,
            f"{coverage.unread:,} not read" if coverage.unread else f"of {coverage.total:,}",
            _if(coverage.unread, "bad"),
        ),
        Tile("Due in 7 days", week, "deactivate or delete", _if(week, "warn")),
        Tile("Due in 30 days", month, "deactivate or delete"),
        Tile("Held back", held, "by a guard", _if(held, "warn")),
        Tile("Undelivered", pending + dead, f"{dead} can't be delivered" if dead else "", _if(dead, "bad")),
        Tile("Root access keys", roots, "should be none", _if(roots, "bad")),
    )


def _if(number: int, tone: Tone) -> Tone:
    return tone if number else "quiet"


def many(number: int, noun: str) -> str:
    """``1 account``, ``1,200 accounts``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def relative(at: datetime, now: datetime) -> str:
    """``in 3 days``, ``2 h ago``: rounded down, so nothing seems further off than it is."""
    span = abs(at - now)
    text = _span(span)
    if text == "now":
        return text
    return f"in {text}" if at > now else f"{text} ago"


def _span(span: timedelta) -> str:
    if span.days >= 1:
        return many(span.days, "day")
    hours, minutes = span.seconds // 3600, span.seconds // 60
    return f"{hours} h" if hours else f"{minutes} min" if minutes else "now"


def age_days(created: datetime, now: datetime) -> int:
    return (now - created).days


def tools(now: datetime) -> dict[str, Callable[..., Any]]:
    """What the template calls."""
    return {
        "many": many,
        "relative": lambda at: relative(at, now),
        "age_days": lambda created: age_days(created, now),
        "is_link": lambda text: text.startswith(("https://", "http://")),
    }
