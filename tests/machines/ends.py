"""What a life has come to: outside, and in the ledger, without what may differ from one attempt to another."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

from app.ledger.interface import Ledger
from app.ledger.verify import verify
from app.plan.draft import SERVICE
from app.service.archive import lines_of
from tests.fakes.archive import Shelf
from tests.machines.town import Town
from tests.machines.witness import Told

# How often and under which lease something was tried, and in which words its end was recorded.
ATTEMPT = frozenset({"attempts", "epoch", "message_id", "revision", "next_attempt_at", "error", "how"})
# Made of times, or telling them.
TIMED = frozenset({"payload", "reason", "counts"})


def outside(town: Town) -> Mapping[str, Any]:
    """Keys, tickets and messages: each message once, however often it may have arrived."""
    jira = town.sinks["jira"].issues
    told = {(*t.what, t.kind, t.recipient) for t in town.witness.seen if isinstance(t, Told)}
    return {
        "keys": sorted((key.id, key.status) for key in town.keys),
        "tickets": {finding: (t.is_open, sorted(set(t.comments))) for finding, t in jira.items()},
        "told": told,
        "acts": Counter(town.writes),
    }


def repeats(town: Town) -> int:
    """Messages that arrived once more."""
    told = Counter(t.what for t in town.witness.seen if isinstance(t, Told))
    return sum(told.values()) - len(told)


def inside(ledger: Ledger, *, timed: bool) -> Mapping[str, Any]:
    """The ledger's rows; not ``timed``: without their times."""
    view = ledger.view()
    rows: Mapping[str, Iterable[Any]] = {
        "facts": view.facts.values(),
        "findings": view.findings.values(),
        "deliveries": [d for f in view.findings.values() for d in ledger.deliveries_of(f.id)],
        "snoozes": view.snoozes.values(),
        "refusals": view.refusals,
        "accounts": view.accounts.values(),
        "breakers": view.breakers.values(),
        "plans": ledger.held_plans(),
        "approvals": ledger.approvals(),
        "holds": ledger.holds(),
        "canary": [view.canary],
        "pause": [view.pause],
    }
    return {name: sorted(str(_plain(row, timed)) for row in some) for name, some in rows.items()}


def trail(ledger: Ledger) -> Counter[tuple[str, str]]:
    """What the service has written down of its own accord."""
    return Counter((e.what, e.finding_id) for e in ledger.events() if e.by == SERVICE)


def breaks(town: Town) -> list[str]:
    """Of the audit trail, and of its copy."""
    found = [str(one) for one in verify(town.store.ledger).breaks]
    copied = town.archive.text if isinstance(town.archive, Shelf) else ""
    whole = lines_of(list(town.store.ledger.sealed())).decode()
    return found if whole.startswith(copied) and copied else [*found, "the copy is not the trail"]


def _plain(value: Any, timed: bool) -> Any:
    if isinstance(value, datetime):
        return value.isoformat() if timed else None
    if is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        left_out = ATTEMPT if timed else ATTEMPT | TIMED
        return {str(k): _plain(v, timed) for k, v in sorted(value.items(), key=str) if k not in left_out}
    if isinstance(value, list | tuple):
        return [_plain(inner, timed) for inner in value]
    return str(value)
