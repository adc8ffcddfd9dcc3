"""What is written to the tables, inside one transaction."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import BindParameter, Connection, Executable, Table, bindparam, delete, insert, or_, select
from sqlalchemy.dialects.sqlite import insert as upsert

from app.errors import ConflictingWrite
from app.ledger import rows, schema
from app.ledger.interface import Change
from app.ledger.reading import stamp
from app.model import Delivery, Event, Facts, Finding, FindingState, KeptReport

BATCH = 500  # ids in one statement: SQLite bounds its variables

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_REVISIONS = select(schema.findings.c.id, schema.findings.c.revision).where(schema.findings.c.id.in_(_IDS))
_NO_TICKETS = delete(schema.tickets).where(schema.tickets.c.finding_id.in_(_IDS))
_FORGET = delete(schema.facts).where(schema.facts.c.uid.in_(_IDS))

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
    _put(db, schema.breakers, [{"sink": b.sink, "body": rows.BREAKER.dump(b)} for b in change.breakers])
    events(db, change.events)
    if change.run:
        db.execute(insert(schema.runs), [{"body": rows.RUN.dump(change.run)}])


def deliveries(db: Connection, changed: Sequence[Delivery]) -> None:
    _put(db, schema.deliveries, [_delivery_row(d) for d in changed])


def events(db: Connection, happened: Sequence[Event]) -> None:
    if happened:
        values = [{"at": stamp(e.at), "body": rows.EVENT.dump(e)} for e in happened]
        db.execute(insert(schema.events), values)


def set_control(db: Connection, name: str, value: str) -> None:
    _put(db, schema.control, [{"name": name, "value": value}])


def _findings(db: Connection, findings: Sequence[Finding]) -> None:
    ids = [f.id for f in findings]
    stored = _revisions(db, ids)
    for finding in findings:
        if stored.get(finding.id, 0) != finding.revision:
            raise ConflictingWrite(f"finding {finding.id} was changed meanwhile: the next run plans again")
    _put(db, schema.findings, [_finding_row(replace(f, revision=f.revision + 1)) for f in findings])
    for batch in batches(ids):
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


def _put(db: Connection, table: Table, values: list[Row]) -> None:
    """Writes rows, each in the place of its like."""
    if values:
        db.execute(_upsert(table), values)


@cache
def _upsert(table: Table) -> Executable:
    """Leaves a row that is the same already: most facts are, at each run."""
    keys = ["id"] if table is schema.deliveries else [column.name for column in table.primary_key]
    statement = upsert(table)
    others = {c.name: statement.excluded[c.name] for c in table.c if c.name not in (*keys, "seq")}
    differs = or_(*(table.c[name] != new for name, new in others.items()))
    return statement.on_conflict_do_update(index_elements=keys, set_=others, where=differs)
