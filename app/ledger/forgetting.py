"""What leaves the tables by name, inside one transaction. (`pruning.py` finds out itself what can go.)"""

from typing import Any

from sqlalchemy import BindParameter, Connection, Table, bindparam, delete, select

from app.ledger import schema
from app.ledger.interface import Change

_ACCOUNT: BindParameter[Any] = bindparam("account")
_MINE: BindParameter[Any] = bindparam("mine")
_FINDINGS = select(schema.findings.c.id).where(schema.findings.c.account_id == _ACCOUNT).scalar_subquery()
_OF_FINDINGS = (schema.deliveries, schema.tickets, schema.holds)
_OF_KEYS = (schema.snoozes, schema.refusals)
_OF_ACCOUNT = (schema.findings, schema.facts, schema.users, schema.reports, schema.accounts)
_BY_KEY = [delete(table).where(table.c.uid.startswith(_MINE)) for table in _OF_KEYS]
_BY_ACCOUNT = [
    *(delete(table).where(table.c.finding_id.in_(_FINDINGS)) for table in _OF_FINDINGS),
    *(delete(table).where(table.c.account_id == _ACCOUNT) for table in _OF_ACCOUNT),
]


def forget(db: Connection, change: Change) -> None:
    for account in change.forget_accounts:
        for statement in _BY_KEY:
            db.execute(statement, {"mine": f"{account}/"})
        for statement in _BY_ACCOUNT:
            db.execute(statement, {"account": account})
    for account, user in change.forget_users:
        _drop(db, schema.users, account, user)
    for uid in change.forget_snoozes:
        _drop(db, schema.snoozes, uid)
    for address, uid in change.forget_refusals:
        _drop(db, schema.refusals, address, uid)


def _drop(db: Connection, table: Table, *key: str) -> None:
    statement = delete(table)
    for column, value in zip(table.primary_key, key, strict=True):
        statement = statement.where(column == value)
    db.execute(statement)
