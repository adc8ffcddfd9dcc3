"""Everything again, on the live key, just before an act: what can't be read or has changed is held."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.errors import Held, KeystewardError
from app.ledger.interface import LedgerView
from app.model import Credential, Delivery, Mode, Pause
from app.plan.actions import Act
from app.plan.climb import FITS
from app.plan.facts import inactive_since
from app.plan.require import Told, day, met_by, missing
from app.policy.evaluate import Decision, evaluate
from app.service.grounds import grounds_of
from app.service.lookup import view_of
from app.service.settle import Round


@dataclass(frozen=True, slots=True)
class Checked:
    """The live key that passed every check, and what these found."""

    fresh: Credential
    decision: Decision
    grounds: Mapping[str, Any]


def check(round_: Round, act: Act) -> Checked:
    """Status, creation, last use, tags, groups, path, policy, notices. Raises `Held`."""
    parts, now = round_.parts, round_.parts.clock.now()
    fresh = _read(round_, act)
    view = view_of(parts.ledger, fresh.account_id)
    since = inactive_since(view.facts.get(fresh.uid), fresh, now)
    decision = evaluate(parts.policy, act.account, fresh, since, now, view.refused(fresh.uid, now))
    _same_key(act, fresh)
    _same_decision(act, decision)
    notices = _told(round_, act, fresh, decision, view, since, now)
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
    since: datetime | None,
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
    if round_.parts.wrong_by():
        raise Held("clock", "the clock differs from AWS's")
    unpaused(view.pause)
    window = next((w for w in round_.ctx.limits.freeze if w.covers(now)), None)
    if window:
        raise Held("freeze", f"freeze window {window.text}")


def unpaused(pause: Pause | None) -> None:
    if pause:
        raise Held("pause", pause.text)
