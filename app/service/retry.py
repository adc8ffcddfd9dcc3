"""Tries failed notices again between two runs, while what they say still holds."""

from contextlib import suppress
from datetime import datetime

from app.errors import Paused
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
    if parts.policy.mode is Mode.OBSERVE or not _due(parts, parts.ledger.frame()):
        return tally
    with parts.ledger.lease(parts.holder, parts.lease_wait) as lease:
        if lease is not None:
            frame = parts.ledger.frame()
            ctx = context(parts, parts.hub(), frame, parts.clock.now())
            with suppress(Paused):
                deliver(Round(parts, ctx, lease, Book(parts.ledger), tally), _due(parts, frame))
    return tally


def _due(parts: Parts, frame: LedgerView) -> list[str]:
    if frame.pause or not _same_config(parts, frame):
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
        and _still_holds(frame, row, parts)
    ]


def _same_config(parts: Parts, frame: LedgerView) -> bool:
    """After an edit only a run can tell whether rule, mode and owner still hold."""
    return frame.last_run is not None and frame.last_run.config_hash == parts.config_hash


def _still_holds(frame: LedgerView, row: Delivery, parts: Parts) -> bool:
    finding = parts.ledger.finding(row.finding_id)
    if finding is None or finding.episode != row.episode:
        return False
    if row.verb is Verb.RESOLVE or tells_what_was_done(row):
        return True
    now, snooze = parts.clock.now(), frame.snoozes.get(finding.uid)
    asleep = snooze is not None and snooze.until > now
    return finding.state is FindingState.OPEN and not asleep and not _is_disowned(frame, row, finding, now)


def _is_disowned(frame: LedgerView, row: Delivery, finding: Finding, now: datetime) -> bool:
    """Whether its owner has said meanwhile that it isn't theirs: the next run tells the next one."""
    owner = str(row.payload.get("owner", "")).casefold()
    return row.route == "owner" and owner in frame.refused(finding.uid, now)
