"""Opens the ledger that the config's URL names, and brings its schema up to date."""

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


def make_ledger(url: str) -> None:
    """Makes what `open_ledger` doesn't: a table. What is there is left, and only completed."""
    if url.partition(":")[0] == "dynamodb":
        from app.ledger.dynamodb.making import make_table

        make_table(url)
    open_ledger(url).close()
