"""Tries again what waits, between two runs and at the end of each, while what it says still holds."""

from contextlib import suppress

from app.errors import Paused
from app.ledger.interface import LedgerView
from app.model import DeliveryState, Mode
from app.plan.obsolete import TELLING
from app.service.book import Book
from app.service.breaker import Gate, gate
from app.service.deliver import deliver
from app.service.parts import Parts, Tally
from app.service.recover import recover_notices
from app.service.run_once import context
from app.service.settle import Round
from app.service.team import tell_of_outages, tell_who_is_back
from app.service.turn import due, is_for_a_run
from app.service.waiting import waiting_plan


def retry_failed(parts: Parts) -> Tally:
    """One round over what is due for another attempt. Acts are only ever tried again by a whole run."""
    tally = Tally()
    if parts.policy.mode is Mode.OBSERVE or not _has_work(parts, parts.ledger.frame()):
        return tally
    with parts.ledger.lease(parts.holder, parts.lease_wait) as lease:
        if lease is not None:
            frame = parts.ledger.frame()
            ctx = context(parts, parts.hub(), frame, parts.clock.now())
            round_ = Round(parts, ctx, lease, Book(parts.ledger), tally)
            with suppress(Paused):
                recover_notices(round_)
                deliver(round_, [row.id for row in due(parts, frame)])
                tell_of_outages(round_)
                tell_who_is_back(round_)
    return tally


def _has_work(parts: Parts, frame: LedgerView) -> bool:
    """Asked without the lease: most of the time nothing waits."""
    if is_for_a_run(parts, frame):
        return False
    if _is_somebody_back(parts, frame):
        return True
    claimed = (row for row in parts.ledger.undelivered() if row.state is DeliveryState.CLAIMED)
    return any(row.verb in TELLING for row in claimed) or bool(due(parts, frame))


def _is_somebody_back(parts: Parts, frame: LedgerView) -> bool:
    """Whether a plan waits that a sink could be told of now, which rested when the others were."""
    now = parts.clock.now()
    plan = waiting_plan(parts.ledger, frame.last_run, now)
    untold = [name for name in parts.sinks if plan and name not in plan.told]
    rested = (frame.breakers[name] for name in untold if name in frame.breakers)
    return any(breaker.rests and gate(breaker, now) is not Gate.SHUT for breaker in rested)
