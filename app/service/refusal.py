"""A config that was not taken, and one that was: for the audit trail and the on-call."""

from collections.abc import Sequence
from datetime import timedelta

from app import __version__
from app.ledger.interface import Change
from app.model import Event
from app.plan.draft import SERVICE
from app.plan.summary import RunSummary
from app.service.breaker import Breakers
from app.service.calls import Calls
from app.service.parts import Parts
from app.service.team import tell_team

REFUSED, RELOADED = "config_refused", "config_reloaded"
REMEMBERED = timedelta(days=1)
HEADLINE = "the config could not be reloaded: the earlier one is in force until this is mended"


def note_reload(parts: Parts) -> None:
    """Raises `LedgerError`."""
    parts.ledger.apply(Change(events=(_event(parts, RELOADED, f"hash {parts.config_hash[:12]}"),)))


def tell_refusal(parts: Parts, faults: Sequence[str]) -> bool:
    """Tells the on-call of ``faults``, as the sinks report runs; False: not now, the service is paused.

    All replicas refuse the same config: whose event comes first in the ledger tells of it. What is lost on
    the way is not made up for. Raises `LedgerError`.
    """
    if parts.ledger.paused():
        return False
    if _is_first(parts, "; ".join(faults)):
        at, mode = parts.clock.now(), parts.policy.mode.value
        summary = RunSummary(at, __version__, mode, "failed", failures=(HEADLINE, *faults), news=True)
        breakers = Breakers(parts.ledger.frame().breakers, parts.clock, parts.roll)
        tell_team(parts, summary, breakers, Calls(at))
    return True


def _is_first(parts: Parts, detail: str) -> bool:
    mine = _event(parts, REFUSED, detail)
    parts.ledger.apply(Change(events=(mine,)))
    fresh: list[Event] = []
    for event in parts.ledger.events(mine.at - REMEMBERED):
        if event.what == RELOADED:
            fresh.clear()  # what is refused afterwards is news, though it be the same
        elif event.what == REFUSED and event.detail == detail:
            fresh.append(event)
    return not fresh or fresh[0] == mine


def _event(parts: Parts, what: str, detail: str) -> Event:
    return parts.event(SERVICE, what, detail, data={"replica": parts.holder})
