"""The plan: a pure function of one `now`, the policy, the inventories and the ledger's facts.

`docs/policy.md` says in words what this module does: how the ladder is climbed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from app.model import (
    ACTIVE,
    INACTIVE,
    Account,
    Credential,
    Finding,
    FindingState,
    Inventory,
    Mode,
    Scan,
    ScanFailure,
    Verb,
)
from app.plan.actions import HeldAct, Judged, Plan
from app.plan.climb import climb
from app.plan.context import Context, Subject
from app.plan.draft import Draft
from app.plan.facts import is_echo, reactivated, remember
from app.plan.gather import together
from app.plan.lifecycle import (
    exempted,
    finish_resolution,
    inactive,
    left_the_ladder,
    resolve,
    suspend,
    withhold,
)
from app.plan.notices import is_unsettled_act
from app.plan.obsolete import is_observed
from app.plan.record import AccountRows, rows_by_account
from app.policy.evaluate import Decision


def build_plan(ctx: Context, scans: Iterable[Scan], selected: frozenset[str] | None = None) -> Plan:
    """What to do about ``scans``, before the guards: the plans of all accounts together.

    ``selected`` are the ids of every account that is to be watched now (None: not known, so that
    nothing is suspended).
    """
    rows, scans = rows_by_account(ctx.view), tuple(scans)
    scanned = {scan.account.id for scan in scans}
    plans = [plan_account(_narrowed(ctx, rows, scan.account.id), scan) for scan in scans]
    for account_id in rows.keys() - scanned:
        watched = selected is None or account_id in selected
        plans.append(plan_unread(_narrowed(ctx, rows, account_id), watched))
    return together(ctx.now, plans)


def _narrowed(ctx: Context, rows: Mapping[str, AccountRows], account_id: str) -> Context:
    return replace(ctx, view=ctx.view.with_rows(rows.get(account_id, AccountRows())))


def plan_account(ctx: Context, scan: Scan) -> Plan:
    """What to do about one account; ``ctx.view`` shows its rows only. A failed scan opens and resolves
    nothing."""
    draft = Draft(ctx)
    _unfinished(draft, scan.account.mode)
    if isinstance(scan, ScanFailure):
        draft.held += _vetoed(ctx, scan)
    else:
        _inventory(draft, scan)
    return draft.plan()


def plan_unread(ctx: Context, watched: bool) -> Plan:
    """What to do about an account's findings when it isn't read; ``ctx.view`` shows its rows only."""
    draft = Draft(ctx)
    _unfinished(draft, None)
    if not watched:
        suspend(draft, ctx.view.findings.values(), "its account is not watched at present")
    return draft.plan()


def plan_for_one(ctx: Context, account: Account, uid: str, fresh: Credential | None) -> Plan:
    """What a live reading of one credential means for its finding; ``fresh`` None: it is gone.

    It never acts and opens nothing: acts and warnings are for whole runs.
    """
    draft = Draft(ctx)
    finding = ctx.view.findings.get(uid)
    if finding is None:
        return draft.plan()
    if fresh is None:
        observed = is_observed(ctx.policy, finding, account.mode)
        if not observed and not _unsettled_act(draft, finding, Verb.DELETE):
            draft.forget.append(uid)
            resolve(draft, finding, "the key is gone")
    elif fresh.judgeable and fresh.status != ACTIVE:
        _credential(draft, Subject(account, fresh))
    return replace(draft.plan(), acts=())


def _unfinished(draft: Draft, of_account: Mode | None) -> None:
    """What earlier runs left unsent and no reading of a key brings up again."""
    for finding in draft.ctx.view.findings.values():
        if is_observed(draft.ctx.policy, finding, of_account):
            withhold(draft, finding)
        elif finding.state is FindingState.RESOLVED:
            finish_resolution(draft, finding)


def _vetoed(ctx: Context, failure: ScanFailure) -> Iterable[HeldAct]:
    """What would be due in an account that could not be read: held, so that it is seen."""
    for f in ctx.view.findings.values():
        if f.state is FindingState.OPEN and f.due_at and f.due_at <= ctx.now:
            text = f"the account could not be read: {failure.reason}"
            verb = Verb.DEACTIVATE
            yield HeldAct(
                "scan_failed", text, f.account_id, f.account, f.user, f.masked, f.id, verb, f.due_at
            )


def _inventory(draft: Draft, inventory: Inventory) -> None:
    for credential in inventory.credentials:
        if credential.judgeable:
            _credential(draft, Subject(inventory.account, credential))
        else:
            state = "inactive" if credential.status == INACTIVE else "ok"
            draft.judged.append(Judged(inventory.account, credential, state))
    _gone(draft, inventory)


def _gone(draft: Draft, inventory: Inventory) -> None:
    """Absence proves something only for users that were read live and whole.

    What an interrupted act may have deleted is kept until that act is settled: it must be told as ours.
    """
    view = draft.ctx.view
    present = {c.uid for c in inventory.credentials if c.id}
    present |= {f.uid for f in view.findings.values() if _unsettled_act(draft, f, Verb.DELETE)}
    for facts in view.facts.values():
        if facts.user in inventory.live_users and facts.uid not in present:
            draft.forget.append(facts.uid)
    for finding in view.findings.values():
        gone = finding.user in inventory.live_users and finding.uid not in present
        if gone and not is_observed(draft.ctx.policy, finding, inventory.account.mode):
            resolve(draft, finding, "the key is gone")


def _credential(draft: Draft, subject: Subject) -> None:
    ctx, credential = draft.ctx, subject.credential
    old = ctx.view.facts.get(credential.uid)
    if is_echo(old, credential, ctx.now):
        return
    facts = remember(old, credential, ctx.now, ctx.clock_holds)
    decision = ctx.evaluate(subject.account, credential, facts.inactive_since)
    again = reactivated(old, credential) or bool(old and old.exempt and not decision.exempt)
    draft.remember(old, facts, decision)
    finding = ctx.view.findings.get(credential.uid)
    subject = replace(subject, inactive_since=facts.inactive_since)
    judged = _judge(draft, subject, decision, finding, again)
    since = facts.inactive_since
    draft.judged.append(replace(judged, inactive_since=since) if since else judged)


def _judge(
    draft: Draft, subject: Subject, decision: Decision, finding: Finding | None, again: bool
) -> Judged:
    credential = subject.credential
    if finding and credential.status != ACTIVE and _unsettled_act(draft, finding, Verb.DEACTIVATE):
        return _unsettled(draft, subject, decision, finding)
    if decision.state == "unknown":
        draft.hold(decision.reason.code, decision.reason.text, subject, Verb.DEACTIVATE, finding)
        if finding:
            withhold(draft, finding)
        if finding and again:  # what was remembered just now won't show the reactivation a second time
            finding = left_the_ladder(draft, finding)
        return Judged(subject.account, credential, "unknown", decision, finding)
    if decision.mode is Mode.OBSERVE:
        return _observed(draft, subject, decision, finding, again)
    if decision.exempt:
        return exempted(draft, subject, decision, finding)
    if decision.stage is None:
        return _off_ladder(draft, subject, decision, finding, again)
    return climb(draft, subject, decision, finding, again)


def _unsettled_act(draft: Draft, finding: Finding, verb: Verb) -> bool:
    return any(d.verb is verb and is_unsettled_act(d) for d in draft.history(finding))


def _unsettled(draft: Draft, subject: Subject, decision: Decision, finding: Finding) -> Judged:
    """Whether the key is Inactive by our hand is not known yet: nothing is concluded from it."""
    text = "an interrupted act on it could not be checked yet"
    draft.hold("unsettled", text, subject, Verb.DEACTIVATE, finding)
    return Judged(subject.account, subject.credential, decision.state, decision, finding)


def _observed(
    draft: Draft, subject: Subject, decision: Decision, finding: Finding | None, again: bool
) -> Judged:
    """`observe` keeps facts only; an episode that ended meanwhile must not look unbroken later."""
    if finding:
        withhold(draft, finding)
    if finding and (again or decision.exempt or decision.stage is None):
        finding = left_the_ladder(draft, finding)
    elif finding and finding.mode is not Mode.OBSERVE:
        finding = replace(finding, mode=Mode.OBSERVE)
        draft.keep(finding)
    return Judged(subject.account, subject.credential, decision.state, decision, finding)


def _off_ladder(
    draft: Draft, subject: Subject, decision: Decision, finding: Finding | None, again: bool
) -> Judged:
    credential = subject.credential
    if finding and credential.status != ACTIVE:
        finding = inactive(draft, subject, decision, finding)
    elif finding:
        finding = left_the_ladder(draft, finding)
    judged = Judged(subject.account, credential, decision.state, decision, finding)
    waits = finding is not None and finding.state is FindingState.OPEN and finding.due_at is not None
    return replace(judged, next_act=Verb.DELETE, next_act_at=finding.due_at) if waits and finding else judged
