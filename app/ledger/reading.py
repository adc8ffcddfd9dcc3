"""What is read of the tables. Each query is built once: building one costs more than running it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, bindparam, select

from app.errors import LedgerError
from app.ledger import rows, schema
from app.ledger.chain import Ends, Link, Sealed
from app.ledger.chain import stamp as stamp
from app.ledger.interface import AccountRows, LedgerView
from app.model import CopyMark, Delivery, Facts, Finding, KeptReport, Pause, RunRecord
from app.plan.kept import Approval, HeldPlan, Hold, Trial
from app.plan.record import Refusals

SEALED_AT_ONCE = 500  # events

_DELIVERIES, _FINDINGS, _TICKETS = schema.deliveries, schema.findings, schema.tickets


def _of_account(table: Table) -> Select[Any]:
    return select(table.c.body).where(table.c.account_id == bindparam("account"))


_FACTS_OF, _FINDINGS_OF, _USERS_OF = map(_of_account, (schema.facts, schema.findings, schema.users))
_PRESENT = (  # the deliveries of each finding's present episode
    select(_DELIVERIES.c.body)
    .join(
        _FINDINGS,
        (_DELIVERIES.c.finding_id == _FINDINGS.c.id) & (_DELIVERIES.c.episode == _FINDINGS.c.episode),
    )
    .order_by(_DELIVERIES.c.seq)
)
_PRESENT_OF = _PRESENT.where(_FINDINGS.c.account_id == bindparam("account"))
_FINDING = select(_FINDINGS.c.body).where(_FINDINGS.c.id == bindparam("finding"))
_ON_TICKET = (
    select(_FINDINGS.c.body)
    .join(_TICKETS, _TICKETS.c.finding_id == _FINDINGS.c.id)
    .where((_TICKETS.c.sink == bindparam("sink")) & (_TICKETS.c.ticket == bindparam("ticket")))
    .order_by(_FINDINGS.c.id)
)
_ANY_TICKET = select(_TICKETS.c.ticket).where(_TICKETS.c.sink == bindparam("sink")).limit(1)
_REPORT = select(schema.reports).where(schema.reports.c.account_id == bindparam("account"))
_LAST_RUN = select(schema.runs.c.body).order_by(schema.runs.c.seq.desc()).limit(1)
_FIRST_SEALED = select(schema.events).order_by(schema.events.c.seq).limit(SEALED_AT_ONCE)
_SEALED = _FIRST_SEALED.where(schema.events.c.seq >= bindparam("since"))
_CONTROL = select(schema.control.c.value).where(schema.control.c.name == bindparam("name"))


def frame(db: Connection) -> LedgerView:
    return LedgerView(
        snoozes={s.uid: s for s in map(rows.SNOOZE.load, _all(db, schema.snoozes))},
        refusals=Refusals(map(rows.REFUSAL.load, _all(db, schema.refusals))),
        accounts={a.account_id: a for a in map(rows.ACCOUNT.load, _all(db, schema.accounts))},
        breakers={b.sink: b for b in map(rows.BREAKER.load, _all(db, schema.breakers))},
        last_run=_last_run(db),
        pause=pause(db),
        canary=canary(db),
    )


def everything(db: Connection) -> AccountRows:
    """As of one account, but of all; without the users, whom no plan asks for."""
    return _rows(_all(db, schema.facts), _all(db, schema.findings), db.execute(_PRESENT).scalars(), users=())


def account(db: Connection, account_id: str) -> AccountRows:
    queries = (_FACTS_OF, _FINDINGS_OF, _PRESENT_OF, _USERS_OF)
    return _rows(*(db.execute(query, {"account": account_id}).scalars() for query in queries))


def _rows(
    facts: Iterable[str], findings: Iterable[str], deliveries: Iterable[str], users: Iterable[str]
) -> AccountRows:
    return AccountRows(
        facts={f.uid: f for f in map(rows.FACTS.load, facts)},
        findings={f.uid: f for f in map(rows.FINDING.load, findings)},
        deliveries=_by_finding(map(rows.DELIVERY.load, deliveries)),
        users={u.user: u for u in map(rows.USER.load, users)},
    )


def _by_finding(deliveries: Iterable[Delivery]) -> Mapping[str, list[Delivery]]:
    found: dict[str, list[Delivery]] = {}
    for row in deliveries:
        found.setdefault(row.finding_id, []).append(row)
    return found


def accounts_with_findings(db: Connection) -> frozenset[str]:
    return frozenset(db.execute(select(_FINDINGS.c.account_id).distinct()).scalars())


def search(db: Connection, wanted: Callable[[Facts], bool]) -> list[Facts]:
    bodies = db.execute(select(schema.facts.c.body), execution_options={"yield_per": 1000}).scalars()
    return [facts for facts in map(rows.FACTS.load, bodies) if wanted(facts)]


def finding(db: Connection, finding_id: str) -> Finding | None:
    body = db.execute(_FINDING, {"finding": finding_id}).scalar()
    return rows.FINDING.load(body) if body else None


def on_ticket(db: Connection, sink: str, ticket: str) -> list[Finding]:
    found = db.execute(_ON_TICKET, {"sink": sink, "ticket": ticket}).scalars()
    return [rows.FINDING.load(body) for body in found]


def has_tickets(db: Connection, sink: str) -> bool:
    return db.execute(_ANY_TICKET, {"sink": sink}).scalar() is not None


def kept_report(db: Connection, account_id: str) -> KeptReport | None:
    row = db.execute(_REPORT, {"account": account_id}).one_or_none()
    if row is None:
        return None
    kept_at, made_at = (datetime.fromisoformat(text) for text in (row.kept_at, row.made_at))
    return KeptReport(row.account_id, kept_at, made_at, row.content)


def sealed(db: Connection, since_seq: int | None) -> list[Sealed]:
    """The next ones, `SEALED_AT_ONCE` at the most; from None on also what somebody has numbered below 1."""
    found = db.execute(_FIRST_SEALED if since_seq is None else _SEALED, {"since": since_seq})
    return [Sealed(row.seq, row.at, row.body, row.hash) for row in found]


def ends(db: Connection) -> Ends:
    anchor = control(db, "chain_anchor")
    return Ends(rows.LINK.load(anchor) if anchor else Link(), head(db))


def head(db: Connection) -> Link | None:
    value = control(db, "chain")
    try:
        return rows.LINK.load(value) if value else None
    except LedgerError:
        return None


def copied(db: Connection, target: str) -> CopyMark:
    value = control(db, copy_name(target))
    return rows.COPY.load(value) if value else CopyMark(target)


def copy_name(target: str) -> str:
    return f"copy {target}"


def held_plans(db: Connection) -> list[HeldPlan]:
    return [rows.HELD_PLAN.load(body) for body in _ordered(db, schema.held_plans)]


def approvals(db: Connection) -> list[Approval]:
    return [rows.APPROVAL.load(body) for body in _ordered(db, schema.approvals)]


def holds(db: Connection) -> list[Hold]:
    return [rows.HOLD.load(body) for body in _ordered(db, schema.holds)]


def canary(db: Connection) -> Trial | None:
    value = control(db, "canary")
    return rows.TRIAL.load(value) if value else None


def pause(db: Connection) -> Pause | None:
    value = control(db, "pause")
    return rows.PAUSE.load(value) if value else None


def control(db: Connection, name: str) -> str | None:
    return db.execute(_CONTROL, {"name": name}).scalar()


def _last_run(db: Connection) -> RunRecord | None:
    body = db.execute(_LAST_RUN).scalar()
    return rows.RUN.load(body) if body else None


def _all(db: Connection, table: Table) -> Iterable[str]:
    return db.execute(select(table.c.body)).scalars()


def _ordered(db: Connection, table: Table) -> Iterable[str]:
    """By the table's own key."""
    return db.execute(select(table.c.body).order_by(*table.primary_key)).scalars()
