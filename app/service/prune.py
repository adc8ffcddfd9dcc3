"""Forgetting, once a day, what nobody asks for any more: the ledger must not grow for ever."""

import logging
from datetime import datetime, timedelta

from app.policy.rules import Policy
from app.service.settle import Round
from app.telemetry import log_fields

log = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=90)


def prune_daily(round_: Round) -> None:
    """The first run of a day does it. Under a clock that is in doubt nothing is forgotten."""
    now, last = round_.parts.clock.now(), round_.ctx.view.last_run
    if last is None or last.at.date() == now.date() or not _is_sure(round_, last.at, now):
        return
    gone = round_.parts.ledger.prune(now - kept_for(round_.parts.policy), round_.lease)
    if any(gone.values()):
        log.info("ledger pruned", **log_fields(**gone))


def _is_sure(round_: Round, last: datetime, now: datetime) -> bool:
    """A clock that has leapt months ahead would make everything look old: the next day's run knows better."""
    return round_.parts.wrong_by() is None and timedelta(0) < now - last < KEPT_FOR


def kept_for(policy: Policy) -> timedelta:
    """Twice as long as any act looks back over its notices, and 90 days at least."""
    spans = [stage.require.over for rule in policy.rules for stage in rule.stages if stage.do]
    return max([KEPT_FOR, *(2 * span for span in spans)])
