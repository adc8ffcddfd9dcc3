"""The ledger on a SQL database, with SQLAlchemy Core."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Table, delete, func, insert, or_, select
from sqlalchemy.dialects.sqlite import insert as upsert

from app.errors import ConflictingWrite, LedgerError, Paused, StaleLease
from app.ledger import rows, schema
from app.ledger.claims import CLAIMABLE, claimed
from app.ledger.faults import readable_errors
from app.ledger.interface import AccountRows, Change, Lease, LedgerView
from app.model import (
    UNDELIVERED,
    Delivery,
    DeliveryState,
    Event,
    Finding,
    FindingState,
    KeptReport,
    Pause,
)

BATCH = 500  # ids in one statement: SQLite bounds its variables


class Lock(Protocol):
    """One holder at a time, over all processes; freed by the holder's death."""

    def hold(self, wait: timedelta) -> AbstractContextManager[bool]: ...


class SqlLedger:
    """`Ledger` over ``engine``. Reads are one snapshot each, writes one transaction each."""

    def __init__(self, engine: Engine, lock: Lock) -> None:
        self._engine = engine
        self._lock = lock

    # --- reading ---------------------------------------------------------------------------------

    def view(self) -> LedgerView:
        with self._reading() as db:
            findings = [rows.FINDING.load(b) for b in _bodies(db, schema.findings)]
            return LedgerView(
                facts={f.uid: f for f in map(rows.FACTS.load, _bodies(db, schema.facts))},
                findings={f.uid: f for f in findings},
                deliveries=_present_deliveries(db),
                snoozes={s.uid: s for s in map(rows.SNOOZE.load, _bodies(db, schema.snoozes))},
                refusals=tuple(map(rows.REFUSAL.load, _bodies(db, schema.refusals))),
                accounts={a.account_id: a for a in map(rows.ACCOUNT.load, _bodies(db, schema.accounts))},
                last_run=_last_run(db),
                pause=_pause(db),
            )

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

    def frame(self) -> LedgerView:
        return replace(self.view(), facts={}, findings={}, deliveries={})

    def account(self, account_id: str) -> AccountRows:
        query = select(schema.users.c.body).where(schema.users.c.account_id == account_id)
        with self._reading() as db:
            found = [rows.USER.load(body) for body in db.execute(query).scalars()]
        view = self.view()
        findings = {f.uid: f for f in view.findings.values() if f.account_id == account_id}
        return AccountRows(
            facts={f.uid: f for f in view.facts.values() if f.account_id == account_id},
            findings=findings,
            deliveries={f.id: view.deliveries[f.id] for f in findings.values() if f.id in view.deliveries},
            users={user.user: user for user in found},
        )

    def accounts_with_findings(self) -> frozenset[str]:
        return frozenset(f.account_id for f in self.view().findings.values())

    def finding(self, finding_id: str) -> Finding | None:
        return next((f for f in self.view().findings.values() if f.id == finding_id), None)

    def on_ticket(self, sink: str, ticket: str) -> Sequence[Finding]:
        known = (f for f in self.view().findings.values() if f.state is not FindingState.RESOLVED)
        keys = ((f, f.refs.get(sink, {}).get("key")) for f in known)
        return [f for f, key in keys if (key == ticket if ticket else key)]

    def kept_report(self, account_id: str) -> KeptReport | None:
        raise NotImplementedError

    def events(self, since: datetime | None = None) -> Sequence[Event]:
        table = schema.events
        query = select(table.c.body).order_by(table.c.seq)
        if since is not None:
            query = query.where(table.c.at >= _stamp(since))
        with self._reading() as db:
            return [rows.EVENT.load(body) for body in db.execute(query).scalars()]

    def paused(self) -> Pause | None:
        with self._reading() as db:
            return _pause(db)

    def rehearsal(self) -> datetime | None:
        with self._reading() as db:
            value = _control(db, "rehearsal")
        return datetime.fromisoformat(value) if value else None

    # --- writing ---------------------------------------------------------------------------------

    def apply(self, change: Change, lease: Lease | None = None) -> None:
        with self._writing() as db:
            if lease:
                _check_lease(db, lease)
            _write_findings(db, change.findings)
            _write_deliveries(db, change.deliveries)
            _write_rest(db, change)

    def claim(self, ids: Iterable[str], message_id: str, lease: Lease) -> tuple[Delivery, ...]:
        with self._writing() as db:
            _check_lease(db, lease)
            _check_pause(db)
            found = [row for i in dict.fromkeys(ids) if (row := _claimable(db, i))]
            taken = [claimed(row, message_id, lease) for row in found]
            _write_deliveries(db, taken)
        return tuple(replace(new, state=old.state) for new, old in zip(taken, found, strict=True))

    def pause(self, pause: Pause | None, event: Event) -> None:
        with self._writing() as db:
            db.execute(delete(schema.control).where(schema.control.c.name == "pause"))
            if pause:
                _set_control(db, "pause", rows.PAUSE.dump(pause))
            _append_events(db, (event,))

    def mark_rehearsal(self, at: datetime) -> None:
        with self._writing() as db:
            if _control(db, "rehearsal"):
                return
            if db.execute(select(func.count()).select_from(schema.runs)).scalar():
                raise LedgerError("this ledger belongs to normal runs: a rehearsal needs a ledger of its own")
            _set_control(db, "rehearsal", at.isoformat())

    @contextmanager
    def lease(self, holder: str, wait: timedelta) -> Iterator[Lease | None]:
        with self._lock.hold(wait) as got:
            yield self._new_lease(holder) if got else None

    def _new_lease(self, holder: str) -> Lease:
        with self._writing() as db:
            epoch = int(_control(db, "epoch") or 0) + 1
            _set_control(db, "epoch", str(epoch))
            _set_control(db, "holder", holder)
        return Lease(epoch)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with readable_errors(), self._engine.connect() as db, db.begin():
            yield db

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with readable_errors(), self._engine.connect() as plain:
            db = plain.execution_options(write=True)
            with db.begin():
                yield db


# --- one transaction's steps -----------------------------------------------------------------------


def _bodies(db: Connection, table: Table) -> Iterable[str]:
    return db.execute(select(table.c.body)).scalars()


def _present_deliveries(db: Connection) -> dict[str, list[Delivery]]:
    """The deliveries of each finding's present episode, in order of creation."""
    d, f = schema.deliveries, schema.findings
    join = d.join(f, (d.c.finding_id == f.c.id) & (d.c.episode == f.c.episode))
    found: dict[str, list[Delivery]] = {}
    for body in db.execute(select(d.c.body).select_from(join).order_by(d.c.seq)).scalars():
        row = rows.DELIVERY.load(body)
        found.setdefault(row.finding_id, []).append(row)
    return found


def _last_run(db: Connection) -> Any:
    table = schema.runs
    body = db.execute(select(table.c.body).order_by(table.c.seq.desc()).limit(1)).scalar()
    return rows.RUN.load(body) if body else None


def _pause(db: Connection) -> Pause | None:
    value = _control(db, "pause")
    return rows.PAUSE.load(value) if value else None


def _control(db: Connection, name: str) -> str | None:
    return db.execute(select(schema.control.c.value).where(schema.control.c.name == name)).scalar()


def _set_control(db: Connection, name: str, value: str) -> None:
    _upsert(db, schema.control, ("name",), [{"name": name, "value": value}])


def _check_lease(db: Connection, lease: Lease) -> None:
    if int(_control(db, "epoch") or 0) != lease.epoch:
        raise StaleLease("another replica has taken over: nothing was written")


def _check_pause(db: Connection) -> None:
    pause = _pause(db)
    if pause:
        raise Paused(f"paused by {pause.by}: {pause.reason}; `keysteward resume` goes on")


def _claimable(db: Connection, delivery_id: str) -> Delivery | None:
    table = schema.deliveries
    states = [s.value for s in CLAIMABLE]
    query = select(table.c.body).where((table.c.id == delivery_id) & table.c.state.in_(states))
    body = db.execute(query).scalar()
    return rows.DELIVERY.load(body) if body else None


def _revisions(db: Connection, ids: Sequence[str]) -> dict[str, int]:
    table = schema.findings
    found: dict[str, int] = {}
    for batch in _batches(ids):
        query = select(table.c.id, table.c.revision).where(table.c.id.in_(batch))
        found.update((finding_id, revision) for finding_id, revision in db.execute(query))
    return found


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[start : start + BATCH] for start in range(0, len(ids), BATCH))


def _write_findings(db: Connection, findings: Sequence[Finding]) -> None:
    stored = _revisions(db, [f.id for f in findings])
    for finding in findings:
        if stored.get(finding.id, 0) != finding.revision:
            raise ConflictingWrite(f"finding {finding.id} was changed meanwhile: the next run plans again")
    risen = [replace(f, revision=f.revision + 1) for f in findings]
    _upsert(
        db,
        schema.findings,
        ("id",),
        [
            {"id": f.id, "revision": f.revision, "episode": f.episode, "body": rows.FINDING.dump(f)}
            for f in risen
        ],
    )


def _write_deliveries(db: Connection, deliveries: Sequence[Delivery]) -> None:
    values = [
        {
            "id": d.id,
            "finding_id": d.finding_id,
            "episode": d.episode,
            "state": d.state.value,
            "epoch": d.epoch,
            "body": rows.DELIVERY.dump(d),
        }
        for d in deliveries
    ]
    _upsert(db, schema.deliveries, ("id",), values)


def _write_rest(db: Connection, change: Change) -> None:
    _upsert(db, schema.facts, ("uid",), [{"uid": f.uid, "body": rows.FACTS.dump(f)} for f in change.facts])
    for batch in _batches(change.forget):
        db.execute(delete(schema.facts).where(schema.facts.c.uid.in_(batch)))
    snoozes = [{"uid": s.uid, "body": rows.SNOOZE.dump(s)} for s in change.snoozes]
    _upsert(db, schema.snoozes, ("uid",), snoozes)
    refusals = [{"address": r.address, "uid": r.uid, "body": rows.REFUSAL.dump(r)} for r in change.refusals]
    _upsert(db, schema.refusals, ("address", "uid"), refusals)
    accounts = [{"account_id": a.account_id, "body": rows.ACCOUNT.dump(a)} for a in change.accounts]
    _upsert(db, schema.accounts, ("account_id",), accounts)
    users = [{"account_id": u.account_id, "user": u.user, "body": rows.USER.dump(u)} for u in change.users]
    _upsert(db, schema.users, ("account_id", "user"), users)
    _append_events(db, change.events)
    if change.run:
        db.execute(insert(schema.runs).values(body=rows.RUN.dump(change.run)))


def _append_events(db: Connection, events: Sequence[Event]) -> None:
    if events:
        db.execute(insert(schema.events), [{"at": _stamp(e.at), "body": rows.EVENT.dump(e)} for e in events])


def _upsert(db: Connection, table: Table, keys: tuple[str, ...], values: list[dict[str, Any]]) -> None:
    """Leaves a row that is the same already: most facts are, at each run."""
    if not values:
        return
    statement = upsert(table)
    others = {name: statement.excluded[name] for name in values[0] if name not in keys}
    differs = or_(*(table.c[name] != new for name, new in others.items()))
    write = statement.on_conflict_do_update(index_elements=list(keys), set_=others, where=differs)
    db.execute(write, values)


def _stamp(instant: datetime) -> str:
    """Sorts as text in the order of time."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")
