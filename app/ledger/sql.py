"""The ledger on a SQL database, with SQLAlchemy Core."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, delete, func, select

from app.errors import LedgerError, Paused, StaleLease
from app.ledger import dumping, filling, pruning, reading, rows, schema, writing
from app.ledger.chain import Ends, Sealed
from app.ledger.claims import CLAIMABLE, claimed, requeued
from app.ledger.faults import readable_errors
from app.ledger.interface import AccountRows, Change, Lease, LedgerView
from app.ledger.moving import NOT_EMPTY, Dump, Row
from app.ledger.version import check_newest
from app.model import UNDELIVERED, CopyMark, Delivery, DeliveryState, Event, Facts, Finding, KeptReport, Pause
from app.plan.kept import Approval, HeldPlan, Hold


class Leases(Protocol):
    """One holder at a time, over all processes and hosts that share the ledger."""

    def hold(self, holder: str, wait: timedelta) -> AbstractContextManager[Lease | None]: ...

    def held(self) -> bool: ...

    def orphaned(self) -> bool: ...


class SqlLedger:
    """`Ledger` over ``engine``. Reads are one snapshot each, writes one transaction each.

    ``reads``: the engine with what a snapshot takes there. A transaction with the option ``write`` excludes
    all others from its first statement on; one with ``patient`` may wait for somebody else's pipe.
    """

    def __init__(self, engine: Engine, leases: Leases, reads: Engine | None = None) -> None:
        self._engine, self._reads = engine, reads or engine
        self._leases = leases

    # --- reading ---------------------------------------------------------------------------------

    def view(self) -> LedgerView:
        with self._reading() as db:
            return reading.frame(db).with_rows(reading.everything(db))

    def frame(self) -> LedgerView:
        with self._reading() as db:
            return reading.frame(db)

    def account(self, account_id: str) -> AccountRows:
        with self._reading() as db:
            return reading.account(db, account_id)

    def accounts_with_findings(self) -> frozenset[str]:
        with self._reading() as db:
            return reading.accounts_with_findings(db)

    def search(self, wanted: Callable[[Facts], bool]) -> Sequence[Facts]:
        with self._reading() as db:
            return reading.search(db, wanted)

    def finding(self, finding_id: str) -> Finding | None:
        with self._reading() as db:
            return reading.finding(db, finding_id)

    def on_ticket(self, sink: str, ticket: str) -> Sequence[Finding]:
        with self._reading() as db:
            return reading.on_ticket(db, sink, ticket)

    def has_tickets(self, sink: str) -> bool:
        with self._reading() as db:
            return reading.has_tickets(db, sink)

    def kept_report(self, account_id: str) -> KeptReport | None:
        with self._reading() as db:
            return reading.kept_report(db, account_id)

    def held_plans(self) -> Sequence[HeldPlan]:
        with self._reading() as db:
            return reading.held_plans(db)

    def approvals(self) -> Sequence[Approval]:
        with self._reading() as db:
            return reading.approvals(db)

    def holds(self) -> Sequence[Hold]:
        with self._reading() as db:
            return reading.holds(db)

    def delivery(self, delivery_id: str) -> Delivery | None:
        query = select(schema.deliveries.c.body).where(schema.deliveries.c.id == delivery_id)
        with self._reading() as db:
            body = db.execute(query).scalar()
        return rows.DELIVERY.load(body) if body else None

    def deliveries_of(self, finding_id: str) -> Sequence[Delivery]:
        return self._deliveries(schema.deliveries.c.finding_id == finding_id)

    def undelivered(self) -> Sequence[Delivery]:
        states = [*UNDELIVERED, DeliveryState.DEAD]
        return self._deliveries(schema.deliveries.c.state.in_([s.value for s in states]))

    def abandoned(self, lease: Lease) -> tuple[Delivery, ...]:
        table = schema.deliveries
        claimed = table.c.state == DeliveryState.CLAIMED.value
        return tuple(self._deliveries(claimed & (table.c.epoch < lease.epoch)))

    def _deliveries(self, where: Any) -> Sequence[Delivery]:
        table = schema.deliveries
        with self._reading() as db:
            found = db.execute(select(table.c.body).where(where).order_by(table.c.seq)).scalars()
            return [rows.DELIVERY.load(body) for body in found]

    def events(self, since: datetime | None = None) -> Sequence[Event]:
        table = schema.events
        query = select(table.c.body).order_by(table.c.seq)
        if since is not None:
            query = query.where(table.c.at >= reading.stamp(since))
        with self._reading() as db:
            return [rows.EVENT.load(body) for body in db.execute(query).scalars()]

    def sealed(self, since_seq: int | None = None) -> Iterator[Sealed]:
        start = since_seq
        while True:
            with self._reading() as db:
                found = reading.sealed(db, start)
            yield from found
            if len(found) < reading.SEALED_AT_ONCE:
                return
            start = found[-1].seq + 1

    def chain(self) -> Ends:
        with self._reading() as db:
            return reading.ends(db)

    def copied(self, target: str) -> CopyMark:
        with self._reading() as db:
            return reading.copied(db, target)

    def paused(self) -> Pause | None:
        with self._reading() as db:
            return reading.pause(db)

    def rehearsal(self) -> datetime | None:
        with self._reading() as db:
            value = reading.control(db, "rehearsal")
        return datetime.fromisoformat(value) if value else None

    def picture(self) -> bytes | None:
        with self._reading() as db:
            value = reading.control(db, "picture")
        return None if value is None else b64decode(value)

    @contextmanager
    def dump(self) -> Iterator[Dump]:
        with self._reading(patient=True) as db:
            yield Dump(dumping.counts(db), dumping.dumped(db))

    # --- writing ---------------------------------------------------------------------------------

    def apply(self, change: Change, lease: Lease | None = None) -> None:
        with self._writing() as db:
            if lease:
                _check_lease(db, lease)
            writing.write(db, change)

    def claim(self, ids: Iterable[str], message_id: str, lease: Lease) -> tuple[Delivery, ...]:
        with self._writing() as db:
            _check_lease(db, lease)
            _check_pause(db)
            found = [row for i in dict.fromkeys(ids) if (row := _in_state(db, i, CLAIMABLE))]
            taken = [claimed(row, message_id, lease) for row in found]
            writing.deliveries(db, taken)
        return tuple(replace(new, state=old.state) for new, old in zip(taken, found, strict=True))

    def keep_picture(self, body: bytes) -> None:
        with self._writing() as db:
            writing.set_control(db, "picture", b64encode(body).decode())

    def approve(self, approval: Approval, event: Event) -> bool:
        with self._writing() as db:
            written = writing.approve(db, approval)
            if written:
                writing.events(db, (event,))
            return written

    def requeue(self, events: Mapping[str, Event], at: datetime) -> tuple[Delivery, ...]:
        with self._writing() as db:
            dead = (_in_state(db, i, (DeliveryState.DEAD,)) for i in events)
            back = tuple(requeued(row, at) for row in dead if row)
            writing.deliveries(db, back)
            writing.events(db, [events[row.id] for row in back])
        return back

    def prune(self, before: datetime, lease: Lease) -> Mapping[str, int]:
        with self._reading() as db:
            _check_lease(db, lease)
            doomed = pruning.doomed(db, before)
        for batch in doomed.batches():
            with self._writing() as db:
                _check_lease(db, lease)
                pruning.drop(db, batch)
        return doomed.counts()

    def pause(self, pause: Pause | None, event: Event) -> None:
        with self._writing() as db:
            db.execute(delete(schema.control).where(schema.control.c.name == "pause"))
            if pause:
                writing.set_control(db, "pause", rows.PAUSE.dump(pause))
            writing.events(db, (event,))

    def mark_rehearsal(self, at: datetime) -> None:
        with self._writing() as db:
            if reading.control(db, "rehearsal"):
                return
            if db.execute(select(func.count()).select_from(schema.runs)).scalar():
                raise LedgerError("this ledger belongs to normal runs: a rehearsal needs a ledger of its own")
            writing.set_control(db, "rehearsal", at.isoformat())

    def fill(self, rows: Iterable[Row]) -> None:
        with self._writing(patient=True) as db:
            if dumping.counts(db):
                raise LedgerError(NOT_EMPTY)
            filling.fill(db, rows)

    def lease(self, holder: str, wait: timedelta) -> AbstractContextManager[Lease | None]:
        return self._leases.hold(holder, wait)

    def held(self) -> bool:
        return self._leases.held()

    def orphaned(self) -> bool:
        return self._leases.orphaned()

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _reading(self, **options: bool) -> Iterator[Connection]:
        with readable_errors(), self._reads.connect() as plain:
            db = plain.execution_options(**options)
            with db.begin():
                yield db

    @contextmanager
    def _writing(self, **options: bool) -> Iterator[Connection]:
        with readable_errors(), self._engine.connect() as plain:
            db = plain.execution_options(write=True, **options)
            with db.begin():
                yield db


def next_epoch(db: Connection, holder: str) -> int:
    """Begins a tenure: from here on writes under any lease before it are refused.

    Raises `LedgerError` where a newer release has migrated the ledger meanwhile.
    """
    check_newest(db)
    epoch = int(reading.control(db, "epoch") or 0) + 1
    writing.set_control(db, "epoch", str(epoch))
    writing.set_control(db, "holder", holder)
    return epoch


def _check_lease(db: Connection, lease: Lease) -> None:
    if int(reading.control(db, "epoch") or 0) != lease.epoch:
        raise StaleLease("another replica has taken over: nothing was written")


def _check_pause(db: Connection) -> None:
    pause = reading.pause(db)
    if pause:
        raise Paused(f"paused by {pause.by}: {pause.reason}; `keysteward resume` goes on")


def _in_state(db: Connection, delivery_id: str, states: Iterable[DeliveryState]) -> Delivery | None:
    table = schema.deliveries
    query = select(table.c.body).where((table.c.id == delivery_id) & table.c.state.in_([*states]))
    body = db.execute(query).scalar()
    return rows.DELIVERY.load(body) if body else None
