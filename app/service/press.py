"""What a press of a button does. Who presses is checked here, on this side, and every press is audited."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.errors import KeystewardError, Paused
from app.ledger.interface import Change, Lease, LedgerView
from app.model import (
    ACTIVE,
    Account,
    Credential,
    Delivery,
    Event,
    Facts,
    Finding,
    FindingState,
    Reason,
    Refusal,
    Snooze,
    Verb,
    redact,
)
from app.plan.build import plan_for_one
from app.plan.conceal import conceal_text
from app.plan.require import day
from app.plan.snoozing import owner_snooze
from app.policy.evaluate import use_clause
from app.policy.owner import fallback_of
from app.policy.rules import SnoozeLimit
from app.service import changes
from app.service.book import Book
from app.service.deliver import deliver
from app.service.lookup import view_of
from app.service.parts import Parts, Tally
from app.service.run_once import context
from app.service.settle import Round
from app.sinks.presses import Answer, Button, Handler, Press
from app.telemetry import log_fields

log = logging.getLogger(__name__)

# A run under way keeps the lease: an answer doesn't wait for it, what it would have done the next run does.
PATIENCE = timedelta(seconds=1)


class Refused(Exception):
    """The press is turned down: the message says why to the presser."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Who may answer for everybody, and how long a deactivation can be taken back by a button."""

    admins: frozenset[str] = frozenset()  # e-mail addresses
    restore_within: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Case:
    """What a press is about, as the ledger knows it now."""

    parts: Parts
    press: Press
    view: LedgerView
    finding: Finding
    facts: Facts | None
    owners: tuple[str, ...]  # who answers for it, then who is asked next
    now: datetime


def handler(parts: Parts, limits: Limits) -> Handler:
    """Answers presses. It never raises: a fault is an answer too."""

    def answer(press: Press) -> Answer:
        try:
            said = _answer(parts, press, limits)
        except KeystewardError as error:
            said = _failed(parts, press, Answer(f"That did not work: {redact(str(error))}"))
        except Exception:
            log.exception("press failed", **log_fields(finding=press.finding_id, button=press.button.value))
            said = Answer("That did not work, and it is our fault: the log tells more. Nothing was changed.")
        return replace(said, text=conceal_text(said.text, parts.shown_characters))

    return answer


def _failed(parts: Parts, press: Press, answer: Answer) -> Answer:
    """The ledger itself may be what fails: then the log alone is told."""
    try:
        return _audited(parts, press, "press_failed", answer, parts.ledger.finding(press.finding_id))
    except KeystewardError as error:
        text = redact(str(error))
        log.error("press not audited", **log_fields(by=press.presser.id, answer=answer.text, error=text))
        return answer


def _answer(parts: Parts, press: Press, limits: Limits) -> Answer:
    acts: dict[Button, Callable[[Case], Answer]] = {
        Button.ROTATED: _rotated,
        Button.SNOOZE: _snooze,
        Button.NOT_MINE: _not_mine,
        Button.RESTORE: lambda case: _restore(case, limits.restore_within),
    }
    finding = parts.ledger.finding(press.finding_id)
    try:
        return acts[press.button](_case(parts, press, limits, finding))
    except Refused as refused:
        return _audited(parts, press, "press_refused", Answer(str(refused)), finding)


def _case(parts: Parts, press: Press, limits: Limits, known: Finding | None) -> Case:
    """The subject of the press. Raises `Refused` when there is none, or when it isn't the presser's."""
    if known is None:
        raise Refused("This notice is about a key that is not known here (any more).")
    view, now = view_of(parts.ledger, known.account_id), parts.clock.now()
    finding = view.findings[known.uid]
    owners = _owners(view, finding, now)
    case = Case(parts, press, view, finding, view.facts.get(finding.uid), owners, now)
    _authorized(case, limits)
    if finding.episode != press.episode:
        raise Refused("This notice is out of date: a newer one has taken its place.")
    return case


def _owners(view: LedgerView, finding: Finding, now: datetime) -> tuple[str, ...]:
    """Whom the latest notice named, without those who have said since that it isn't theirs."""
    latest = _latest(view, finding)
    named = [finding.owner] if latest is None else _named(latest)
    refused = view.refused(finding.uid, now)
    return tuple(address for address in named if address and address.casefold() not in refused)


def _latest(view: LedgerView, finding: Finding) -> Delivery | None:
    rows = [d for d in view.deliveries.get(finding.id, ()) if d.payload.get("owner")]
    return max(rows, key=lambda d: d.created_at, default=None)


def _named(row: Delivery) -> list[str]:
    return [str(row.payload["owner"]), *(str(pair[0]) for pair in row.payload.get("next_owners", ()))]


def _authorized(case: Case, limits: Limits) -> None:
    """The owner and the admins, by the address that the chat vouches for; and the fallback, who may have
    been told in the owner's place, for all but what reactivates a key."""
    fallback = fallback_of(case.parts.policy.owners) if case.press.button is not Button.RESTORE else None
    allowed = {a.casefold() for a in (*case.owners[:1], *limits.admins, fallback) if a}
    if case.press.presser.email.casefold() not in allowed:
        who = case.owners[0] if case.owners else "its owner"
        raise Refused(f"Only {who} and Keysteward's admins can do that.")


# --- the four buttons ---------------------------------------------------------------------------------


def _rotated(case: Case) -> Answer:
    """Reads the key now and says what there is; resolves the finding when that is proof."""
    finding = case.finding
    if finding.state is FindingState.RESOLVED:
        return Answer(f"It is resolved already: {finding.reason}.")
    account = changes.account_of(case.parts, finding.account_id)
    fresh = case.parts.reader.read(account, finding.user, finding.key_id, case.now)
    if fresh and fresh.status == ACTIVE:
        used = use_clause(fresh.last_used, case.now)
        key = f"Key {finding.masked} of {finding.user}"
        text = f"{key} is still Active, {used}. Deactivate it when nothing uses it any more."
        return _audited(case.parts, case.press, "said_rotated", Answer(text), finding)
    seen = "is gone" if fresh is None else f"is {fresh.status}"
    closed = _resolve(case, account, fresh)
    answer = Answer(_thanks(finding, seen, closed), done=True)
    return _audited(case.parts, case.press, "said_rotated", answer, finding)


def _thanks(finding: Finding, seen: str, closed: bool | None) -> str:
    what = f"Thank you: key {finding.masked} of {finding.user} {seen}."
    if closed is None:
        return f"{what} The next run closes the case."
    return f"{what} The case is closed." if closed else f"{what} The case stays open until it is deleted."


def _resolve(case: Case, account: Account, fresh: Credential | None) -> bool | None:
    """Whether the finding is resolved now; None: another run is at work and will see it."""
    parts = case.parts
    if case.view.pause:
        return None
    with parts.ledger.lease(parts.holder, PATIENCE) as lease:
        return None if lease is None else _conclude(case, account, fresh, lease)


def _conclude(case: Case, account: Account, fresh: Credential | None, lease: Lease) -> bool | None:
    parts = case.parts
    ctx = context(parts, parts.hub(), view_of(parts.ledger, account.id), case.now)
    plan = plan_for_one(ctx, account, case.finding.uid, fresh)
    parts.ledger.apply(plan.change, lease)
    closings = [d.id for d in plan.change.deliveries if d.verb is Verb.RESOLVE and d.id in plan.send]
    with suppress(Paused):  # since the look at it: the next run closes what is resolved now
        deliver(Round(parts, ctx, lease, Book(parts.ledger), Tally()), closings)
    resolved = any(f.id == case.finding.id and f.state is FindingState.RESOLVED for f in plan.change.findings)
    return resolved or (None if fresh is None else False)


def _snooze(case: Case) -> Answer:
    finding, press = case.finding, case.press
    if finding.state is not FindingState.OPEN:
        raise Refused("There is nothing to snooze: the key is on no ladder now.")
    if not press.reason.strip():
        raise Refused("A snooze needs a reason.")
    rule = next((r for r in case.parts.policy.rules if r.name == finding.rule), None)
    limit = rule.snooze if rule else SnoozeLimit(timedelta(0))
    history = case.view.deliveries.get(finding.id, ())
    old, reason = case.view.snoozes.get(finding.uid), redact(press.reason.strip())[:300]
    put = owner_snooze(limit, finding, history, old, case.now, press.presser.name, reason)
    if isinstance(put, Reason):
        raise Refused(f"Not snoozed: {put.text}.")
    return _put_snooze(case, put)


def _put_snooze(case: Case, put: Snooze) -> Answer:
    event = _event(case.parts, case.press, "snoozed", f"until {day(put.until)}: {put.reason}", case.finding)
    case.parts.ledger.apply(Change(snoozes=(put,), events=(event,)))
    text = f"Key {case.finding.masked} of {case.finding.user} is snoozed until {day(put.until)}."
    return Answer(f"{text} A new notice comes before anything happens.", done=True)


def _not_mine(case: Case) -> Answer:
    finding = case.finding
    if finding.state is FindingState.RESOLVED:
        return Answer(f"It is resolved already: {finding.reason}.")
    if _disowned_already(case):
        return Answer(f"It is noted already: the next run asks {(*case.owners, 'the fallback')[0]}.")
    fallback = fallback_of(case.parts.policy.owners)
    if not case.owners or case.owners[0].casefold() == (fallback or "").casefold():
        raise Refused(
            "Nobody else is named for it. Tag its user with the right owner, and the next run asks them."
        )
    owner, then = case.owners[0], (*case.owners[1:], fallback)
    gone = Refusal(owner, finding.uid, case.now, case.press.presser.name, "said that it is not theirs")
    after = next((address for address in then if address), "the fallback")
    event = _event(case.parts, case.press, "disowned", f"{owner} does not own it: {after} is asked", finding)
    case.parts.ledger.apply(Change(refusals=(gone,), events=(event,)))
    text = f"Noted: key {finding.masked} of {finding.user} is not {owner}'s. The next run asks {after}."
    return Answer(text, done=True)


def _disowned_already(case: Case) -> bool:
    """Whether whom the latest notice named is passed over already: the next one has not been asked yet,
    and an admin's double click must not speak for them."""
    latest, uid = _latest(case.view, case.finding), case.finding.uid
    said = ((r.address, r.at) for r in case.view.refusals.by_uid.get(uid, ()))
    return latest is not None and any(
        address == latest.payload["owner"] and at >= latest.created_at for address, at in said
    )


def _restore(case: Case, within: timedelta) -> Answer:
    finding, facts, press = case.finding, case.facts, case.press
    if facts is None or facts.deactivated_at is None:
        raise Refused(f"Key {finding.masked} of {finding.user} is not deactivated by Keysteward (any more).")
    if case.now - facts.deactivated_at > within:
        raise Refused("It is too late to restore it by a button: ask an admin for `keysteward restore`.")
    reason = press.reason.strip() or "asked for by a button"
    return Answer(
        changes.restore(case.parts, finding.id, press.presser.name, redact(reason)) + ".", done=True
    )


# --- the audit trail ----------------------------------------------------------------------------------


def _audited(parts: Parts, press: Press, what: str, answer: Answer, finding: Finding | None) -> Answer:
    event = _event(parts, press, what, f"{press.button.value}: {answer.text}", finding)
    parts.ledger.apply(Change(events=(event,)))
    log.info(what, **log_fields(finding=event.finding_id, button=press.button.value, by=press.presser.id))
    return answer


def _event(parts: Parts, press: Press, what: str, detail: str, finding: Finding | None) -> Event:
    """What a forged message claims is not written down as a finding's."""
    if finding is None:
        return parts.event(press.presser.name, what, detail)
    about = {"account_id": finding.account_id, "finding_id": finding.id, "key": finding.masked}
    return parts.event(press.presser.name, what, detail, **about, data={"user": finding.user})
