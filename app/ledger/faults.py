"""A database's errors as one clear line with a remedy: never a statement, never its parameters."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import OperationalError, ProgrammingError, SQLAlchemyError

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
UNREACHABLE = (
    "can't be reached, or lets nobody in: is it up? are host, port, user, password, database, sslmode right?"
)
BAD_OPTION = "can't be opened: its URL has an option that PostgreSQL doesn't know"
STANDBY = "can't be written: its URL should name the primary server"
# PostgreSQL's classes and codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
STATES = {
    "25006": STANDBY,
    "0A000": STANDBY,  # it can't begin a transaction that writes
    "28": "refuses the user or the password of its URL",
    "3D": "is in a database that isn't there: create that, or mend the URL",
    "42501": "can't be written: the service's user needs CREATE on its schema and all rights on its tables",
    "53100": "can't grow: the disk is full; free some space, nothing is lost",
    "53300": "has no connection left: close some, or allow more",
    "55P03": "is locked by another process: end that one, or wait for it",
    "57014": "took too long to answer: see the database's own log",
    "57P": "is shutting down or starting: it is asked again",
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
    state = getattr(cause, "sqlstate", "")
    if state is None and isinstance(error, OperationalError):  # it never came to a server's answer
        return UNREACHABLE
    if state is None and isinstance(error, ProgrammingError):
        return BAD_OPTION
    known = next((STATES[state[:size]] for size in (5, 3, 2) if state and state[:size] in STATES), None)
    if known:
        return known
    if "decode to UTF-8" in str(cause):  # raised by Python's own driver, which gives it no code
        return REMEDIES[sqlite3.SQLITE_CORRUPT]
    return f"can't be used ({type(cause or error).__name__}): see the database's own log"
