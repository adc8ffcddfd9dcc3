"""What the page of one finding says, from the last run's row and the ledger's dossier. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.model import Delivery, Event
from app.policy.evaluate import last_used_text
from app.service.dossier import Dossier
from app.service.snapshot import FindingRow

# Newest first, as many as somebody reads; `keysteward history` has all.
SHOWN_EVENTS = SHOWN_DELIVERIES = 100


@dataclass(frozen=True, slots=True)
class Moment:
    """One audit event. ``evidence``: what an act rested on, a line each."""

    event: Event
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """One finding as it is told. ``state``: a stage, or the finding's own state where no run shows it."""

    finding_id: str
    row: FindingRow | None  # None: the last run didn't show it
    dossier: Dossier | None  # None: the ledger could not say
    key_tail: str
    user: str
    account: str
    account_id: str
    state: str
    reason: str
    rule: str
    owner: str
    ticket: str
    created: datetime | None
    due_at: datetime | None
    next_step: str
    last_used: str
    snoozed: str
    deliveries: tuple[Delivery, ...]  # the newest first
    moments: tuple[Moment, ...]  # the newest first


def told(finding_id: str, row: FindingRow | None, dossier: Dossier | None, now: datetime) -> Story:
    """The row is of the last run and wins; what it lacks comes from the ledger."""
    finding = dossier.finding if dossier else None
    facts = dossier.facts if dossier else None

    def either(name: str) -> str:
        return str(getattr(row or finding, name, ""))

    return Story(
        finding_id=finding_id,
        row=row,
        dossier=dossier,
        key_tail=row.key_tail if row else finding.masked if finding else "",
        user=either("user"),
        account=either("account"),
        account_id=either("account_id"),
        state=row.state if row else finding.state.value if finding else "unknown",
        reason=either("reason"),
        rule=either("rule"),
        owner=either("owner"),
        ticket=(row.ticket if row else "") or (finding.ticket if finding else ""),
        created=row.created if row else facts.created if facts else None,
        due_at=row.due_at if row else finding.due_at if finding else None,
        next_step=row.next_step if row else "",
        last_used=row.last_used if row else last_used_text(facts.last_used, now) if facts else "",
        snoozed=_snoozed(row, dossier),
        deliveries=tuple(reversed(dossier.deliveries))[:SHOWN_DELIVERIES] if dossier else (),
        moments=tuple(map(_moment, reversed(dossier.events)))[:SHOWN_EVENTS] if dossier else (),
    )


def _snoozed(row: FindingRow | None, dossier: Dossier | None) -> str:
    """``until 27 Nov 2026 by ann@example.com: on holiday``."""
    if dossier and dossier.snooze:
        snooze = dossier.snooze
        return f"until {snooze.until:%-d %b %Y} by {snooze.by}: {snooze.reason}"
    return f"until {row.snoozed_until:%-d %b %Y}" if row and row.snoozed_until else ""


def _moment(event: Event) -> Moment:
    found = event.data.get("evidence")
    return Moment(event, tuple(_evidence(found)) if isinstance(found, Mapping) else ())


def _evidence(found: Mapping[str, Any]) -> Iterator[str]:
    """As `app/service/grounds.py` writes it; of an older release's event some of it may be missing."""
    key, require = found.get("key") or {}, found.get("require") or {}
    if key.get("read_at"):
        yield f"The key was read live at {_minute(key['read_at'])}: {key.get('status')}, {_use(key)}"
    if require:
        yield f"Required: {require.get('notices')} notices over {require.get('over')}"
    for notice in found.get("notices") or ():
        named = f", naming {_minute(notice['named'])[:10]}" if notice.get("named") else ""
        yield f"Notice to {notice.get('to') or 'nobody'} on {_minute(notice.get('delivered_at'))}{named}"
    if found.get("owner"):
        yield f"Owner: {found['owner']} ({found.get('owner_how')})"


def _use(key: Mapping[str, Any]) -> str:
    used = key.get("last_used") or {}
    if not used.get("at"):
        return "never used" if used.get("state") == "never" else "last use unknown"
    by = f" by {used['service']}" if used.get("service") else ""
    return f"last used {_minute(used['at'])}{by}"


def _minute(instant: str | None) -> str:
    """``2026-11-20 23:38 UTC``, of what ISO 8601 says."""
    return f"{instant[:10]} {instant[11:16]} UTC" if instant else "an unknown time"
