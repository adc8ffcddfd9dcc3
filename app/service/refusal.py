"""A config that was not taken, and one that was: for the audit trail and the on-call."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from app import __version__
from app.ledger.interface import Change
from app.model import Event, redact
from app.plan.draft import SERVICE
from app.plan.summary import BETWEEN, Alert, RunSummary
from app.service.breaker import Breakers
from app.service.calls import Calls
from app.service.parts import Parts
from app.service.team import tell_team

REFUSED, RELOADED = "config_refused", "config_reloaded"
REMEMBERED = timedelta(days=1)
HEADLINE = "The config could not be reloaded: the earlier one is in force until this is mended"


def note_reload(parts: Parts) -> None:
    """Raises `LedgerError`."""
    parts.ledger.apply(Change(events=(_event(parts, RELOADED, f"hash {parts.config_hash[:12]}"),)))


def tell_refusal(parts: Parts, faults: Sequence[str]) -> bool:
    """Tells the on-call of ``faults``. False: not now. The service is paused, or nobody could be reached.

    All replicas refuse the same config: whose event comes first in the ledger tells of it until somebody
    hears. Raises `LedgerError`.
    """
    if parts.ledger.paused():
        return False
    if not _is_ours(parts, redact("; ".join(faults))):
        return True
    summary = _summary(parts, faults)
    breakers = Breakers(parts.ledger.frame().breakers, parts.clock, parts.roll)
    telling = tell_team(parts, summary, breakers, Calls(summary.at))
    return telling.heard or len(telling.took) == len(parts.sinks)


def _summary(parts: Parts, faults: Sequence[str]) -> RunSummary:
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    alerts = (Alert("config", f"{HEADLINE}. {faults[0]}{more}"),)
    now, mode = parts.clock.now(), parts.policy.mode.value
    return RunSummary(now, __version__, mode, BETWEEN, warnings=tuple(faults), news=True, alerts=alerts)


def _is_ours(parts: Parts, detail: str) -> bool:
    """Whether it is for this replica to tell. It writes its event once, however often it is asked."""
    mine = _event(parts, REFUSED, detail)
    since = mine.at - REMEMBERED
    if not any(event.data["replica"] == parts.holder for event in _refusals(parts, detail, since)):
        parts.ledger.apply(Change(events=(mine,)))
    first = next(iter(_refusals(parts, detail, since)), mine)
    return bool(first.data["replica"] == parts.holder)


def _refusals(parts: Parts, detail: str, since: datetime) -> Sequence[Event]:
    """Those of this very config, the oldest first. What is refused after a good reload is news."""
    found: list[Event] = []
    for event in parts.ledger.events(since):
        if event.what == RELOADED:
            found.clear()
        elif event.what == REFUSED and event.detail == detail:
            found.append(event)
    return found


def _event(parts: Parts, what: str, detail: str) -> Event:
    return parts.event(SERVICE, what, detail, data={"replica": parts.holder})
