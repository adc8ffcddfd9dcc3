"""The snapshot that metrics and the status page draw from, built at the end of each run."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

from app.ledger.interface import LedgerView
from app.model import AccountState, DeliveryState, Finding, FindingState, Snooze
from app.plan.actions import HeldAct, Judged
from app.policy.evaluate import last_used_text
from app.policy.rules import Policy
from app.service.parts import Parts
from app.service.run_once import RunReport
from app.sinks.snapshot import (
    AgeHistogram,
    AgeKey,
    CountKey,
    FindingRow,
    HeldRow,
    Snapshot,
)

WITHIN = {"1d": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
OFF_LADDER = ("ok", "exempt", "inactive", "unknown")


def picture(parts: Parts, report: RunReport, last: Snapshot) -> Snapshot:
    """``last`` brought up to date by one run. A standby, or a run that could not start, keeps the counts."""
    view = parts.ledger.view()
    now = parts.clock.now()
    base = replace(
        last,
        mode=parts.policy.mode.value,
        leader=report.outcome != "standby",
        paused=view.pause,
        accounts=tuple(view.accounts.values()),
        taken_at=now,
        stages=_stage_names(parts.policy),
    )
    base = with_deliveries(parts, base)
    if report.outcome == "standby":
        return base
    base = replace(
        base,
        last_run=view.last_run,
        last_runs={**last.last_runs, report.outcome: now},
    )
    return base if report.outcome == "failed" else _of_run(base, report, view, now)


def with_deliveries(parts: Parts, snapshot: Snapshot) -> Snapshot:
    """What still waits, and what was given up, by sink."""
    waiting: Counter[str] = Counter(dict.fromkeys(parts.sinks, 0))
    dead: Counter[str] = Counter(dict.fromkeys(parts.sinks, 0))
    for row in parts.ledger.undelivered():
        if "instead" in row.receipt:
            continue  # the fallback was told: nobody is left in the dark
        (dead if row.state is DeliveryState.DEAD else waiting)[row.sink] += 1
    return replace(snapshot, pending=waiting, dead=dead)


def _of_run(base: Snapshot, report: RunReport, view: LedgerView, now: datetime) -> Snapshot:
    judged = report.plan.judged
    dues = [j.next_act_at for j in judged if j.next_act_at]
    failed = _known_of_failed(view, {j.account.id for j in judged})
    return replace(
        base,
        accounts_by_outcome=report.accounts,
        credentials=Counter(_count_key(j) for j in judged) + failed,
        ages=_ages(judged, now),
        findings=tuple(_rows(judged, view)),
        due_within={name: sum(due <= now + span for due in dues) for name, span in WITHIN.items()},
        held=Counter(h.guard for h in report.plan.held),
        held_rows=tuple(map(_held_row, report.plan.held)),
        calendar=_calendar(dues, now),
    )


def _known_of_failed(view: LedgerView, scanned: set[str]) -> Counter[CountKey]:
    """A failed account keeps its last known counts."""
    states: Iterable[AccountState] = view.accounts.values()
    counts: Counter[CountKey] = Counter()
    for account in states:
        if account.error and account.account_id not in scanned:
            for state, number in account.counts.items():
                counts[CountKey(account.account_id, account.account, "access_key", state)] = number
    return counts


def _count_key(j: Judged) -> CountKey:
    return CountKey(j.account.id, j.account.label, j.credential.kind.value, j.state)


def _ages(judged: Iterable[Judged], now: datetime) -> Mapping[AgeKey, AgeHistogram]:
    ages: dict[AgeKey, list[float]] = {}
    for j in judged:
        key = AgeKey(j.account.id, j.account.label, j.credential.kind.value)
        ages.setdefault(key, []).append((now - j.credential.created) / timedelta(days=1))
    return {key: AgeHistogram.of(days) for key, days in ages.items()}


def _rows(judged: Iterable[Judged], view: LedgerView) -> Iterable[FindingRow]:
    for j in judged:
        finding = view.findings.get(j.credential.uid) if j.credential.id else None
        on_ladder = j.state not in OFF_LADDER
        if on_ladder or (finding and finding.state is FindingState.OPEN):
            yield _row(j, finding, view.snoozes.get(j.credential.uid))


def _row(j: Judged, finding: Finding | None, snooze: Snooze | None) -> FindingRow:
    decision, credential = j.decision, j.credential
    return FindingRow(
        finding_id=finding.id if finding else Finding.id_for(credential.uid),
        account_id=j.account.id,
        account=j.account.label,
        user=credential.user,
        key_tail=credential.masked,
        created=credential.created,
        rule=decision.rule.name if decision and decision.rule else "",
        state=j.state,
        owner=decision.owner.address if decision and decision.owner else "",
        last_used=last_used_text(credential.last_used, credential.observed_at),
        due_at=j.next_act_at,
        next_step=j.next_act.value if j.next_act else "",
        reason=decision.reason.text if decision else "",
        ticket=finding.ticket if finding else "",
        snoozed_until=snooze.until if snooze and snooze.until > credential.observed_at else None,
    )


def _held_row(h: HeldAct) -> HeldRow:
    return HeldRow(
        key_tail=h.key,
        account=h.account,
        act=h.verb.value,
        guard=h.guard,
        reason=h.text,
        user=h.user,
        account_id=h.account_id,
        finding_id=h.finding_id,
    )


def _calendar(dues: Iterable[datetime], now: datetime) -> Mapping[date, int]:
    return dict(sorted(Counter(max(due, now).date() for due in dues).items()))


def _stage_names(policy: Policy) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stage.name for rule in policy.rules for stage in rule.stages))
