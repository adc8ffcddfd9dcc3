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
    raise LedgerError(
        f"ledgers of type {scheme} are not supported in this version: use sqlite:///PATH or postgresql://HOST/DB"
    )
