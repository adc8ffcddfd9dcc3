"""Forgetting, once a day, what nobody asks for any more: the ledger must not grow for ever."""

import logging
from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta

from app.ledger.interface import Change, LedgerView
from app.plan.retention import ended_words, is_at_rest, left_behind, returned
from app.policy.rules import Policy
from app.service.parts import Parts
from app.service.settle import Round
from app.telemetry import log_fields

log = logging.getLogger(__name__)

KEPT_FOR = timedelta(days=90)


def prune_daily(round_: Round, watched: Collection[str]) -> None:
    """The first run of a day does it. ``watched``: the ids of all accounts that there are to read."""
    ledger, view = round_.parts.ledger, round_.ctx.view
    before = forgets_before(round_.parts, view)
    if before is None:
        return
    gone = Counter(ledger.prune(before, round_.lease))
    for change in (_accounts(round_, watched, before), _words(round_, before)):
        if change != Change():
            ledger.apply(change, round_.lease)
        gone["accounts"] += len(change.forget_accounts)
    if any(gone.values()):
        log.info("ledger pruned", **log_fields(**gone))


def forgets_before(parts: Parts, view: LedgerView) -> datetime | None:
    """What ended before this is forgotten by this run; None: nothing is.

    A clock that has leapt months ahead would make everything look old: the next day's run knows better.
    """
    now, last = parts.clock.now(), view.last_run
    if last is None or last.at.date() == now.date() or parts.wrong_by() is not None:
        return None
    return now - kept_for(parts.policy) if timedelta(0) < now - last.at < KEPT_FOR else None


def _accounts(round_: Round, watched: Collection[str], before: datetime) -> Change:
    """Should one come back after so long, its keys are first seen then, and their tickets found again."""
    ledger = round_.parts.ledger
    left = left_behind(round_.ctx.view, watched, before)
    return Change(forget_accounts=tuple(i for i in left if is_at_rest(ledger.account(i), before)))


def _words(round_: Round, before: datetime) -> Change:
    """What people said of keys that are gone, and of people who had left."""
    view = round_.parts.ledger.frame()
    gone = frozenset(uid for uid in ended_words(view, before) if _is_gone(round_, uid))
    refusals = tuple((r.address, r.uid) for r in view.refusals if r.uid in gone)
    snoozes = tuple(uid for uid in view.snoozes if uid in gone)
    return Change(forget_snoozes=snoozes, forget_refusals=(*refusals, *returned(view, before)))


def _is_gone(round_: Round, uid: str) -> bool:
    rows = round_.parts.ledger.account(uid.partition("/")[0])
    return uid not in rows.facts and uid not in rows.findings


def kept_for(policy: Policy) -> timedelta:
    """Twice as long as any act looks back over its notices, and 90 days at least."""
    spans = [stage.require.over for rule in policy.rules for stage in rule.stages if stage.do]
    return max([KEPT_FOR, *(2 * span for span in spans)])
