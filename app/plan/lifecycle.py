"""How a finding opens, starts over, rests and ends."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from app.model import (
    ACTIVE,
    INACTIVE,
    UNDELIVERED,
    Delivery,
    DeliveryState,
    Finding,
    FindingState,
    Mode,
    Verb,
)
from app.plan import render
from app.plan.actions import Judged
from app.plan.context import Subject
from app.plan.draft import Draft
from app.plan.notices import (
    EXEMPTION_STAGE,
    Slot,
    buried,
    due_slots,
    fill,
    is_replaceable,
    is_warning,
    new_delivery,
    superseded,
    tells_what_was_done,
)
from app.policy.evaluate import Decision
from app.policy.rules import Age, Stage

EXEMPTION_WARNING = timedelta(days=14)
RESOLVED_STAGE = "resolved"


def open_finding(
    draft: Draft, subject: Subject, decision: Decision, old: Finding | None, again: bool
) -> Finding:
    """The finding of this episode: the running one, or a new episode on the same finding.

    A new one begins at first sight, after a resolution, when the key was reactivated or its exemption lapsed,
    and when it comes back onto a ladder that it had left: old notices then count for nothing.
    """
    if old and not again and old.state in (FindingState.OPEN, FindingState.SUSPENDED):
        return _goes_on(draft, decision, old)
    return _new_episode(draft, subject, decision, old)


def _goes_on(draft: Draft, decision: Decision, old: Finding) -> Finding:
    """A quiet time ends by a clock that holds: whoever is told afresh is told after its end."""
    quiet = _was_quiet(old, decision)
    if quiet and not draft.ctx.clock_holds:
        return old
    fresh = draft.ctx.now if quiet else old.fresh_after
    return replace(old, state=FindingState.OPEN, fresh_after=fresh, mode=decision.mode)


def _was_quiet(old: Finding, decision: Decision) -> bool:
    """Whether its people could take it for over: it was suspended, or nothing was to happen for a time."""
    raised = decision.mode is Mode.ENFORCE and old.mode in (Mode.OBSERVE, Mode.NOTIFY)
    return raised or old.state is FindingState.SUSPENDED


def _new_episode(draft: Draft, subject: Subject, decision: Decision, old: Finding | None) -> Finding:
    finding = replace(_blank(draft, subject, old), mode=decision.mode)
    draft.event("finding_opened", finding, f"episode {finding.episode}: {decision.reason.text}")
    if old:
        rows = draft.ctx.view.deliveries.get(old.id, ())
        draft.put(superseded(rows, set(), draft.ctx.now, lambda d: True))
        draft.put(buried(rows, draft.ctx.now))
    return finding


def _blank(draft: Draft, subject: Subject, old: Finding | None) -> Finding:
    finding = Finding.opened(subject.account, subject.credential, draft.ctx.now)
    if old is None:
        return finding
    return replace(finding, episode=old.episode + 1, refs=old.refs, revision=old.revision)


def snoozed(draft: Draft, subject: Subject) -> bool:
    snooze = draft.ctx.view.snoozes.get(subject.credential.uid)
    return snooze is not None and snooze.until > draft.ctx.now


def withhold(draft: Draft, finding: Finding) -> None:
    """What waits for another attempt waits for a run that can judge its key again, or may speak of it."""
    waiting = (d for d in draft.history(finding) if d.state in UNDELIVERED and d.next_attempt_at)
    draft.put(replace(d, next_attempt_at=None) for d in waiting)


def left_the_ladder(draft: Draft, finding: Finding) -> Finding:
    """No stage applies to an Active key any more: nothing is sent, and coming back starts from zero."""
    if finding.state not in (FindingState.OPEN, FindingState.SUSPENDED):
        return finding
    rested = replace(finding, state=FindingState.DORMANT, due_at=None)
    draft.event("finding_dormant", finding, "no stage applies any more")
    draft.keep(rested)
    draft.put(superseded(draft.history(finding), set(), draft.ctx.now, is_replaceable))
    return rested


def inactive(draft: Draft, subject: Subject, decision: Decision, finding: Finding) -> Finding:
    """A key that is not Active any more: resolved, unless its ladder goes on to delete it."""
    waits = subject.credential.status == INACTIVE and decision.rule is not None and decision.rule.deletes
    if not waits:
        return resolve(draft, finding, f"the key is {subject.credential.status}")
    if finding.state is FindingState.RESOLVED:
        return finding
    resend_what_was_done(draft, finding)
    draft.put(superseded(draft.history(finding), set(), draft.ctx.now, is_replaceable))
    return finding


def resend_what_was_done(draft: Draft, finding: Finding) -> None:
    draft.send += [d.id for d in draft.history(finding) if d.state in UNDELIVERED and tells_what_was_done(d)]


def resolve(draft: Draft, finding: Finding, why: str) -> Finding:
    """On proof: the id is gone, the key is not Active, or it is exempt. Closes the ticket."""
    if finding.state is FindingState.RESOLVED:
        return finding
    now = draft.ctx.now
    ended = replace(finding, state=FindingState.RESOLVED, resolved_at=now, reason=why, due_at=None)
    draft.keep(ended)
    draft.event("finding_resolved", finding, why)
    draft.put(superseded(draft.history(finding), set(), now, is_replaceable))
    draft.put(buried(draft.history(finding), now))
    resend_what_was_done(draft, finding)
    for row in _closings(draft, ended, why):
        draft.put_and_send(row)
    return ended


def finish_resolution(draft: Draft, finding: Finding) -> None:
    """Sends what an outage, a pause or a crash kept of a resolution: nobody reads its user live any more."""
    resend_what_was_done(draft, finding)
    draft.send += [d.id for d in draft.history(finding) if d.verb is Verb.RESOLVE and d.state in UNDELIVERED]


def _closings(draft: Draft, finding: Finding, why: str) -> Iterable[Delivery]:
    """One closing for each sink that keeps a ticket of this finding, or may keep one."""
    rows = draft.history(finding)
    maybe = {d.sink for d in rows if d.may_have_arrived}
    closed = {d.sink for d in rows if d.verb is Verb.RESOLVE and d.state is DeliveryState.DELIVERED}
    facts = draft.ctx.view.facts.get(finding.uid)
    for sink in sorted(draft.ctx.sinks.tickets & (set(finding.refs) | maybe) - closed):
        notice = render.resolved(finding, facts, why, draft.ctx.now)
        row = new_delivery(finding, RESOLVED_STAGE, 1, sink, Verb.RESOLVE, draft.ctx.now)
        yield replace(row, payload=notice.to_json())


def suspend(draft: Draft, findings: Iterable[Finding], why: str) -> None:
    """Nobody is told for a time: the findings wait, and are told afresh before anything happens."""
    for finding in findings:
        if finding.state is FindingState.OPEN:
            draft.keep(replace(finding, state=FindingState.SUSPENDED))
            draft.event("finding_suspended", finding, why)


def exempted(draft: Draft, subject: Subject, decision: Decision, finding: Finding | None) -> Judged:
    """Resolves what was open; 14 days before the exemption's end its owner is warned once."""
    if finding:
        finding = resolve(draft, finding, decision.reason.text)
    until = decision.rule.exemption.until if decision.rule and decision.rule.exemption else None
    if until and draft.ctx.now >= until - EXEMPTION_WARNING and not snoozed(draft, subject):
        finding = _warn_of_lapse(draft, subject, decision, finding, until)
    return Judged(subject.account, subject.credential, "exempt", decision, finding)


def _warn_of_lapse(
    draft: Draft, subject: Subject, decision: Decision, finding: Finding | None, until: datetime
) -> Finding | None:
    """Tells the owner on the first chatty sinks of the ladder that waits behind the exemption."""
    ladder = decision.next_rule.stages if decision.next_rule else ()
    tickets = draft.ctx.sinks.tickets
    talk = ([sink for sink in stage.notify if sink not in tickets] for stage in ladder if stage.do is None)
    chatty = [(sink, None) for sink in next(filter(None, talk), [])]
    if not chatty or subject.credential.status != ACTIVE:
        return finding
    known = finding or _closed(draft, subject, decision)
    draft.keep(known)
    stage, history = Stage(f"{EXEMPTION_STAGE}-{until:%Y-%m-%d}", Age(timedelta(0))), draft.history(known)
    rows = [
        fill(slot, _lapse_row(draft, subject, decision, known, until, slot))
        for slot in due_slots(stage, chatty, history, draft.ctx.now)
    ]
    for row in rows:
        draft.put_and_send(row)
    draft.put(superseded(history, {row.id for row in rows}, draft.ctx.now, is_warning))
    return known


def _lapse_row(
    draft: Draft, subject: Subject, decision: Decision, finding: Finding, until: datetime, slot: Slot
) -> Delivery:
    now = draft.ctx.now
    notice = render.exemption_ends(subject.account, subject.credential, finding, decision, until, now)
    stage = f"{EXEMPTION_STAGE}-{until:%Y-%m-%d}"
    row = new_delivery(finding, stage, slot.occurrence, slot.sink, Verb.NOTIFY, now)
    recipient = draft.ctx.recipient(decision.owner, slot.sink)
    return replace(row, recipient=recipient, payload=notice.to_json())


def _closed(draft: Draft, subject: Subject, decision: Decision) -> Finding:
    """A finding that was never open: it only carries the exemption's warning."""
    return replace(
        _blank(draft, subject, None),
        state=FindingState.RESOLVED,
        resolved_at=draft.ctx.now,
        rule=decision.rule.name if decision.rule else "",
        owner=decision.owner.address if decision.owner else "",
        reason=decision.reason.text,
    )
