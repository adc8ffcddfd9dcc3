"""What the tables hold, as rows for another ledger: streamed, in an order that any database keeps."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, String, Table, func, select

from app.ledger import reading, rows, schema
from app.ledger.chain import Ends, Sealed
from app.ledger.moving import CODECS, Row
from app.model import CopyMark, KeptReport, Pause
from app.plan.kept import Trial

_TABLES: Mapping[str, Table] = {
    "accounts": schema.accounts,
    "users": schema.users,
    "reports": schema.reports,
    "facts": schema.facts,
    "findings": schema.findings,
    "deliveries": schema.deliveries,
    "snoozes": schema.snoozes,
    "refusals": schema.refusals,
    "held_plans": schema.held_plans,
    "approvals": schema.approvals,
    "holds": schema.holds,
    "breakers": schema.breakers,
    "runs": schema.runs,
    "events": schema.events,
}
_AT_ONCE = {"yield_per": 1000}


def counts(db: Connection) -> Mapping[str, int]:
    """The rows that there are to move, by kind; nothing of a kind that there is none of."""
    found = ((kind, _count(db, kind)) for kind in CODECS)
    return {kind: number for kind, number in found if number}


def dumped(db: Connection) -> Iterator[Row]:
    for kind in CODECS:
        yield from (Row(kind, value) for value in _values(db, kind))


def _count(db: Connection, kind: str) -> int:
    if kind in _TABLES:
        return int(db.execute(select(func.count()).select_from(_TABLES[kind])).scalar_one())
    return sum(1 for _ in _values(db, kind))


def _values(db: Connection, kind: str) -> Iterable[Any]:
    if kind in _CONTROL:
        return _CONTROL[kind](db)
    table = _TABLES[kind]
    query = select(table).order_by(*_key(table, db.dialect.name))
    found = db.execute(query, execution_options=_AT_ONCE)
    return map(_OWN.get(kind, lambda row: CODECS[kind].load(row.body)), found)


def _key(table: Table, dialect: str) -> list[ColumnElement[Any]]:
    """A database of any language sorts as SQLite does: by bytes."""
    plain = dialect == "postgresql"
    return [c.collate("C") if plain and isinstance(c.type, String) else c for c in table.primary_key]


def _report(row: Any) -> KeptReport:
    kept_at, made_at = (datetime.fromisoformat(text) for text in (row.kept_at, row.made_at))
    return KeptReport(row.account_id, kept_at, made_at, bytes(row.content))


def _sealed(row: Any) -> Sealed:
    return Sealed(row.seq, row.at, row.body, row.hash)


def _epoch(db: Connection) -> list[int]:
    value = int(reading.control(db, "epoch") or 0)
    return [value] if value else []


def _rehearsal(db: Connection) -> list[datetime]:
    value = reading.control(db, "rehearsal")
    return [datetime.fromisoformat(value)] if value else []


def _pause(db: Connection) -> list[Pause]:
    value = reading.pause(db)
    return [value] if value else []


def _canary(db: Connection) -> list[Trial]:
    value = reading.canary(db)
    return [value] if value else []


def _copies(db: Connection) -> list[CopyMark]:
    name, value = schema.control.c.name, schema.control.c.value
    found = db.execute(select(value).where(name.startswith(reading.copy_name("")))).scalars()
    return sorted(map(rows.COPY.load, found), key=lambda mark: mark.target)


def _chain(db: Connection) -> list[Ends]:
    ends = reading.ends(db)
    return [ends] if ends != Ends() else []


_OWN: Mapping[str, Callable[[Any], Any]] = {"reports": _report, "events": _sealed}
_CONTROL: Mapping[str, Callable[[Connection], Iterable[Any]]] = {
    "epoch": _epoch,
    "rehearsal": _rehearsal,
    "pause": _pause,
    "canary": _canary,
    "copies": _copies,
    "chain": _chain,
}
