"""What a life has come to, outside and in the ledger: without what differs from one attempt to another."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from typing import Any

from app.ledger.interface import Ledger
from app.ledger.verify import verify
from app.model import Delivery
from app.plan.draft import SERVICE
from app.plan.notices import CLOSED_STAGE
from app.service.archive import lines_of
from tests.fakes.archive import Shelf
from tests.machines.town import Town
from tests.machines.witness import Told

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
        "acts": Counter(
            act for act in town.writes if act[0] != "activate"
        ),  # whoever restores may do it again
    }


def repeats(town: Town) -> int:
    """Messages that arrived once more."""
    told = Counter(t.what for t in town.witness.seen if isinstance(t, Told))
    return sum(told.values()) - len(told)


def rows_of(ledger: Ledger) -> Mapping[str, list[Any]]:
    """The ledger's rows, but for how often and under which lease each was tried."""
    view = ledger.view()
    deliveries = [d for f in view.findings.values() for d in ledger.deliveries_of(f.id)]
    return {
        "facts": sorted(view.facts.values(), key=lambda f: f.uid),
        "findings": [replace(f, revision=0) for f in sorted(view.findings.values(), key=lambda f: f.id)],
        "deliveries": [_untried(d) for d in sorted(deliveries, key=lambda d: d.id)],
        "snoozes": [s for _, s in sorted(view.snoozes.items())],
        "refusals": sorted(view.refusals, key=lambda r: (r.address, r.uid)),
        "accounts": [a for _, a in sorted(view.accounts.items())],
        "breakers": [b for _, b in sorted(view.breakers.items())],
        "plans": list(ledger.held_plans()),
        "approvals": list(ledger.approvals()),
        "holds": list(ledger.holds()),
        "canary": [view.canary],
        "pause": [view.pause],
    }


def _untried(row: Delivery) -> Delivery:
    receipt = {name: value for name, value in row.receipt.items() if name != "how"}
    same = replace(row, attempts=0, epoch=0, message_id="", next_attempt_at=None)
    return replace(same, error="", receipt=receipt)


def untimed(rows: Mapping[str, list[Any]]) -> Mapping[str, list[Any]]:
    """Without their times, and what is made of times.

    A remark on a ticket that somebody closed reopens it: if it was that remark's record that was lost, nobody
    asks for it any more, and its row ends as cancelled.
    """
    lasting = {**rows, "deliveries": [row for row in rows["deliveries"] if row.stage != CLOSED_STAGE]}
    return {name: [_plain(row) for row in some] for name, some in lasting.items()}


def trail(ledger: Ledger) -> Counter[tuple[str, str]]:
    """What the service has written down of its own accord.

    But for the plans that were held: what was begun under an approval, and not done, waits for another word.
    """
    mine = (e for e in ledger.events() if e.by == SERVICE and e.what != "plan_held")
    return Counter((e.what, e.finding_id) for e in mine)


def breaks(town: Town) -> list[str]:
    """Of the audit trail, and of its copy."""
    found = [str(one) for one in verify(town.store.ledger).breaks]
    copied = town.archive.text if isinstance(town.archive, Shelf) else ""
    whole = lines_of(list(town.store.ledger.sealed())).decode()
    return found if whole.startswith(copied) and copied else [*found, "the copy is not the trail"]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return None
    if is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items() if name not in TIMED}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
