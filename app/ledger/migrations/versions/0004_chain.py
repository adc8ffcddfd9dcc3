"""The audit trail is sealed: its events are numbered without a gap, each with a hash over the one before."""

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from app.errors import LedgerError
from app.ledger.chain import Link, Sealed, seal_record

revision = "0004"
down_revision = "0003"

BATCH = 1000
EVENTS = sa.table("events", *(sa.column(name) for name in ("seq", "at", "body", "hash")))
CONTROL = sa.table("control", sa.column("name"), sa.column("value"))
SEAL = (
    sa.update(EVENTS)
    .where(EVENTS.c.seq == sa.bindparam("old"))
    .values({name: sa.bindparam(f"new_{name}") for name in ("seq", "body", "hash")})
)


def upgrade() -> None:
    op.add_column("events", sa.Column("hash", sa.String, nullable=False, server_default=""))
    head = Link()
    for batch in _batches(op.get_bind()):
        values = []
        for old in batch:
            sealed = _sealed(old, head)
            values.append(
                {"old": old.seq, "new_seq": sealed.seq, "new_body": sealed.body, "new_hash": sealed.hash}
            )
            head = sealed.link
        # A new number is never above the old one, so that no two meet.
        op.get_bind().execute(SEAL, values)
    value = json.dumps({"seq": head.seq, "hash": head.hash})
    op.execute(CONTROL.insert().values(name="chain", value=value))


def _batches(db: sa.Connection) -> Iterator[list[Any]]:
    """A trail may be longer than the memory is large."""
    last = -1
    query = sa.select(EVENTS).where(EVENTS.c.seq > sa.bindparam("last")).order_by(EVENTS.c.seq).limit(BATCH)
    while batch := list(db.execute(query, {"last": last})):
        yield batch
        last = batch[-1].seq


def _sealed(old: Any, head: Link) -> Sealed:
    """Of what was said only full key ids are taken out, which people's reasons could hold until now."""
    try:
        record = json.loads(old.body)
    except ValueError:
        raise LedgerError("the ledger holds a row that is damaged: restore it from a backup") from None
    return seal_record({**record, "at": old.at}, head)
