"""Opens the ledger that the config's URL names, and brings its schema up to date."""

from dataclasses import dataclass
from datetime import timedelta

from app.errors import LedgerError
from app.ledger.interface import Ledger
from app.ledger.tenure import TERM


def open_ledger(url: str, *, create: bool = True, term: timedelta = TERM) -> Ledger:
    """The ledger at ``url``. Raises `LedgerError` with a remedy.

    ``create`` False: a ledger that isn't there is an error rather than a new one. ``term``: how long a silent
    replica keeps the lease on a server. What only one kind needs is imported for that kind only.
    """
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from app.ledger.sqlite import open_sqlite

        return open_sqlite(url, create)
    if scheme == "postgresql":
        from app.ledger.postgres import open_postgres

        return open_postgres(url, create, term)
    if scheme == "dynamodb":
        from app.ledger.dynamodb.ledger import open_dynamodb

        return open_dynamodb(url, create, term)
    raise LedgerError(
        f"ledgers of type {scheme} are not supported in this version: "
        "use sqlite:///PATH, postgresql://HOST/DB or dynamodb://TABLE"
    )


@dataclass(frozen=True, slots=True)
class Made:
    """The ledger's schema ``before`` (None: there was no ledger) and ``after`` it was made."""

    before: str | None
    after: str


def make_ledger(url: str) -> Made:
    """Makes what `open_ledger` doesn't: a table. What is there is left, completed, and brought up to date."""
    before = schema_of(url)
    if url.partition(":")[0] == "dynamodb":
        from app.ledger.dynamodb.making import make_table

        make_table(url)
    open_ledger(url).close()
    return Made(before, schema_of(url) or "")


def schema_of(url: str) -> str | None:
    """The schema of the ledger at ``url``, which is left as it is; None: there is none."""
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        from app.ledger.sqlite import sqlite_schema

        return sqlite_schema(url)
    if scheme == "postgresql":
        from app.ledger.postgres import postgres_schema

        return postgres_schema(url)
    if scheme == "dynamodb":
        from app.ledger.dynamodb.ledger import dynamodb_schema

        return dynamodb_schema(url)
    return None
