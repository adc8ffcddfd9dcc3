"""Domain objects into pages."""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from app.errors import ConflictingWrite, LedgerError
from app.ledger import rows
from app.ledger.chain import stamp
from app.ledger.dynamodb import control, keys, reading, trail
from app.ledger.dynamodb.draft import Draft
from app.ledger.dynamodb.items import Key
from app.ledger.dynamodb.pages import Page, Rows
from app.ledger.interface import Change
from app.model import (
    UNDELIVERED,
    AccountState,
    Breaker,
    CopyMark,
    Delivery,
    DeliveryState,
    Facts,
    Finding,
    FindingState,
    KeptReport,
    Pause,
    Refusal,
    RememberedUser,
    RunRecord,
    Snooze,
)
from app.plan.kept import Approval

OPEN_STATES = UNDELIVERED | {DeliveryState.DEAD}
HERE = ""  # the row of an index: that its key is there is all it says


def write(draft: Draft, change: Change) -> None:
    """Raises `ConflictingWrite` when a finding's revision is not the stored one."""
    draft.load(_touched(change))
    _findings(draft, change.findings)
    deliveries(draft, change.deliveries)
    _facts(draft, change.facts)
    _forget(draft, change.forget)
    _users(draft, change.users)
    _snoozes(draft, change.snoozes)
    _refusals(draft, change.refusals)
    _accounts(draft, change.accounts)
    _reports(draft, change.reports)
    _waiting(draft, change)
    _breakers(draft, change.breakers)
    trail.write(draft, change.events)
    _copies(draft, change.copies)
    if change.run:
        _run(draft, change.run)


def deliveries(draft: Draft, changed: Iterable[Delivery]) -> None:
    for row in changed:
        page = draft.rows(keys.finding(row.finding_id))
        place = page[row.id].partition(" ")[0] if row.id in page else draft.place()
        page[row.id] = f"{place} {rows.DELIVERY.dump(row)}"
        if keys.THE_FINDING not in page:
            draft.rows(keys.STRAYS)[row.finding_id] = HERE
        if row.state in OPEN_STATES:
            draft.rows(keys.open_of(row.id))[row.id] = HERE
        else:
            draft.rows(keys.open_of(row.id)).pop(row.id, None)


def pause(draft: Draft, pause: Pause | None) -> None:
    known = draft.rows(keys.CONTROL)
    known.pop(control.PAUSE, None)
    if pause:
        known[control.PAUSE] = rows.PAUSE.dump(pause)


def rehearsal(draft: Draft, at: datetime) -> None:
    """Raises `LedgerError` in a ledger of normal runs."""
    known = draft.rows(keys.CONTROL)
    if control.REHEARSAL not in known and control.LAST_RUN in known:
        raise LedgerError("this ledger belongs to normal runs: a rehearsal needs a ledger of its own")
    known.setdefault(control.REHEARSAL, at.isoformat())


def approve(draft: Draft, approval: Approval) -> bool:
    """False: that approval has been written before, and stays as it is."""
    known, name = draft.rows(keys.APPROVALS), _approval_name(approval)
    if name in known:
        return False
    known[name] = rows.APPROVAL.dump(approval)
    return True


def picture(draft: Draft, body: bytes) -> None:
    draft.put(Page(keys.PICTURE, {"picture": b64encode(body).decode()}))


def _move_tickets(draft: Draft, finding_id: str, old: Finding | None, new: Finding) -> None:
    before, after = _tickets(old), _tickets(new)
    for sink, ticket in before - after:
        draft.rows(keys.ticket(sink, ticket)).pop(finding_id, None)
    for sink, ticket in after - before:
        draft.rows(keys.ticket(sink, ticket))[finding_id] = ticket


def _touched(change: Change) -> Iterator[Key]:
    """What is known to be needed, so that one request reads it."""
    yield from (keys.facts_of(f.account_id) for f in change.facts)
    yield from (keys.facts_of(account_of(uid)) for uid in change.forget)
    yield from (keys.users_of(u.account_id) for u in change.users)
    if change.users or change.reports:
        yield keys.REMEMBERED
    yield from (keys.findings_of(f.account_id) for f in change.findings)
    yield from (keys.finding(f.id) for f in change.findings)
    yield from (keys.ticket(*found) for f in change.findings for found in _tickets(f))
    yield from (keys.finding(d.finding_id) for d in change.deliveries)
    yield from (keys.open_of(d.id) for d in change.deliveries)
    yield from (keys.state_of(a.account_id) for a in change.accounts)
    if change.events or change.copies or change.run or change.canary:
        yield keys.CONTROL


def _findings(draft: Draft, findings: Sequence[Finding]) -> None:
    for finding in findings:
        _check_revision(draft, finding)
    for finding in findings:
        page = draft.rows(keys.finding(finding.id))
        _move_tickets(draft, finding.id, reading.finding_in(page), finding)
        page[keys.THE_FINDING] = rows.FINDING.dump(replace(finding, revision=finding.revision + 1))
        known = draft.rows(keys.findings_of(finding.account_id))
        if not known:
            draft.rows(keys.WITH_FINDINGS)[finding.account_id] = HERE
        known[finding.id] = HERE


def leave_tickets(draft: Draft, finding_id: str, finding: Finding | None) -> None:
    for sink, ticket in _tickets(finding):
        draft.rows(keys.ticket(sink, ticket)).pop(finding_id, None)


def _check_revision(draft: Draft, finding: Finding) -> None:
    stored = reading.finding_in(draft.rows(keys.finding(finding.id)))
    if (stored.revision if stored else 0) != finding.revision:
        raise ConflictingWrite(f"finding {finding.id} was changed meanwhile: the next run plans again")


def _tickets(finding: Finding | None) -> set[tuple[str, str]]:
    """By sink; none of a resolved finding's."""
    if finding is None or finding.state is FindingState.RESOLVED:
        return set()
    return {(sink, ref["key"]) for sink, ref in finding.refs.items() if ref.get("key")}


def _facts(draft: Draft, changed: Iterable[Facts]) -> None:
    for facts in changed:
        page = draft.rows(keys.facts_of(facts.account_id))
        if not page:
            draft.rows(keys.WITH_FACTS)[facts.account_id] = HERE
        page[facts.uid] = rows.FACTS.dump(facts)


def _forget(draft: Draft, uids: Iterable[str]) -> None:
    for uid in uids:
        draft.rows(keys.facts_of(account_of(uid))).pop(uid, None)


def account_of(uid: str) -> str:
    return uid.partition("/")[0]


def _users(draft: Draft, changed: Iterable[RememberedUser]) -> None:
    for user in changed:
        draft.rows(keys.REMEMBERED)[user.account_id] = HERE
        draft.rows(keys.users_of(user.account_id))[user.user] = rows.USER.dump(user)


def _snoozes(draft: Draft, changed: Iterable[Snooze]) -> None:
    for snooze in changed:
        draft.rows(keys.SNOOZES)[snooze.uid] = rows.SNOOZE.dump(snooze)


def _refusals(draft: Draft, changed: Iterable[Refusal]) -> None:
    for refusal in changed:
        name = refusal_name(refusal.uid, refusal.address)
        draft.rows(keys.REFUSALS)[name] = rows.REFUSAL.dump(refusal)


def refusal_name(uid: str, address: str) -> str:
    return f"{uid} {address}"


def _accounts(draft: Draft, changed: Iterable[AccountState]) -> None:
    for state in changed:
        draft.rows(keys.state_of(state.account_id))[state.account_id] = rows.ACCOUNT.dump(state)


def _reports(draft: Draft, kept: Iterable[KeptReport]) -> None:
    """Large, and written when there is a new one only: what it replaces isn't read."""
    for report in kept:
        body = json.dumps([stamp(report.kept_at), stamp(report.made_at), b64encode(report.content).decode()])
        draft.rows(keys.REMEMBERED)[report.account_id] = HERE
        draft.put(Page(keys.report_of(report.account_id), {report.account_id: body}))


def _waiting(draft: Draft, change: Change) -> None:
    """What is known of acts that wait: plans past the brake, approvals, long holds, the canary's trial."""
    for plan in change.held_plans:
        draft.rows(keys.HELD_PLANS)[plan.id] = rows.HELD_PLAN.dump(plan)
    for approval in change.approvals:
        draft.rows(keys.APPROVALS)[_approval_name(approval)] = rows.APPROVAL.dump(approval)
    for plan_id in change.forget_plans:
        draft.rows(keys.HELD_PLANS).pop(plan_id, None)
        _forget_approvals(draft.rows(keys.APPROVALS), plan_id)
    for hold in change.holds:
        draft.rows(keys.HOLDS)[_hold_name(hold.finding_id, hold.guard)] = rows.HOLD.dump(hold)
    for finding_id, guard in change.forget_holds:
        draft.rows(keys.HOLDS).pop(_hold_name(finding_id, guard), None)
    if change.canary:
        draft.rows(keys.CONTROL)[control.CANARY] = rows.TRIAL.dump(change.canary)


def _forget_approvals(known: Rows, plan_id: str) -> None:
    for name in [name for name in known if name.partition(" ")[0] == plan_id]:
        del known[name]


def _approval_name(approval: Approval) -> str:
    return f"{approval.plan} {approval.number}"


def _hold_name(finding_id: str, guard: str) -> str:
    return f"{finding_id} {guard}"


def _breakers(draft: Draft, changed: Iterable[Breaker]) -> None:
    for breaker in changed:
        draft.rows(keys.BREAKERS)[breaker.sink] = rows.BREAKER.dump(breaker)


def _copies(draft: Draft, changed: Iterable[CopyMark]) -> None:
    for mark in changed:
        draft.rows(keys.CONTROL)[control.copy_name(mark.target)] = rows.COPY.dump(mark)


def _run(draft: Draft, run: RunRecord) -> None:
    body = rows.RUN.dump(run)
    draft.rows(keys.runs(draft.seq))[str(draft.seq)] = body
    draft.rows(keys.CONTROL)[control.LAST_RUN] = body
