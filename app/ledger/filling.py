"""Rows that another ledger dumped, into empty tables: as they were, numbers and hashes too."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert

from app.ledger import rows, schema, writing
from app.ledger.chain import Ends
from app.ledger.moving import PARTS, Row, batches, change_of


def fill(db: Connection, dumped: Iterable[Row]) -> None:
    for kind, values in batches(dumped):
        if kind in PARTS:
            writing.write(db, change_of(kind, values))
        else:
            _OWN[kind](db, values)


def _runs(db: Connection, values: Sequence[Any]) -> None:
    db.execute(insert(schema.runs), [{"body": rows.RUN.dump(run)} for run in values])


def _chain(db: Connection, values: Sequence[Ends]) -> None:
    """A head that was lost stays lost: a move heals nothing."""
    (ends,) = values
    writing.set_control(db, "chain_anchor", rows.LINK.dump(ends.anchor))
    if ends.head:
        writing.set_control(db, "chain", rows.LINK.dump(ends.head))
    else:
        db.execute(delete(schema.control).where(schema.control.c.name == "chain"))


def _control(name: str, dump: Callable[[Any], str]) -> Callable[[Connection, Sequence[Any]], None]:
    def put(db: Connection, values: Sequence[Any]) -> None:
        (value,) = values
        writing.set_control(db, name, dump(value))

    return put


_OWN: Mapping[str, Callable[[Connection, Sequence[Any]], None]] = {
    "epoch": _control("epoch", str),
    "rehearsal": _control("rehearsal", lambda at: at.isoformat()),
    "pause": _control("pause", rows.PAUSE.dump),
    "canary": _control("canary", rows.TRIAL.dump),
    "findings": writing.put_findings,
    "runs": _runs,
    "events": writing.put_sealed,
    "chain": _chain,
}
