"""Opens the ledger that the config's URL names, and brings its schema up to date."""

import errno
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, inspect, text

from app.errors import LedgerError, NoLedger
from app.ledger.faults import readable_errors
from app.ledger.interface import Ledger
from app.ledger.lock import FileLock
from app.ledger.schema import HEAD
from app.ledger.sql import SqlLedger

BUSY_TIMEOUT = 10  # seconds that a write waits for another process's


def open_ledger(url: str, *, create: bool = True) -> Ledger:
    """The ledger at ``url``. Raises `LedgerError` with a remedy.

    ``create`` False: a ledger that isn't there is an error rather than a new one.
    """
    scheme = url.partition(":")[0]
    if scheme != "sqlite":
        raise LedgerError(f"ledgers of type {scheme} are not supported in this version: use sqlite:///PATH")
    return _open_sqlite(sqlite_file(url), create)


def sqlite_file(url: str) -> Path:
    """``sqlite:///var/x.db`` means ``/var/x.db``, ``sqlite:///./x.db`` is relative to here."""
    path = url.removeprefix("sqlite:///")
    return Path(path if path.startswith(("/", "./", "../")) else f"/{path}")


def _open_sqlite(path: Path, create: bool) -> Ledger:
    _prepare(path, create)
    engine = sqlite_engine(path)
    with readable_errors():
        if not _is_ready(engine):
            _make_ready(engine, path)
    return SqlLedger(engine, FileLock(path.with_name(f"{path.name}.lock")))


def _prepare(path: Path, create: bool) -> None:
    """The file holds full key ids: nobody else on the machine may read it.

    One that is there is not touched: closing it would drop every lock that this process's SQLite holds on it
    (POSIX locks go by process and file), and another process could then delete the log under it.
    """
    if not create and not path.exists():
        raise NoLedger(f"there is no ledger at {path}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        elif path.is_dir() or not os.access(path, os.R_OK | os.W_OK):
            code = errno.EISDIR if path.is_dir() else errno.EACCES
            raise OSError(code, os.strerror(code))
    except OSError as error:
        raise LedgerError(
            f"the ledger {path} can't be opened: {error.strerror}; "
            "its folder must exist and be writable for the service's user"
        ) from None


def sqlite_engine(path: Path, busy_timeout: float = BUSY_TIMEOUT) -> Engine:
    """``busy_timeout`` in seconds. Its errors never quote a statement's values."""
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": busy_timeout})
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in ("synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: Any) -> None:
    """A write takes its lock at the start: two processes never deadlock half-way."""
    options = connection.get_execution_options()
    if not options.get("outside_transactions"):
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("write") else "BEGIN")


def _is_ready(engine: Engine) -> bool:
    """Asked without a lock: a ledger in use opens at once."""
    with engine.connect() as db:
        mode = db.exec_driver_sql("PRAGMA journal_mode").scalar()
    return mode == "wal" and _version(engine) == HEAD


def _version(engine: Engine) -> str | None:
    with engine.connect() as db:
        if not inspect(db).has_table("alembic_version"):
            return None
        version: str | None = db.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return version


def _make_ready(engine: Engine, path: Path) -> None:
    """Under a lock of its own, so that two processes that start at once don't collide."""
    lock = FileLock(path.with_name(f"{path.name}.migrate"))
    with lock.hold(timedelta(seconds=60)) as got:
        if not got:
            raise LedgerError("another process has been migrating the ledger for a minute: end it, try again")
        _write_ahead(engine)
        _migrate(engine)


def _write_ahead(engine: Engine) -> None:
    """Once for all: the file keeps the mode.

    Never without the lock: of two that switch at once one fails, as SQLite waits for no lock where
    that could be a deadlock (https://www.sqlite.org/c3ref/busy_handler.html).
    """
    with engine.connect() as plain:
        db = plain.execution_options(outside_transactions=True)
        db.exec_driver_sql("PRAGMA journal_mode=WAL")


def _migrate(engine: Engine) -> None:
    version = _version(engine)
    if version != HEAD:
        from app.ledger.migrations import upgrade  # slow to import, seldom needed

        upgrade(engine, version)
