"""Deactivation and deletion: each act names one key, re-reads it live, and asks every question again.

Unlike notices, acts fail closed: what can't be read or has changed is held, with the reason.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.errors import Ambiguous, Held, KeystewardError, LedgerError, StaleLease
from app.ledger.interface import Change
from app.model import INACTIVE, Account, Credential, Delivery, DeliveryState, Verb
from app.plan.actions import Act, HeldAct, held
from app.plan.notices import is_unsettled_act, new_delivery
from app.service.checked import check, unpaused
from app.service.done import event_of, record_done
from app.service.licence import by_whom, failed, give_back, use
from app.service.lookup import without_traits
from app.service.parts import ACT_TIMEOUT
from app.service.settle import Round
from app.telemetry import log_fields

log = logging.getLogger(__name__)

SINK = "deactivation"
# Held for these, the live key is not what was remembered of it.
OTHERWISE = ("gone", "changed", "notices")
# An act is judged by the present policy just before it is done: one that a run doesn't know holds its acts.
OUTDATED, NEXT_RUN = "config", "another config was read meanwhile: the next run decides by that"


def perform(round_: Round, act: Act) -> HeldAct | list[str]:
    """Does ``act`` if every check holds now. Returns what was held, or the ids of the notices to send."""
    parts = round_.parts
    if parts.outdated():
        return held(act, OUTDATED, NEXT_RUN)
    row = _claim(round_, act)
    if row is None:
        _forget(round_, act)
        return held(act, "done_already", "it was carried out already")
    try:
        parts.actor.ready(act.account)  # it may take its time, in which people say what the check must see
        checked = check(round_, act)
        row = _note(round_, row, checked.grounds)
        _mutate(round_, act, checked.fresh)
    except Held as why:
        # An earlier attempt that may have taken effect still may have.
        lost = row.state is DeliveryState.AMBIGUOUS
        untried = replace(row, attempts=row.attempts - 1)
        _settle(round_, untried, row.state if lost else DeliveryState.CANCELLED, f"held: {why}")
        if why.code in OTHERWISE:
            _forget(round_, act)
        parts.counts.add("actions_total", action=act.verb.value, outcome="held")
        return held(act, why.code, str(why))
    except (StaleLease, LedgerError):
        raise
    except KeystewardError as error:
        return _failed(round_, act, row, error)
    how = by_whom(act)
    return record_done(round_, row, act.account, checked.fresh, act.finding, checked.decision, act.stage, how)


def _claim(round_: Round, act: Act) -> Delivery | None:
    row = new_delivery(act.finding, act.stage.name, 1, SINK, act.verb, round_.parts.clock.now())
    old = round_.parts.ledger.delivery(row.id)
    if old and old.state is DeliveryState.DELIVERED:
        return None
    state = DeliveryState.AMBIGUOUS if old and is_unsettled_act(old) else DeliveryState.PENDING
    row = replace(row, state=state, attempts=old.attempts if old else 0, enforced=True)
    if old and state is DeliveryState.AMBIGUOUS:  # that attempt's grounds hold until there are others
        row = replace(row, payload=old.payload)
    round_.parts.ledger.apply(Change(deliveries=(row,)), round_.lease)
    claimed = round_.parts.ledger.claim([row.id], "", round_.lease)
    return claimed[0] if claimed else None


def _note(round_: Round, row: Delivery, grounds: Mapping[str, Any]) -> Delivery:
    """Written before the act: what it rested on is known even if nobody lives to record its end."""
    row = replace(row, payload={"evidence": grounds})
    claimed = replace(row, state=DeliveryState.CLAIMED)
    round_.parts.ledger.apply(Change(deliveries=(claimed,)), round_.lease)
    return row


def _mutate(round_: Round, act: Act, fresh: Credential) -> None:
    """Whatever may wait for the ledger comes first: the last look is at the lease."""
    _in_time(round_)
    use(round_, act)
    try:
        unpaused(round_.parts.ledger.paused())
        _in_time(round_)  # again: the ledger may have kept us waiting
        _call(round_, act.verb, act.account, fresh)
    except Ambiguous:
        if not _took_effect(round_, act):
            raise
    except KeystewardError:
        give_back(round_, act)
        raise


def _in_time(round_: Round) -> None:
    if round_.lease.remaining() <= ACT_TIMEOUT.total_seconds():
        raise Held("lease", "too little of the lease is left")
    if round_.parts.stop.is_set():
        raise Held("stopping", "the service is stopping")
    if round_.parts.outdated():
        raise Held(OUTDATED, NEXT_RUN)


def _call(round_: Round, verb: Verb, account: Account, fresh: Credential) -> None:
    assert fresh.id  # noqa: S101 - a live credential has its id
    if verb is Verb.DEACTIVATE:
        round_.parts.actor.deactivate(account, fresh.user, fresh.id)
    elif verb is Verb.DELETE:
        round_.parts.actor.delete(account, fresh.user, fresh.id)
    else:
        raise Held("changed", f"{verb} is no act on a key")


def _took_effect(round_: Round, act: Act) -> bool:
    try:
        seen = round_.parts.reader.read(
            act.account, act.credential.user, act.credential.id or "", round_.parts.clock.now()
        )
    except KeystewardError:
        return False
    return took_effect(act.verb, seen)


def took_effect(verb: Verb, seen: Credential | None) -> bool:
    """Whether the live key shows that ``verb`` was carried out."""
    if verb is Verb.DELETE:
        return seen is None
    return seen is not None and seen.status == INACTIVE


def _failed(round_: Round, act: Act, row: Delivery, error: KeystewardError) -> HeldAct:
    state = DeliveryState.AMBIGUOUS if isinstance(error, Ambiguous) else DeliveryState.FAILED
    unclear = "it may have been carried out" if state is DeliveryState.AMBIGUOUS else "it was not carried out"
    event = event_of(round_, row, act.finding, "act_failed", f"{act.verb}: {error} ({unclear})")
    _settle(round_, row, state, str(error), Change(events=(event,), canary=failed(round_, act)))
    round_.parts.counts.add("actions_total", action=act.verb.value, outcome="failed")
    what = f"{act.verb} {act.credential.masked} of {act.credential.user} in {act.account.label}"
    round_.tally.failures.append(f"{what} failed: {error}")
    log.error("act failed", **log_fields(action=act.verb.value, finding=act.finding.id, error=str(error)))
    return held(act, "act_failed", str(error))


def _forget(round_: Round, act: Act) -> None:
    """Else the same memory would plan the same act for weeks, and count towards the brake."""
    known = without_traits(round_.parts.ledger, act.account.id, act.credential.user)
    round_.parts.ledger.apply(Change(users=(known,) if known else ()), round_.lease)


def _settle(
    round_: Round, row: Delivery, state: DeliveryState, error: str, along: Change | None = None
) -> None:
    """``along`` is written with it."""
    ended = round_.parts.clock.now() if state is DeliveryState.CANCELLED else None
    settled = replace(row, state=state, settled_at=ended, error=error)
    round_.parts.ledger.apply(replace(along or Change(), deliveries=(settled,)), round_.lease)
