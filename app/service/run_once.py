"""One cycle, from accounts to sinks: the whole path of the data, top to bottom."""

import logging
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from app.accounts.interface import AccountList
from app.errors import KeystewardError, Paused
from app.inventory.interface import HubIdentity
from app.ledger.interface import Change, Lease, LedgerView
from app.model import (
    Coverage,
    Mode,
    Reason,
    RunRecord,
)
from app.plan.actions import HeldAct, Plan, held
from app.plan.brake import BRAKE
from app.plan.context import Context, OwnIdentity
from app.plan.guards import apply_guards
from app.plan.holds import aged
from app.policy.near import need_of
from app.service.act import perform
from app.service.archive import copy_audit
from app.service.book import Book
from app.service.breaker import Breakers
from app.service.calls import Calls
from app.service.census import Census
from app.service.confirm import confirmed
from app.service.deliver import deliver
from app.service.evidence import with_evidence
from app.service.licence import with_approvals
from app.service.parts import Parts, Tally
from app.service.prune import prune_daily
from app.service.recover import recover
from app.service.settle import Round
from app.service.summary import summarize
from app.service.sweep import Sweep
from app.service.team import tell_run, tell_team
from app.service.tickets import closed_tickets
from app.service.turn import due
from app.telemetry import log_fields

log = logging.getLogger(__name__)

Outcome = Literal["success", "partial", "failed", "standby"]


@dataclass(frozen=True)
class RunReport:
    """What one cycle did: for the exit code, stderr, the log, metrics and the page."""

    at: datetime
    outcome: Outcome
    plan: Plan
    failures: tuple[str, ...] = ()
    accounts: Mapping[str, int] = field(default_factory=dict)  # outcome -> accounts
    delivered: Mapping[str, int] = field(default_factory=dict)  # sink -> notices
    acted: Mapping[str, int] = field(default_factory=dict)  # verb -> acts
    warnings: tuple[str, ...] = ()
    scan_seconds: float | None = None  # None: no scan was finished
    census: Census | None = None  # None: no scan was finished
    listed: frozenset[str] = frozenset()  # the ids of the accounts that are watched
    coverage: Coverage = field(default_factory=Coverage)
    leaks_unknown: int = 0  # accounts that were read, but not whether AWS knows of a leak, or of root keys


def run_once(parts: Parts) -> RunReport:
    """Scans, decides, writes the plan, acts, delivers, records. Raises `LedgerError` only."""
    now = parts.clock.now()
    with parts.ledger.lease(parts.holder, parts.lease_wait) as lease:
        if lease is None:
            return RunReport(now, "standby", Plan(now))
        try:
            hub, listed = parts.hub(), parts.accounts.list()
        except KeystewardError as error:
            if parts.stop.is_set():
                return _stopped(now, "stopped before the scan")
            return _could_not_start(parts, lease, now, str(error))
        return _cycle(parts, lease, now, hub, listed)


def _cycle(parts: Parts, lease: Lease, now: datetime, hub: HubIdentity, listed: AccountList) -> RunReport:
    ctx = context(parts, hub, parts.ledger.frame(), now)
    round_ = Round(parts, ctx, lease, Book(parts.ledger), Tally())
    inferred = recover(round_, {account.id: account for account in listed.accounts})
    ctx = context(parts, hub, parts.ledger.frame(), now)
    ctx = replace(ctx, closed=closed_tickets(parts, ctx.view))

    started = parts.monotonic()
    sweep = Sweep(parts, ctx, lease)
    scan_all(sweep, listed)
    scan_seconds = parts.monotonic() - started
    if parts.stop.is_set():
        read = f"{sweep.fresh:,} of {len(listed.accounts):,} accounts"
        return _stopped(now, f"stopped during the scan, {read} read: the next start goes on")
    _say_if_leaks_are_unknown(sweep)
    plan = with_evidence(parts, confirmed(parts, plan_for(sweep, listed)))
    parts.ledger.apply(plan.change, lease)
    _say_if_braked(plan)

    round_ = Round(parts, ctx, lease, Book(parts.ledger), round_.tally)
    held_back = _carry_out(round_, plan, inferred)
    plan = replace(plan, held=(*plan.held, *held_back))
    report = replace(_report(round_, plan, sweep, listed), scan_seconds=scan_seconds)
    if parts.stop.is_set():
        return report  # unrecorded, so that the next start makes the run up
    return _conclude(round_, _with_failures(report, copy_audit(parts, lease)))


def _conclude(round_: Round, report: RunReport) -> RunReport:
    """Records the run, then tells the team: what they hear of can be looked up, and approved."""
    parts, last = round_.parts, round_.ctx.view.last_run
    holds = aged(parts.ledger.holds(), report.plan)
    told = (report.outcome, report.accounts, report.failures)
    summary = summarize(parts, report.plan, round_.tally, *told, last)
    done = Change(run=_record(parts, report), holds=holds.new, forget_holds=holds.ended)
    parts.ledger.apply(done, round_.lease)
    calls = Calls.of(report.plan, holds.standing)
    report = _with_failures(report, tell_run(round_, summary, calls))
    prune_daily(round_, report.listed)
    log.info("run finished", **log_fields(**_summary(report), audit=_head(parts)))
    return report


def _head(parts: Parts) -> str:
    """Logs are kept elsewhere: whoever rewrites the whole audit trail is betrayed by them."""
    head = parts.ledger.chain().head
    return f"{head.seq} {head.hash}" if head else "lost"


def context(parts: Parts, hub: HubIdentity, view: LedgerView, now: datetime) -> Context:
    """The fixed facts of a run."""
    own_keys = parts.own_keys | ({hub.key_id} if hub.key_id else set())
    return Context(
        now=now,
        policy=parts.policy,
        view=view,
        limits=parts.limits,
        sinks=parts.traits(),
        own=OwnIdentity(hub.account_id, hub.user, own_keys),
        origin=parts.origin,
        config_hash=parts.config_hash,
        clock_holds=not any(_clock_doubts(parts, view, now)),
    )


def scan_all(sweep: Sweep, listed: AccountList, ahead: timedelta = timedelta(0)) -> None:
    """Reads every account, and plans and writes each as it is done."""
    parts, need = sweep.parts, need_of(sweep.parts.policy, ahead)
    parts.progress.start(len(listed.accounts))
    try:
        for scanned in parts.fleet.scan(listed.accounts, need, sweep.memory, sweep.ctx.now, sweep.resumed):
            if parts.stop.is_set():
                break  # the rest was abandoned, which says nothing of the accounts
            sweep.take(scanned)
        sweep.flush()
    finally:
        parts.progress.finish()


def plan_for(sweep: Sweep, listed: AccountList) -> Plan:
    """The guarded plan: what this run will do, and what it holds back."""
    gathered = sweep.finish(listed)
    ctx = with_approvals(sweep.parts, sweep.ctx)
    return apply_guards(ctx, gathered, _vetoes(sweep.parts, ctx.view, ctx.now))


def _say_if_leaks_are_unknown(sweep: Sweep) -> None:
    if sweep.leaks_unknown:
        facts = log_fields(accounts=sweep.leaks_unknown, such_as=sweep.warnings[:1])
        log.warning("leaked or root keys are unknown: do the roles lack a permission?", **facts)


def _say_if_braked(plan: Plan) -> None:
    if plan.braked:
        number = plan.held_by_guard()[BRAKE]
        log.warning("plan held by the brake", **log_fields(plan=plan.braked.short, acts=number))


def _vetoes(parts: Parts, view: LedgerView, now: datetime) -> Iterator[Reason]:
    """Why nothing destructive may happen at all."""
    if view.pause:
        yield Reason("pause", view.pause.text)
    for doubt in _clock_doubts(parts, view, now):
        yield Reason("clock", doubt)


def _clock_doubts(parts: Parts, view: LedgerView, now: datetime) -> Iterator[str]:
    if view.last_run and now < view.last_run.at:
        yield "the clock is before the last run"
    skew = parts.wrong_by()
    if skew:
        yield f"the clock differs from AWS's by {skew.total_seconds() / 60:.0f} minutes"


def _carry_out(round_: Round, plan: Plan, inferred: list[str]) -> list[HeldAct]:
    """Acts first, so that one message an owner tells everything; both stop at once on `pause`."""
    held_back: list[HeldAct] = []
    to_send, acts = [*inferred, *plan.send], deque(plan.acts)
    try:
        while acts and not round_.parts.stop.is_set():
            result = perform(round_, acts[0])
            acts.popleft()
            if isinstance(result, HeldAct):
                held_back.append(result)
            else:
                to_send += result
        deliver(round_, [*to_send, *_left_over(round_, to_send)])
    except Paused as paused:
        log.warning("paused", **log_fields(reason=str(paused)))
        held_back += [held(act, "pause", str(paused)) for act in acts]
    return held_back


def _left_over(round_: Round, sending: Sequence[str]) -> list[str]:
    """What waits for another try and no reading of an account has brought up: put back by hand, or of an
    account that can't be read now. Without a daemon nobody else tries it again."""
    room = max(0, round_.parts.limits.notices_per_run - len(sending))
    waiting = (row.id for row in due(round_.parts, round_.frame()))
    return [i for i in waiting if i not in frozenset(sending)][:room]


def _report(round_: Round, plan: Plan, sweep: Sweep, listed: AccountList) -> RunReport:
    failures = [*sweep.failures.values(), *round_.tally.all_failures()]
    return RunReport(
        at=plan.now,
        outcome="partial" if failures else "success",
        plan=plan,
        failures=tuple(failures),
        accounts={"success": sweep.fresh, "failed": len(sweep.failures), **listed.skipped},
        delivered=round_.tally.delivered,
        acted=round_.tally.acted,
        warnings=(*listed.warnings, *sweep.warnings, *_unread(plan), *round_.tally.remarks),
        census=sweep.census,
        listed=frozenset(account.id for account in listed.accounts),
        coverage=sweep.coverage,
        leaks_unknown=sweep.leaks_unknown,
    )


def _unread(plan: Plan) -> tuple[str, ...]:
    """What was held because it could not be read, one line a cause: nobody acts until that is mended."""
    texts = (held.text for held in plan.held if held.guard in ("unreadable", "last_use_unknown"))
    return tuple(dict.fromkeys(f"held: {text}" for text in texts))


def _with_failures(report: RunReport, failures: list[str]) -> RunReport:
    if not failures:
        return report
    return replace(report, outcome="partial", failures=(*report.failures, *failures))


def _stopped(now: datetime, how: str) -> RunReport:
    """Unrecorded, so that the next start makes the run up."""
    return RunReport(now, "failed", Plan(now), failures=(how,))


def _could_not_start(parts: Parts, lease: Lease, now: datetime, reason: str) -> RunReport:
    """No account list, no run: nothing is suspended or resolved for its absence, and the team hears of it."""
    report = RunReport(now, "failed", Plan(now), failures=(reason, *copy_audit(parts, lease)))
    frame = parts.ledger.frame()
    told = (report.outcome, report.accounts, report.failures)
    summary = summarize(parts, report.plan, Tally(), *told, frame.last_run)
    parts.ledger.apply(Change(run=_record(parts, report)), lease)
    log.error("run failed", **log_fields(reason=reason))
    breakers = Breakers(frame.breakers, parts.clock, parts.roll)
    telling = tell_team(parts, summary, breakers, Calls(now))
    parts.ledger.apply(Change(breakers=breakers.take_changes()), lease)
    return replace(report, failures=(*report.failures, *telling.failed))


def _record(parts: Parts, report: RunReport) -> RunRecord:
    return RunRecord(
        at=report.at,
        finished_at=parts.clock.now(),
        outcome="failed" if report.outcome == "standby" else report.outcome,
        accounts=report.accounts,
        held=report.plan.held_by_guard(),
        config_hash=parts.config_hash,
        mode=Mode(parts.policy.mode).value,
        coverage=report.coverage,
    )


def _summary(report: RunReport) -> dict[str, object]:
    return {
        "outcome": report.outcome,
        "accounts": dict(report.accounts),
        "coverage": report.coverage.text,
        "delivered": dict(report.delivered),
        "acted": dict(report.acted),
        "held": dict(report.plan.held_by_guard()),
        "failures": len(report.failures),
    }
