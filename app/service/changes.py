"""What people change by command: snooze, unsnooze, pause, resume, restore. Each is audited by name."""

from dataclasses import replace
from datetime import datetime, timedelta

from app.errors import KeystewardError, LedgerError, Paused, Permanent, StaleLease
from app.ledger.interface import Change, Lease, LedgerView
from app.model import (
    ACTIVE,
    Account,
    DeliveryState,
    Event,
    Facts,
    Finding,
    FindingState,
    Pause,
    Snooze,
    mask,
)
from app.plan.require import day
from app.service.lookup import find_one, view_of
from app.service.parts import ACT_TIMEOUT, Parts

RESTORE_SNOOZE = timedelta(days=7)
LEASE_WAIT = timedelta(seconds=30)


def snooze(parts: Parts, key: str, span: timedelta, by: str, reason: str) -> str:
    """Puts one ladder on hold. Raises `NotFound` or `AmbiguousKey`."""
    now = parts.clock.now()
    facts = find_one(parts.ledger, key)
    old = parts.ledger.frame().snoozes.get(facts.uid)
    episode, since = (old.episode, old.since) if old else (0, None)  # the owner's own limit goes on counting
    put = Snooze(facts.uid, now + span, by, reason, now, episode, since)
    event = _event(parts, facts, "snoozed", by, f"until {day(put.until)}: {reason}")
    parts.ledger.apply(Change(snoozes=(put,), events=(event,)))
    return f"{event.key} of {facts.user} is snoozed until {day(put.until)}"


def unsnooze(parts: Parts, key: str, by: str) -> str:
    """Ends a snooze now; a new dated notice still precedes any act by 24 h."""
    now = parts.clock.now()
    facts = find_one(parts.ledger, key)
    old = parts.ledger.frame().snoozes.get(facts.uid)
    if old is None or old.until <= now:
        return f"{_masked(facts)} of {facts.user} is not snoozed"
    event = _event(parts, facts, "unsnoozed", by, "")
    parts.ledger.apply(Change(snoozes=(replace(old, until=now),), events=(event,)))
    return f"{event.key} of {facts.user} is not snoozed any more"


def pause(parts: Parts, by: str, reason: str) -> str:
    """The last word holds: another pause takes the place of the one before."""
    now, before = parts.clock.now(), parts.ledger.paused()
    parts.ledger.pause(Pause(by, reason, now), parts.event(by, "paused", reason))
    again = f" (it was {before.text})" if before else ""
    return f"Paused: nothing is sent or done on any replica; scanning goes on{again}"


def resume(parts: Parts, by: str) -> str:
    before = parts.ledger.paused()
    if before is None:
        return "It is not paused: nothing to resume"
    parts.ledger.pause(None, parts.event(by, "resumed"))
    return f"Resumed (it was {before.text})"


def restore(parts: Parts, key: str, by: str, reason: str) -> str:
    """Reactivates a key that this service deactivated, and snoozes it for 7 days.

    Works in every mode and obeys `pause`. Raises `Permanent` when there is nothing to restore.
    """
    _obey_pause(parts)
    facts = find_one(parts.ledger, key)
    if facts.deactivated_at is None:
        raise Permanent(f"{_masked(facts)} of {facts.user} was not deactivated by this service")
    account = account_of(parts, facts.account_id)
    with parts.ledger.lease(parts.holder, LEASE_WAIT) as lease:
        if lease is None:
            raise LedgerError("a run is under way and has not ended for 30 s: try again")
        _obey_pause(parts)  # again: somebody may have paused while this waited
        return _restore(parts, facts, account, by, reason, lease)


def _obey_pause(parts: Parts) -> None:
    paused = parts.ledger.paused()
    if paused:
        raise Paused(f"{paused.text}; `keysteward resume` goes on")


def _restore(parts: Parts, facts: Facts, account: Account, by: str, reason: str, lease: Lease) -> str:
    view = view_of(parts.ledger, account.id)  # again: a run may have ended meanwhile
    now = parts.clock.now()
    parts.actor.ready(account)
    _obey_pause(parts)  # once more: the next request is the act
    if lease.remaining() <= ACT_TIMEOUT.total_seconds():  # last: the ledger may have kept us waiting
        raise StaleLease("too little of the lease is left: try again")
    parts.actor.activate(account, facts.user, facts.key_id)
    finding = view.findings.get(facts.uid)
    until = max(now + RESTORE_SNOOZE, _snoozed_until(view, facts) or now)
    event = _event(parts, facts, "restored", by, reason)
    known = view.facts.get(facts.uid, facts)
    change = Change(
        # Active from now on: should it be seen Inactive again, its quiet period begins anew.
        facts=(replace(known, status=ACTIVE, inactive_since=None, deactivated_at=None),),
        findings=_ended(finding),
        deliveries=tuple(
            replace(d, state=DeliveryState.CANCELLED, settled_at=now, error="restored")
            for d in (view.deliveries.get(finding.id, ()) if finding else ())
            if d.state in (DeliveryState.PENDING, DeliveryState.FAILED, DeliveryState.AMBIGUOUS)
        ),
        snoozes=(Snooze(facts.uid, until, by, f"restored: {reason}", now),),
        events=(event,),
    )
    parts.ledger.apply(change, lease)
    return f"{event.key} of {facts.user} in {account.label} is active again, and snoozed until {day(until)}"


def _ended(finding: Finding | None) -> tuple[Finding, ...]:
    """Its episode is over: the next notice begins a new one on the same ticket.

    A resolved one too: its ticket may not be closed yet, so its key must be watched again.
    """
    if finding is None:
        return ()
    return (replace(finding, state=FindingState.DORMANT, due_at=None, resolved_at=None),)


def _snoozed_until(view: LedgerView, facts: Facts) -> datetime | None:
    snooze = view.snoozes.get(facts.uid)
    return snooze.until if snooze else None


def account_of(parts: Parts, account_id: str) -> Account:
    """The account with its roles. Raises `Permanent` when it isn't configured (any more)."""
    known = parts.known_account(account_id)
    if known:
        return known
    found = next((a for a in parts.accounts.list().accounts if a.id == account_id), None)
    if found is None:
        raise Permanent(f"account {account_id} is not among the configured accounts")
    return found


def caller(parts: Parts) -> str:
    """The default of `--by`: the caller's ARN, or why it is not known."""
    try:
        return parts.hub().arn
    except KeystewardError:
        return "unknown (no AWS identity)"


def _event(parts: Parts, facts: Facts, what: str, by: str, detail: str) -> Event:
    about = {"account_id": facts.account_id, "finding_id": Finding.id_for(facts.uid), "key": _masked(facts)}
    return parts.event(by, what, detail, **about, data={"user": facts.user})


def _masked(facts: Facts) -> str:
    return mask(facts.key_id)
