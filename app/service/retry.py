"""Tries failed notices again between two runs, while what they say still holds."""

from datetime import datetime

from app.ledger.interface import LedgerView
from app.model import Delivery, DeliveryState, Finding, FindingState, Mode, Verb
from app.plan.notices import tells_what_was_done
from app.service.book import Book
from app.service.deliver import deliver
from app.service.parts import Parts, Tally
from app.service.run_once import context
from app.service.settle import Round


def retry_failed(parts: Parts) -> Tally:
    """One round over what is due for another attempt. Acts are only ever tried again by a whole run."""
    tally = Tally()
    if parts.policy.mode is Mode.OBSERVE or not _due(parts, parts.ledger.view()):
        return tally
    with parts.ledger.lease(parts.holder, parts.lease_wait) as lease:
        if lease is not None:
            view = parts.ledger.view()
            ctx = context(parts, parts.hub(), view, parts.clock.now())
            deliver(Round(parts, ctx, lease, Book(view), tally), _due(parts, view))
    return tally


def _due(parts: Parts, view: LedgerView) -> list[str]:
    if view.pause or not _same_config(parts, view):
        return []
    now = parts.clock.now()
    failed = (DeliveryState.FAILED, DeliveryState.AMBIGUOUS)
    return [
        row.id
        for row in parts.ledger.undelivered()
        if row.state in failed
        and row.verb in (Verb.NOTIFY, Verb.RESOLVE)
        and row.next_attempt_at is not None
        and row.next_attempt_at <= now
        and _still_holds(view, row, parts)
    ]


def _same_config(parts: Parts, view: LedgerView) -> bool:
    """After an edit only a run can tell whether rule, mode and owner still hold."""
    return view.last_run is not None and view.last_run.config_hash == parts.config_hash


def _still_holds(view: LedgerView, row: Delivery, parts: Parts) -> bool:
    finding = next((f for f in view.findings.values() if f.id == row.finding_id), None)
    if finding is None or finding.episode != row.episode:
        return False
    if row.verb is Verb.RESOLVE or tells_what_was_done(row):
        return True
    now, snooze = parts.clock.now(), view.snoozes.get(finding.uid)
    asleep = snooze is not None and snooze.until > now
    return finding.state is FindingState.OPEN and not asleep and not _is_disowned(view, row, finding, now)


def _is_disowned(view: LedgerView, row: Delivery, finding: Finding, now: datetime) -> bool:
    """Whether its owner has said meanwhile that it isn't theirs: the next run tells the next one."""
    owner = str(row.payload.get("owner", "")).casefold()
    return row.route == "owner" and owner in view.refused(finding.uid, now)
