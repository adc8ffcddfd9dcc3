"""What is written to the tables, inside one transaction."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import BindParameter, Connection, Executable, Table, bindparam, delete, insert, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from app.errors import ConflictingWrite, LedgerError
from app.ledger import forgetting, reading, rows, schema
from app.ledger.chain import Sealed, seal
from app.ledger.interface import Change
from app.ledger.reading import stamp
from app.model import CopyMark, Delivery, Event, Facts, Finding, FindingState, KeptReport
from app.plan.kept import Approval

BATCH = 500  # ids in one statement: SQLite bounds its variables
_LOOK = "see `keysteward history --verify`, and restore the ledger from a backup"

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_REVISIONS = select(schema.findings.c.id, schema.findings.c.revision).where(schema.findings.c.id.in_(_IDS))
_NO_TICKETS = delete(schema.tickets).where(schema.tickets.c.finding_id.in_(_IDS))
_FORGET = delete(schema.facts).where(schema.facts.c.uid.in_(_IDS))
_HOLDS = schema.holds
_NO_HOLD = delete(_HOLDS).where(
    (_HOLDS.c.finding_id == bindparam("finding")) & (_HOLDS.c.guard == bindparam("guarded"))
)

Row = dict[str, Any]
T = TypeVar("T")


def write(db: Connection, change: Change) -> None:
    """Raises `ConflictingWrite` when a finding's revision is not the stored one."""
    _findings(db, change.findings)
    deliveries(db, change.deliveries)
    _put(db, schema.facts, [_facts_row(f) for f in change.facts])
    for batch in batches(change.forget):
        db.execute(_FORGET, {"ids": batch})
    _put(db, schema.snoozes, [{"uid": s.uid, "body": rows.SNOOZE.dump(s)} for s in change.snoozes])
    refusals = [{"address": r.address, "uid": r.uid, "body": rows.REFUSAL.dump(r)} for r in change.refusals]
    _put(db, schema.refusals, refusals)
    accounts = [{"account_id": a.account_id, "body": rows.ACCOUNT.dump(a)} for a in change.accounts]
    _put(db, schema.accounts, accounts)
    users = [{"account_id": u.account_id, "user": u.user, "body": rows.USER.dump(u)} for u in change.users]
    _put(db, schema.users, users)
    _put(db, schema.reports, [_report_row(r) for r in change.reports])
    _waiting(db, change)
    _put(db, schema.breakers, [{"sink": b.sink, "body": rows.BREAKER.dump(b)} for b in change.breakers])
    events(db, change.events)
    _put(db, schema.control, [_copy_row(c) for c in change.copies])
    if change.run:
        db.execute(insert(schema.runs), [{"body": rows.RUN.dump(change.run)}])
    forgetting.forget(db, change)


def deliveries(db: Connection, changed: Sequence[Delivery]) -> None:
    _put(db, schema.deliveries, [_delivery_row(d) for d in changed])


def events(db: Connection, happened: Sequence[Event]) -> None:
    """Seals them. Who writes at the same time must wait for this transaction: one head has one successor."""
    if not happened:
        return
    head = reading.head(db)
    if head is None:
        raise LedgerError(f"the audit trail has lost its head: {_LOOK}")
    sealed = seal(happened, head)
    try:
        put_sealed(db, sealed)
    except IntegrityError:
        raise LedgerError(f"the audit trail goes on behind its head: {_LOOK}") from None
    set_control(db, "chain", rows.LINK.dump(sealed[-1].link))


def put_sealed(db: Connection, sealed: Sequence[Sealed]) -> None:
    db.execute(insert(schema.events), [_event_row(one) for one in sealed])


def approve(db: Connection, approval: Approval) -> bool:
    """False: that approval has been written before, and stays as it is."""
    insertion = _insert(schema.approvals, db.dialect.name).values(_approval_row(approval))
    written = insertion.on_conflict_do_nothing().returning(schema.approvals.c.number)
    return db.execute(written).first() is not None  # the count of rows is not told by every driver


def _waiting(db: Connection, change: Change) -> None:
    """What is known of acts that wait: plans past the brake, approvals, long holds, the canary's trial."""
    plans = [{"id": p.id, "body": rows.HELD_PLAN.dump(p)} for p in change.held_plans]
    _put(db, schema.held_plans, plans)
    _put(db, schema.approvals, [_approval_row(a) for a in change.approvals])
    for plan in change.forget_plans:
        db.execute(delete(schema.held_plans).where(schema.held_plans.c.id == plan))
        db.execute(delete(schema.approvals).where(schema.approvals.c.plan == plan))
    holds = [{"finding_id": h.finding_id, "guard": h.guard, "body": rows.HOLD.dump(h)} for h in change.holds]
    _put(db, schema.holds, holds)
    if change.forget_holds:
        db.execute(
            _NO_HOLD, [{"finding": finding, "guarded": guard} for finding, guard in change.forget_holds]
        )
    if change.canary:
        set_control(db, "canary", rows.TRIAL.dump(change.canary))


def _approval_row(approval: Approval) -> Row:
    return {"plan": approval.plan, "number": approval.number, "body": rows.APPROVAL.dump(approval)}


def set_control(db: Connection, name: str, value: str) -> None:
    _put(db, schema.control, [{"name": name, "value": value}])


def _findings(db: Connection, findings: Sequence[Finding]) -> None:
    stored = _revisions(db, [f.id for f in findings])
    for finding in findings:
        if stored.get(finding.id, 0) != finding.revision:
            raise ConflictingWrite(f"finding {finding.id} was changed meanwhile: the next run plans again")
    put_findings(db, [replace(f, revision=f.revision + 1) for f in findings])


def put_findings(db: Connection, findings: Sequence[Finding]) -> None:
    """Of this very revision, with their tickets."""
    _put(db, schema.findings, [_finding_row(f) for f in findings])
    for batch in batches([f.id for f in findings]):
        db.execute(_NO_TICKETS, {"ids": batch})
    last = {finding.id: finding for finding in findings}
    _put(db, schema.tickets, [row for finding in last.values() for row in _ticket_rows(finding)])


def _revisions(db: Connection, ids: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for batch in batches(ids):
        found.update((id_, revision) for id_, revision in db.execute(_REVISIONS, {"ids": batch}))
    return found


def batches(ids: Sequence[T]) -> Iterator[Sequence[T]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def _facts_row(facts: Facts) -> Row:
    return {"uid": facts.uid, "account_id": facts.account_id, "body": rows.FACTS.dump(facts)}


def _finding_row(finding: Finding) -> Row:
    return {
        "id": finding.id,
        "account_id": finding.account_id,
        "revision": finding.revision,
        "episode": finding.episode,
        "body": rows.FINDING.dump(finding),
    }


def _ticket_rows(finding: Finding) -> Iterator[Row]:
    if finding.state is not FindingState.RESOLVED:
        for sink, ref in finding.refs.items():
            if ref.get("key"):
                yield {"finding_id": finding.id, "sink": sink, "ticket": ref["key"]}


def _delivery_row(delivery: Delivery) -> Row:
    return {
        "id": delivery.id,
        "finding_id": delivery.finding_id,
        "episode": delivery.episode,
        "state": delivery.state.value,
        "epoch": delivery.epoch,
        "body": rows.DELIVERY.dump(delivery),
        "settled_at": stamp(delivery.settled_at) if delivery.settled_at else None,
    }


def _report_row(report: KeptReport) -> Row:
    return {
        "account_id": report.account_id,
        "kept_at": stamp(report.kept_at),
        "made_at": stamp(report.made_at),
        "content": report.content,
    }


def _event_row(one: Sealed) -> Row:
    return {"seq": one.seq, "at": one.at, "body": one.body, "hash": one.hash}


def _copy_row(mark: CopyMark) -> Row:
    return {"name": reading.copy_name(mark.target), "value": rows.COPY.dump(mark)}


def _put(db: Connection, table: Table, values: list[Row]) -> None:
    """Writes rows, each in the place of its like."""
    if values:
        db.execute(_upsert(table, db.dialect.name), values)


@cache
def _upsert(table: Table, dialect: str) -> Executable:
    """Leaves a row that is the same already: most facts are, at each run."""
    keys = ["id"] if table is schema.deliveries else [column.name for column in table.primary_key]
    statement = _insert(table, dialect)
    others = {c.name: statement.excluded[c.name] for c in table.c if c.name not in (*keys, "seq")}
    differs = or_(*(table.c[name] != new for name, new in others.items()))
    upsert: Executable = statement.on_conflict_do_update(index_elements=keys, set_=others, where=differs)
    return upsert


def _insert(table: Table, dialect: str) -> Any:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
