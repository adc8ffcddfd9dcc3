"""The snapshot that metrics and the status page draw from, built at the end of each run."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from app.ledger.interface import LedgerView
from app.model import AccountState, Breaker, DeliveryState, redact
from app.plan.actions import HeldAct
from app.policy.rules import Policy
from app.service.archive import uncopied
from app.service.breaker import Gate, gate
from app.service.census import Census
from app.service.letters import letters
from app.service.parts import Parts
from app.service.run_once import RunReport
from app.service.waiting import hold_rows, long_holds, plan_row
from app.sinks.snapshot import (
    CountKey,
    FindingRow,
    HeldRow,
    SinkRow,
    Snapshot,
)

SHOWN_DELIVERIES = SHOWN_HOLDS = 200


def picture(parts: Parts, report: RunReport, last: Snapshot) -> Snapshot:
    """``last`` brought up to date by one run. A standby, or a run that could not start, keeps the counts."""
    view = parts.ledger.frame()
    now = parts.clock.now()
    base = replace(
        last,
        mode=parts.policy.mode.value,
        leader=report.outcome != "standby",
        paused=view.pause,
        accounts=_watched(view, report, last),
        taken_at=now,
        stages=_stage_names(parts.policy),
    )
    base = replace(with_deliveries(parts, base), uncopied=uncopied(parts))
    if report.outcome == "standby":
        return base
    base = replace(
        base,
        last_run=view.last_run,
        last_runs={**last.last_runs, report.outcome: now},
    )
    census = report.census
    return _of_run(base, parts, report, census) if census else base


def _watched(view: LedgerView, report: RunReport, last: Snapshot) -> tuple[AccountState, ...]:
    """The accounts of the latest list, if there was one: what has left it can't go stale."""
    ids = report.listed or {state.account_id for state in last.accounts}
    return tuple(state for state in view.accounts.values() if not ids or state.account_id in ids)


def with_deliveries(parts: Parts, snapshot: Snapshot) -> Snapshot:
    """What still waits, and what was given up, by sink; how the sinks fare; and what waits for a person."""
    ledger, frame, now = parts.ledger, parts.ledger.frame(), parts.clock.now()
    waiting: Counter[str] = Counter(dict.fromkeys(parts.sinks, 0))
    dead: Counter[str] = Counter(dict.fromkeys(parts.sinks, 0))
    open_rows = [row for row in ledger.undelivered() if not row.was_passed_on]
    for row in open_rows:
        (dead if row.state is DeliveryState.DEAD else waiting)[row.sink] += 1
    first = sorted(open_rows, key=lambda row: row.state is not DeliveryState.DEAD)[:SHOWN_DELIVERIES]
    breakers, holds = frame.breakers, long_holds(ledger, now)
    return replace(
        snapshot,
        pending=waiting,
        dead=dead,
        deliveries=tuple(letters(ledger, first, breakers)),
        sinks=tuple(_sink_row(parts, breakers.get(name), name, waiting[name]) for name in parts.sinks),
        plan=plan_row(ledger, frame.last_run, now),
        long_holds=tuple(hold_rows(ledger, holds[:SHOWN_HOLDS])),
        long_holds_in_all=len(holds),
    )


def _sink_row(parts: Parts, breaker: Breaker | None, name: str, waiting: int) -> SinkRow:
    """Once its rest is over it counts as resting only while something waits that could probe it."""
    if breaker is None or not breaker.failures:
        return SinkRow(name)
    state = gate(breaker, parts.clock.now())
    resting = state is Gate.SHUT or (state is Gate.PROBE and waiting > 0)
    until = breaker.until if resting else None
    return SinkRow(name, resting, until, breaker.failures, redact(breaker.error))


def _of_run(base: Snapshot, parts: Parts, report: RunReport, census: Census) -> Snapshot:
    failed = _known_of_failed(base.accounts, {key.account_id for key in census.credentials})
    return replace(
        base,
        accounts_by_outcome=report.accounts,
        leaks_unknown=report.leaks_unknown,
        credentials=census.credentials + failed,
        ages=census.ages,
        findings=tuple(_with_ticket(parts, row) for row in census.rows()),
        findings_in_all=census.findings,
        leaked=(*(_with_ticket(parts, row) for row in census.leaked()), *_leaked_before(base, census)),
        oldest_ok=census.oldest_ok(),
        due_within=census.due_within,
        held=report.plan.held_by_guard(),
        held_rows=tuple(map(_held_row, report.plan.held)),
        calendar=dict(sorted(census.calendar.items())),
    )


def _leaked_before(base: Snapshot, census: Census) -> Iterator[FindingRow]:
    """Of accounts that were not read, or did not say whom AWS has quarantined: as they were last known."""
    told = {row.account_id for row in census.leaked()}
    counted = {state.account_id for state in base.accounts if state.exposed}
    return (row for row in base.leaked if row.account_id in counted - told)


def _with_ticket(parts: Parts, row: FindingRow) -> FindingRow:
    """``row`` with the ticket that this run may have opened."""
    if row.ticket or not any(sink.tickets for sink in parts.sinks.values()):
        return row
    finding = parts.ledger.finding(row.finding_id)
    return replace(row, ticket=finding.ticket) if finding else row


def _known_of_failed(states: Iterable[AccountState], scanned: set[str]) -> Counter[CountKey]:
    """A failed account keeps its last known counts."""
    counts: Counter[CountKey] = Counter()
    for account in states:
        if account.error and account.account_id not in scanned:
            for state, number in account.counts.items():
                counts[CountKey(account.account_id, account.account, "access_key", state)] = number
    return counts


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


def _stage_names(policy: Policy) -> tuple[str, ...]:
    return tuple(dict.fromkeys(stage.name for rule in policy.rules for stage in rule.stages))
