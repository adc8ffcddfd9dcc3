"""Which rows of the tables can go, and their deletion: a batch a transaction, so that nobody waits long."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, delete, select

from app.ledger import rows, schema
from app.ledger.reading import stamp
from app.ledger.writing import batches
from app.model import Delivery, Finding
from app.plan.retention import forgettable, is_over

_DELIVERIES, _FINDINGS = schema.deliveries, schema.findings
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_OLD = select(_DELIVERIES.c.finding_id).where(_DELIVERIES.c.settled_at < bindparam("before")).distinct()
_ROWS_OF = (
    select(_DELIVERIES.c.body)
    .where(_DELIVERIES.c.finding_id == bindparam("finding"))
    .order_by(_DELIVERIES.c.seq)
)
_FINDING = select(_FINDINGS.c.body).where(_FINDINGS.c.id == bindparam("finding"))
_ALL_FINDINGS = select(_FINDINGS.c.body)
_KNOWN = select(schema.facts.c.uid).where(schema.facts.c.uid.in_(_IDS))
_RUNS = select(schema.runs.c.seq, schema.runs.c.body).order_by(schema.runs.c.seq)
_STREAMED = {"yield_per": 1000}

_DROP_DELIVERIES = delete(_DELIVERIES).where(
    _DELIVERIES.c.id.in_(_IDS) & _DELIVERIES.c.settled_at.is_not(None)
)
_WAITING = select(_DELIVERIES.c.finding_id).where(
    _DELIVERIES.c.finding_id.in_(_IDS) & _DELIVERIES.c.settled_at.is_(None)
)
_DROP_RUNS = delete(schema.runs).where(schema.runs.c.seq.in_(_IDS))
_DROP_OF_FINDINGS = delete(_DELIVERIES).where(_DELIVERIES.c.finding_id.in_(_IDS))
_DROP_FINDINGS = delete(_FINDINGS).where(_FINDINGS.c.id.in_(_IDS))
_DROP_SNOOZES = delete(schema.snoozes).where(schema.snoozes.c.uid.in_(_IDS))
_DROP_REFUSALS = delete(schema.refusals).where(schema.refusals.c.uid.in_(_IDS))


@dataclass(frozen=True, slots=True)
class Batch:
    """What goes in one transaction."""

    deliveries: Sequence[str] = ()  # ids
    runs: Sequence[int] = ()  # their places
    findings: Sequence[Finding] = ()


@dataclass(frozen=True, slots=True)
class Doomed:
    deliveries: Sequence[str]
    runs: Sequence[int]
    findings: Sequence[Finding]

    def batches(self) -> Iterator[Batch]:
        """The deliveries first: of a finding that goes they may be gone already."""
        yield from (Batch(deliveries=part) for part in batches(self.deliveries))
        yield from (Batch(runs=part) for part in batches(self.runs))
        yield from (Batch(findings=part) for part in batches(self.findings))

    def counts(self) -> Mapping[str, int]:
        return {
            "deliveries": len(self.deliveries),
            "findings": len(self.findings),
            "runs": len(self.runs),
        }


def doomed(db: Connection, before: datetime) -> Doomed:
    """What can go, read finding by finding."""
    old = db.execute(_OLD, {"before": stamp(before)}).scalars().all()
    forgotten = [row.id for i in old for row in forgettable(_finding(db, i), _rows_of(db, i), before)]
    return Doomed(forgotten, _old_runs(db, before), _over(db, before))


def drop(db: Connection, batch: Batch) -> None:
    """A row that was put back since is not among the settled any more: it stays, with its finding."""
    found = [finding.id for finding in batch.findings]
    waiting = set(db.execute(_WAITING, {"ids": found}).scalars()) if found else ()
    over = [finding for finding in batch.findings if finding.id not in waiting]
    for statement, ids in (
        (_DROP_DELIVERIES, batch.deliveries),
        (_DROP_RUNS, batch.runs),
        (_DROP_OF_FINDINGS, [finding.id for finding in over]),
        (_DROP_FINDINGS, [finding.id for finding in over]),
        (_DROP_SNOOZES, [finding.uid for finding in over]),
        (_DROP_REFUSALS, [finding.uid for finding in over]),
    ):
        if ids:
            db.execute(statement, {"ids": ids})


def _finding(db: Connection, finding_id: str) -> Finding | None:
    body = db.execute(_FINDING, {"finding": finding_id}).scalar()
    return rows.FINDING.load(body) if body else None


def _rows_of(db: Connection, finding_id: str) -> list[Delivery]:
    return [rows.DELIVERY.load(body) for body in db.execute(_ROWS_OF, {"finding": finding_id}).scalars()]


def _old_runs(db: Connection, before: datetime) -> list[int]:
    """The last one stays: the next run asks when it was."""
    found = db.execute(_RUNS, execution_options=_STREAMED)
    old = [(seq, rows.RUN.load(body).at < before) for seq, body in found]
    return [seq for seq, is_old in old[:-1] if is_old]


def _over(db: Connection, before: datetime) -> list[Finding]:
    bodies = db.execute(_ALL_FINDINGS, execution_options=_STREAMED).scalars()
    ended = [f for f in map(rows.FINDING.load, bodies) if is_over(f, (), before)]
    known = {uid for part in batches([f.uid for f in ended]) for uid in _known(db, part)}
    return [f for f in ended if f.uid not in known and is_over(f, _rows_of(db, f.id), before)]


def _known(db: Connection, uids: Sequence[str]) -> Iterable[str]:
    return db.execute(_KNOWN, {"ids": uids}).scalars()
