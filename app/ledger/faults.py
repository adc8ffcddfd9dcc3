"""A database's errors as one clear line with a remedy: never a statement, never its parameters."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from app.errors import LedgerError

# SQLite's primary result codes: https://www.sqlite.org/rescode.html
REMEDIES = {
    sqlite3.SQLITE_BUSY: "is locked by another process: end that one, or wait for it",
    sqlite3.SQLITE_LOCKED: "is locked by another process: end that one, or wait for it",
    sqlite3.SQLITE_FULL: "can't grow: the disk is full; free some space and start again, nothing is lost",
    sqlite3.SQLITE_READONLY: "can't be written: let the service's user write to it and its folder",
    sqlite3.SQLITE_CANTOPEN: "can't be opened: its folder must exist and be writable for the service",
    sqlite3.SQLITE_NOTADB: "is not a database: name another file, or restore it from a backup",
    sqlite3.SQLITE_CORRUPT: "is damaged: restore it from a backup",
    sqlite3.SQLITE_IOERR: "can't be read or written: check the disk and its free space",
}


@contextmanager
def readable_errors() -> Iterator[None]:
    """Turns whatever the database raises inside into a `LedgerError`."""
    try:
        yield
    except SQLAlchemyError as error:
        raise LedgerError(f"the ledger {_remedy(error)}") from None


def _remedy(error: SQLAlchemyError) -> str:
    cause = getattr(error, "orig", None)
    code = getattr(cause, "sqlite_errorcode", None)
    if isinstance(code, int) and (code & 0xFF) in REMEDIES:
        return REMEDIES[code & 0xFF]
    if "decode to UTF-8" in str(cause):  # raised by Python's own driver, which gives it no code
        return REMEDIES[sqlite3.SQLITE_CORRUPT]
    return f"can't be used ({type(cause or error).__name__}): see the database's own log"
