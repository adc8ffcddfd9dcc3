"""Deactivation and deletion: each act names one key, re-reads it live, and asks every question again.

Unlike notices, acts fail closed: what can't be read or has changed is held, with the reason.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app.errors import Ambiguous, Held, KeystewardError, LedgerError, StaleLease
from app.ledger.interface import Change, LedgerView
from app.model import (
    INACTIVE,
    Account,
    Credential,
    Delivery,
    DeliveryState,
    Do,
    Event,
    Facts,
    Finding,
    Mode,
    Pause,
    Verb,
)
from app.plan import render
from app.plan.actions import Act, HeldAct, held
from app.plan.climb import FITS, goal_of
from app.plan.draft import SERVICE
from app.plan.notices import is_unsettled_act, new_delivery
from app.plan.require import Told, day, earliest, met_by, missing
from app.policy.evaluate import Decision, evaluate
from app.policy.rules import Rule, Stage
from app.policy.stages import stage_due
from app.service.grounds import grounds_of
from app.service.licence import by_whom, failed, give_back, tried, use
from app.service.lookup import view_of, without_traits
from app.service.parts import ACT_TIMEOUT
from app.service.settle import Round
from app.telemetry import log_fields

log = logging.getLogger(__name__)

SINK = "deactivation"
DONE = {Verb.DEACTIVATE: "deactivated", Verb.DELETE: "deleted"}
# Held for these, the live key is not what was remembered of it.
OTHERWISE = ("gone", "changed", "notices")


def perform(round_: Round, act: Act) -> HeldAct | list[str]:
    """Does ``act`` if every check holds now. Returns what was held, or the ids of the notices to send."""
    parts = round_.parts
    row = _claim(round_, act)
    if row is None:
        _forget(round_, act)
        return held(act, "done_already", "it was carried out already")
    try:
        checked = _check(round_, act)
        row = _note(round_, row, checked.grounds)
        _mutate(round_, act, checked.fresh)
    except Held as why:
        # An earlier attempt that may have taken effect still may have.
        lost = row.state is DeliveryState.AMBIGUOUS
        _settle(round_, row, row.state if lost else DeliveryState.CANCELLED, f"held: {why}")
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


@dataclass(frozen=True, slots=True)
class Checked:
    """The live key that passed every check, and what these found."""

    fresh: Credential
    decision: Decision
    grounds: Mapping[str, Any]


def _check(round_: Round, act: Act) -> Checked:
    """Everything again, on the live key: status, creation, last use, tags, groups, path, policy, notices."""
    parts, now = round_.parts, round_.parts.clock.now()
    fresh = _read(round_, act)
    view = view_of(parts.ledger, fresh.account_id)
    facts = view.facts.get(fresh.uid)
    since = facts.inactive_since if facts else None
    decision = evaluate(parts.policy, act.account, fresh, since, now, view.refused(fresh.uid, now))
    _same_key(act, fresh)
    _same_decision(act, decision)
    notices = _told(round_, act, fresh, decision, view, facts, now)
    _unhindered(round_, act, fresh, view, now)
    return Checked(fresh, decision, grounds_of(parts.policy, fresh, decision, act.stage, since, notices))


def _read(round_: Round, act: Act) -> Credential:
    key_id = act.credential.id or ""
    try:
        fresh = round_.parts.reader.read(act.account, act.credential.user, key_id, round_.parts.clock.now())
    except KeystewardError as error:
        raise Held("unreadable", f"the key could not be read again: {error}") from None
    if fresh is None:
        raise Held("gone", "the key is gone")
    return fresh


def _same_key(act: Act, fresh: Credential) -> None:
    do = act.stage.do
    if do is None or fresh.status != FITS[do]:
        raise Held("changed", f"its status is {fresh.status} now")
    if fresh.created != act.credential.created or fresh.id != act.credential.id:
        raise Held("changed", "its creation date is not the one that was judged")
    if fresh.unreadable or fresh.tags is None or fresh.groups is None:
        raise Held("unreadable", fresh.unreadable or "its tags or groups could not be read")
    if fresh.last_used.state == "unknown":
        raise Held("last_use_unknown", f"its last use could not be read: {fresh.last_used.why_unknown}")


def _same_decision(act: Act, decision: Decision) -> None:
    same = (
        decision.rule is not None
        and decision.rule.name == act.rule.name
        and decision.stage is not None
        and decision.stage.name == act.stage.name
        and decision.mode is Mode.ENFORCE
    )
    if not same:
        raise Held("changed", f"the policy says otherwise now: {decision.reason.text}")


def _told(
    round_: Round,
    act: Act,
    fresh: Credential,
    decision: Decision,
    view: LedgerView,
    facts: Facts | None,
    now: datetime,
) -> Sequence[Delivery]:
    """The notices that met `require`."""
    snooze = view.snoozes.get(fresh.uid)
    if snooze and snooze.until > now:
        raise Held("snooze", f"snoozed until {day(snooze.until)}")
    finding = view.findings.get(fresh.uid)
    if finding is None or finding.episode != act.finding.episode:
        raise Held("changed", "its finding has changed meanwhile")
    rows = view.deliveries.get(finding.id, ())
    since = facts.inactive_since if facts else None
    accepted = round_.ctx.accepted(decision.owner)
    disowned_at = view.disowned_at(fresh.uid)
    told = Told.of(rows, accepted, decision.owner, finding, snooze, since, act.stage, disowned_at)
    lacking = missing(act.stage, told, now)
    if lacking:
        raise Held("notices", lacking.text)
    return met_by(act.stage, told, now)


def _unhindered(round_: Round, act: Act, fresh: Credential, view: LedgerView, now: datetime) -> None:
    if round_.ctx.own.is_self(fresh):
        raise Held("own_credentials", "this is the service's own credential")
    _unpaused(view.pause)
    window = next((w for w in round_.ctx.limits.freeze if w.covers(now)), None)
    if window:
        raise Held("freeze", f"freeze window {window.text}")


def _unpaused(pause: Pause | None) -> None:
    if pause:
        raise Held("pause", pause.text)


def _mutate(round_: Round, act: Act, fresh: Credential) -> None:
    """Whatever takes its time comes first: between the last looks and the act is one request."""
    round_.parts.actor.ready(act.account)
    _in_time(round_)
    use(round_, act)
    try:
        _in_time(round_)  # again: that write may have waited for another process's
        _unpaused(round_.parts.ledger.paused())
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


def event_of(round_: Round, row: Delivery, finding: Finding, what: str, detail: str) -> Event:
    """Of an act, with what it rested on."""
    about = {"account_id": finding.account_id, "finding_id": finding.id, "key": finding.masked}
    known = {"user": finding.user, "episode": row.episode, **row.payload}
    return round_.parts.event(SERVICE, what, detail, **about, data=known)


def record_done(
    round_: Round,
    row: Delivery,
    account: Account,
    credential: Credential,
    finding: Finding,
    decision: Decision,
    stage: Stage,
    how: str = "done",
) -> list[str]:
    """Writes the success and its notices in one transaction; returns the ids of the notices."""
    now = round_.parts.clock.now()
    current = round_.book.get(finding.id) or finding
    settled = replace(row, state=DeliveryState.DELIVERED, settled_at=now, error="", receipt={"how": how})
    old = round_.parts.ledger.account(credential.account_id).facts.get(credential.uid)
    facts = (_facts_after(old, now),) if old and row.verb is Verb.DEACTIVATE else ()
    coming = _then(round_, credential, finding, decision.rule, stage, now)
    notices = _tell(account, credential, current, decision, stage, coming, now)
    ended = replace(current, stage=stage.name, due_at=coming.at if coming else None)
    what = DONE[row.verb]
    event = event_of(round_, row, finding, what, f"{decision.reason.text} ({how})")
    rows = (settled, *notices)
    known = without_traits(round_.parts.ledger, account.id, credential.user)  # no report proves a deletion
    users = (known,) if known else ()
    canary = tried(round_, row.verb, account, credential)
    change = Change(
        facts=facts, findings=(ended,), deliveries=rows, events=(event,), users=users, canary=canary
    )
    round_.parts.ledger.apply(change, round_.lease)
    round_.tally.acted[row.verb.value] += 1
    round_.parts.counts.add("actions_total", action=row.verb.value, outcome="success")
    log.info(what, **log_fields(finding=finding.id, key=credential.masked, account=account.id, how=how))
    return [notice.id for notice in notices]


def _facts_after(old: Facts, now: datetime) -> Facts:
    return replace(old, status=INACTIVE, inactive_since=now, deactivated_at=now)


def _then(
    round_: Round, credential: Credential, finding: Finding, rule: Rule | None, stage: Stage, now: datetime
) -> render.Coming | None:
    """The deletion that follows a deactivation, if the ladder has one."""
    goal = goal_of(rule, stage, INACTIVE) if rule and stage.do is Do.DEACTIVATE else None
    if goal is None or goal.do is None:
        return None
    after = replace(credential, status=INACTIVE)
    at = earliest(goal, stage_due(goal, after, now), Told(since=now), now)
    return render.Coming(goal.do, at) if at else None


def _tell(
    account: Account,
    credential: Credential,
    finding: Finding,
    decision: Decision,
    stage: Stage,
    coming: render.Coming | None,
    now: datetime,
) -> Sequence[Delivery]:
    verb = Verb.NOTIFY
    payload = render.done(account, credential, finding, decision, stage, coming, now).to_json()
    owner = decision.owner.address if decision.owner else ""
    return [
        replace(
            new_delivery(finding, stage.name, 1, sink, verb, now),
            recipient=owner,
            names_date=coming.at if coming else None,
            enforced=True,
            payload=payload,
        )
        for sink in stage.notify
    ]
