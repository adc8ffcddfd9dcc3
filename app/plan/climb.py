"""One step on the ladder for a credential that is on it."""

from dataclasses import dataclass, replace

from app.model import (
    ACTIVE,
    INACTIVE,
    Delivery,
    DeliveryState,
    Do,
    Finding,
    LastUsed,
    Mode,
    Reason,
    Verb,
)
from app.plan import render
from app.plan.actions import Act, Judged
from app.plan.context import Subject
from app.plan.draft import Draft
from app.plan.lifecycle import left_the_ladder, open_finding, resend_what_was_done, snoozed
from app.plan.notices import (
    CLOSED_STAGE,
    due_slots,
    fill,
    is_replaceable,
    is_warning,
    nearest_notice_stage,
    new_delivery,
    sinks_of,
    superseded,
)
from app.plan.require import Told, day, earliest, missing
from app.policy.evaluate import Decision
from app.policy.rules import Rule, Stage
from app.policy.stages import stage_due

VERBS = {Do.DEACTIVATE: Verb.DEACTIVATE, Do.DELETE: Verb.DELETE}
# How an act ends that failed, or was held when it came to it.
NOT_DONE = (DeliveryState.FAILED, DeliveryState.CANCELLED)
FITS = {Do.DEACTIVATE: ACTIVE, Do.DELETE: INACTIVE}  # the status that each act starts from


@dataclass(frozen=True, slots=True)
class Step:
    """The credential, its finding, and what lies ahead of it."""

    subject: Subject
    decision: Decision
    rule: Rule
    stage: Stage
    finding: Finding
    mode: Mode
    told: Told
    goal: Stage | None  # the next destructive stage
    coming: render.Coming | None  # its first possible day, named only in `enforce` and by a right clock


def climb(draft: Draft, subject: Subject, decision: Decision, old: Finding | None, again: bool) -> Judged:
    """Opens or continues the finding, then notifies, acts, or holds."""
    if snoozed(draft, subject):
        return _on_hold(draft, subject, decision, left_the_ladder(draft, old) if old and again else old)
    step = _step(draft, subject, decision, open_finding(draft, subject, decision, old, again))
    draft.keep(step.finding)
    resend_what_was_done(draft, step.finding)
    if step.stage.do is None:
        _hold_if_blind(draft, step)
        _notify(draft, step, step.stage, None)
    else:
        _destructive(draft, step)
    _insist(draft, step)
    return _judged(step)


def _on_hold(draft: Draft, subject: Subject, decision: Decision, old: Finding | None) -> Judged:
    if old and decision.stage and decision.stage.do:
        until = draft.ctx.view.snoozes[subject.credential.uid].until
        text = f"snoozed until {day(until)}"
        draft.hold("snooze", text, subject, VERBS[decision.stage.do], old)
    return Judged(subject.account, subject.credential, decision.state, decision, old)


def _step(draft: Draft, subject: Subject, decision: Decision, finding: Finding) -> Step:
    assert decision.rule  # noqa: S101 - a credential on a ladder has its rule and stage
    assert decision.stage  # noqa: S101
    own = draft.ctx.own.is_self(subject.credential)
    mode = Mode.lowest(decision.mode, Mode.NOTIFY) if own else decision.mode
    goal = goal_of(decision.rule, decision.stage, subject.credential.status)
    told = told_of(draft, subject, decision, finding, goal)
    can_tell = mode is Mode.ENFORCE and draft.ctx.clock_holds  # a day once named can't be taken back
    coming = _coming(draft, subject, goal, told) if can_tell else None
    finding = replace(
        finding,
        account=subject.account.label,
        user=subject.credential.user,
        rule=decision.rule.name,
        stage=decision.stage.name,
        owner=decision.owner.address if decision.owner else "",
        reason=decision.reason.text,
        due_at=coming.at if coming else None,
    )
    return Step(subject, decision, decision.rule, decision.stage, finding, mode, told, goal, coming)


def goal_of(rule: Rule, stage: Stage, status: str) -> Stage | None:
    """The next destructive stage from ``stage`` on that fits the key's status."""
    onward = rule.stages[rule.stages.index(stage) :]
    return next((s for s in onward if s.do and FITS[s.do] == status), None)


def told_of(draft: Draft, subject: Subject, decision: Decision, finding: Finding, goal: Stage | None) -> Told:
    """What `require` may count for this finding, now."""
    snooze = draft.ctx.view.snoozes.get(subject.credential.uid)
    accepted = draft.ctx.accepted(decision.owner)
    rows, owner = draft.history(finding), decision.owner
    disowned_at = draft.ctx.view.disowned_at(subject.credential.uid)
    return Told.of(rows, accepted, owner, finding, snooze, subject.inactive_since, goal, disowned_at)


def _coming(draft: Draft, subject: Subject, goal: Stage | None, told: Told) -> render.Coming | None:
    if goal is None or goal.do is None:
        return None
    due = stage_due(goal, subject.credential, subject.inactive_since)
    at = earliest(goal, due, told, draft.ctx.now)
    return render.Coming(goal.do, at) if at else None


def _hold_if_blind(draft: Draft, step: Step) -> None:
    """An act that would be due had the key never been used is held, and seen, while that is unknown."""
    credential, goal = step.subject.credential, step.goal
    if credential.last_used.state != "unknown" or goal is None or goal.do is None:
        return
    idle = replace(credential, last_used=LastUsed.never())
    due = stage_due(goal, idle, step.subject.inactive_since)
    if due and due <= draft.ctx.now and step.mode is Mode.ENFORCE:
        text = f"its last use could not be read: {credential.last_used.why_unknown}"
        draft.hold("last_use_unknown", text, step.subject, VERBS[goal.do], step.finding)


def _destructive(draft: Draft, step: Step) -> None:
    """Acts when every required notice was delivered; until then the nearest notice stage runs instead."""
    if draft.ctx.own.is_self(step.subject.credential):
        _hold(draft, step, Reason("own_credentials", "this is the service's own credential"))
    if step.mode is not Mode.ENFORCE:
        _stand_in(draft, step, None)
        return
    lacking = missing(step.stage, step.told, draft.ctx.now)
    if lacking:
        _hold(draft, step, lacking, guard="notices")
        _stand_in(draft, step, lacking)
    else:
        _act(draft, step)


def _hold(draft: Draft, step: Step, why: Reason, guard: str | None = None) -> None:
    if step.stage.do:
        draft.hold(guard or why.code, why.text, step.subject, VERBS[step.stage.do], step.finding)


def _stand_in(draft: Draft, step: Step, lacking: Reason | None) -> None:
    notice_stage = nearest_notice_stage(step.rule, step.stage)
    if notice_stage:
        _notify(draft, step, notice_stage, lacking)


def _act(draft: Draft, step: Step) -> None:
    do = step.stage.do
    if do is None or FITS[do] != step.subject.credential.status:
        return
    if step.subject.credential.last_used.state == "unknown" and do is Do.DEACTIVATE:
        why = step.subject.credential.last_used.why_unknown
        _hold(draft, step, Reason("last_use_unknown", f"its last use could not be read: {why}"))
        return
    history = draft.history(step.finding)
    draft.put(superseded(history, set(), draft.ctx.now, is_warning))
    draft.acts.append(
        Act(
            verb=VERBS[do],
            account=step.subject.account,
            credential=step.subject.credential,
            finding=step.finding,
            rule=step.rule,
            stage=step.stage,
            owner=step.decision.owner,
            due_at=step.decision.due_at or draft.ctx.now,
            failed=any(d.verb is VERBS[do] and d.state in NOT_DONE for d in history),
        )
    )


def _notify(draft: Draft, step: Step, stage: Stage, lacking: Reason | None) -> None:
    """Puts the due notices of ``stage``, and cancels what it replaces."""
    now, history = draft.ctx.now, draft.history(step.finding)
    instead_of = step.stage if stage is not step.stage else None
    passed = _passed_on(draft, step, stage)
    sinks = list({**dict.fromkeys(passed), **dict(sinks_of(step.rule, stage, instead_of, history))}.items())
    afresh = lacking is not None and _must_tell_again(step, stage, history)
    again = [sink for sink, _ in sinks] if afresh else passed
    rows = [
        fill(slot, _row(draft, step, stage, slot.sink, slot.occurrence))
        for slot in due_slots(stage, sinks, history, now, again)
    ]
    for row in rows:
        draft.put_and_send(row)
    draft.put(superseded(history, {row.id for row in rows}, now, is_replaceable))


def _insist(draft: Draft, step: Step) -> None:
    """A ticket that a person closed while the key is still bad: said there, unless something else is."""
    for sink, closed in draft.ctx.closed.items():
        tells = sink in draft.telling.get(step.finding.id, ())
        if step.finding.refs.get(sink, {}).get("key") in closed and not tells:
            _remark(draft, step, sink)


def _remark(draft: Draft, step: Step, sink: str) -> None:
    stage = Stage(CLOSED_STAGE, step.stage.when, (sink,))
    again = draft.ctx.sinks.insisting if "stays_closed" not in step.finding.refs[sink] else ()
    for slot in due_slots(stage, [(sink, None)], draft.history(step.finding), draft.ctx.now, again):
        row = _row(draft, step, stage, sink, slot.occurrence)
        draft.put_and_send(fill(slot, replace(row, names_date=None)))


def _passed_on(draft: Draft, step: Step, stage: Stage) -> list[str]:
    """Sinks whose last word went to somebody who has said since that it isn't theirs, or has left.

    Of sinks that the stage doesn't tell only those with a ticket: it must not stay with the former owner.
    """
    over = (DeliveryState.DELIVERED, DeliveryState.DEAD)
    rows = [d for d in draft.history(step.finding) if d.verb is Verb.NOTIFY and d.state in over]
    last = {d.sink: d for d in sorted(rows, key=lambda d: d.settled_at or d.created_at)}
    return [d.sink for d in last.values() if _is_passed_on(draft, step, stage, d)]


def _is_passed_on(draft: Draft, step: Step, stage: Stage, last: Delivery) -> bool:
    owner = step.decision.owner
    told, present = str(last.payload.get("owner", "")), owner.address if owner else ""
    refused = draft.ctx.view.refused(step.finding.uid, draft.ctx.now)
    if told.casefold() not in refused or told.casefold() == present.casefold():
        return False
    known_to_fallback = last.route == "fallback" and (owner is None or owner.is_fallback)
    has_ticket = last.sink in draft.ctx.sinks.tickets and "key" in step.finding.refs.get(last.sink, {})
    return not known_to_fallback and (last.sink in stage.notify or has_ticket)


def _must_tell_again(step: Step, stage: Stage, history: tuple[Delivery, ...]) -> bool:
    """Whether the stage's last word can't count and no repeat would replace it: told without a date,
    to a former owner, before the snooze ended, or (for a deletion) before the key became inactive."""
    rows = [d for d in history if d.stage == stage.name and d.state is DeliveryState.DELIVERED]
    fresh = step.told.fresh_after
    if fresh and all(d.settled_at and d.settled_at < fresh for d in rows):
        return True
    owner = step.decision.owner.address if step.decision.owner else ""
    since = step.told.since
    recent = [d for d in rows if since is None or (d.settled_at and d.settled_at >= since)]
    useful = [d for d in recent if d.enforced and d.names_date and d.payload.get("owner") == owner]
    return stage.repeat is None and not useful


def _row(draft: Draft, step: Step, stage: Stage, sink: str, occurrence: int) -> Delivery:
    now, subject = draft.ctx.now, step.subject
    notice = render.warning(
        subject.account,
        subject.credential,
        step.finding,
        step.decision,
        stage,
        occurrence,
        step.coming,
        now,
    )
    row = new_delivery(step.finding, stage.name, occurrence, sink, Verb.NOTIFY, now)
    return replace(
        row,
        recipient=draft.ctx.recipient(step.decision.owner, sink),
        names_date=step.coming.at if step.coming else None,
        enforced=step.mode is Mode.ENFORCE,
        payload=notice.to_json(),
    )


def _judged(step: Step) -> Judged:
    act = VERBS[step.coming.do] if step.coming else None
    return Judged(
        account=step.subject.account,
        credential=step.subject.credential,
        state=step.decision.state,
        decision=step.decision,
        finding=step.finding,
        next_act=act,
        next_act_at=step.coming.at if step.coming else None,
    )
