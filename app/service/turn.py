"""Whose turn it is: what leaves now, what waits, and what is not true any more."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from app.ledger.claims import CLAIMABLE
from app.ledger.interface import LedgerView
from app.model import Breaker, Delivery, DeliveryState, Finding
from app.plan.obsolete import TELLING, ahead_of, is_observed, obsolete
from app.service import backoff, breaker
from app.service.breaker import Gate, gate
from app.service.parts import Parts
from app.service.settle import Round, cancelled, write
from app.telemetry import log_fields

log = logging.getLogger(__name__)


def due(parts: Parts, frame: LedgerView) -> list[Delivery]:
    """What waits for another attempt and may have it now."""
    now = parts.clock.now()
    rows = () if is_for_a_run(parts, frame) else parts.ledger.undelivered()
    return [row for row in rows if _is_due(parts, frame, row, now)]


def is_for_a_run(parts: Parts, frame: LedgerView) -> bool:
    """Whether nothing may be tried again now: the service is paused, or its config was edited. Then only a
    run can tell whether rule, mode and owner still hold."""
    return bool(frame.pause) or frame.last_run is None or frame.last_run.config_hash != parts.config_hash


def _is_due(parts: Parts, frame: LedgerView, row: Delivery, now: datetime) -> bool:
    """Without a time of its own it waits for a run. What no longer holds is due too: to be cancelled."""
    waits = row.verb in TELLING and row.state in CLAIMABLE and row.next_attempt_at is not None
    if not waits or row.sink not in parts.sinks or not backoff.is_due(row, now):
        return False
    if gate(frame.breakers.get(row.sink) or Breaker(row.sink), now) is Gate.SHUT:
        return False
    finding = parts.ledger.finding(row.finding_id)
    if finding and _is_observed(parts, finding):
        return False
    if row.state is not DeliveryState.AMBIGUOUS:
        return True
    history = parts.ledger.deliveries_of(row.finding_id)
    return not obsolete(parts.policy, frame, finding, history, row, now)


def _is_observed(parts: Parts, finding: Finding) -> bool:
    """A run has made what waits wait for the next one; somebody may have put it back since."""
    account = parts.known_account(finding.account_id)
    return is_observed(parts.policy, finding, account.mode if account else None)


def in_turn(round_: Round, rows: Sequence[Delivery]) -> list[Delivery]:
    """Those of one message's ``rows`` that may be sent now. The others wait, or are cancelled."""
    together = {row.id for row in rows}
    return [row for row in rows if _may_leave(round_, row, together)]


def _may_leave(round_: Round, row: Delivery, together: Collection[str]) -> bool:
    now, sink = round_.parts.clock.now(), row.sink
    if not backoff.is_due(row, now):
        put_off(round_, row, row.next_attempt_at or now, row.error or "its next try is to come")
        return False
    if round_.breakers.gate(sink) is Gate.SHUT:
        rested = round_.breakers.of(sink)
        put_off(round_, row, rested.until or now, breaker.text(rested))
        return False
    history = round_.parts.ledger.deliveries_of(row.finding_id)
    if _is_dropped(round_, row, history, now):
        return False
    first = next(
        (d for d in ahead_of(history, row, together) if not _is_dropped(round_, d, history, now)), None
    )
    if first:
        after_it, soon = replace(row, next_attempt_at=None), now + backoff.FIRST_RETRY
        put_off(
            round_, after_it, max(first.next_attempt_at or soon, soon), "an earlier notice waits before it"
        )
    return first is None


def _is_dropped(round_: Round, row: Delivery, history: Sequence[Delivery], now: datetime) -> bool:
    """Cancels what no longer holds. What may have arrived is left to the next run: it must be settled."""
    finding = round_.book.get(row.finding_id)
    why = obsolete(round_.parts.policy, round_.frame(), finding, history, row, now)
    if why and row.state is not DeliveryState.AMBIGUOUS:
        write(round_, [cancelled(round_, row, f"no longer holds: {why}")], [])
        log.info("delivery cancelled", **log_fields(sink=row.sink, delivery=row.id, reason=why))
    return bool(why)


def put_off(round_: Round, row: Delivery, at: datetime, why: str) -> None:
    """Told of as undelivered, but no attempt. Without a time of its own it is tried again from ``at`` on."""
    round_.tally.undelivered[row.sink, why] += 1
    if row.next_attempt_at is None:
        round_.postponed.append(replace(row, next_attempt_at=at))


def postpone(round_: Round) -> None:
    """Writes what waits: between two runs it is tried again."""
    noted, round_.postponed = round_.postponed, []
    known = ((row, round_.parts.ledger.delivery(row.id)) for row in noted)
    waiting = [row for row, now in known if now and now.state is row.state]
    if waiting:
        write(round_, waiting, [])
