"""SQLite: one file on a local disk, for one replica and the commands beside it."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event

from app.errors import MENDED_BY, LedgerError, NoLedger
from app.ledger import reading
from app.ledger.faults import readable_errors
from app.ledger.interface import Lease, Ledger, lent
from app.ledger.lock import FileLock
from app.ledger.sql import SqlLedger, next_epoch
from app.ledger.version import disposing, disposing_on_failure, is_newest, migrate, version_of
from app.ledger.writing import set_control

BUSY_TIMEOUT = 10  # seconds that a write waits for another process's


def sqlite_file(url: str) -> Path:
    """``sqlite:///var/x.db`` means ``/var/x.db``, ``sqlite:///./x.db`` is relative to here."""
    path = url.removeprefix("sqlite:///")
    return Path(path if path.startswith(("/", "./", "../")) else f"/{path}")


def open_sqlite(url: str, create: bool) -> Ledger:
    """Raises `LedgerError`; `NoLedger` when there is none and none is to be made."""
    path = sqlite_file(url)
    _prepare(path, create)
    engine = sqlite_engine(path)
    with readable_errors(), disposing_on_failure(engine):
        if not _is_ready(engine):
            _make_ready(engine, path)
    return SqlLedger(engine, FileLease(FileLock(_beside(path, "lock")), engine))


def sqlite_schema(url: str) -> str | None:
    """Of the ledger as it is; None: there is none."""
    path = sqlite_file(url)
    if not path.exists():
        return None
    with readable_errors(), disposing(sqlite_engine(path)) as engine:
        return version_of(engine)


@dataclass(frozen=True)
class FileLease:
    """`Leases` by a file lock: the kernel frees it when its holder dies, so that nothing has to be timed."""

    lock: FileLock
    engine: Engine

    @contextmanager
    def hold(self, holder: str, wait: timedelta) -> Iterator[Lease | None]:
        with self.lock.hold(wait) as got:
            if not got:
                yield None
                return
            epoch = self._sit(holder)
            try:
                with lent(epoch) as lease:
                    yield lease
            finally:
                with suppress(LedgerError):
                    self._rise()

    def held(self) -> bool:
        with self.lock.hold(timedelta(0)) as got:
            return not got

    def orphaned(self) -> bool:
        """Only a dead holder leaves its name without the lock."""
        with readable_errors(), self.engine.connect() as db:
            holder = reading.control(db, "holder")
        if not holder:
            return False
        with self.lock.hold(timedelta(0)) as got:
            return got

    def _sit(self, holder: str) -> int:
        with readable_errors(), self.engine.execution_options(write=True).begin() as db:
            return next_epoch(db, holder)

    def _rise(self) -> None:
        with readable_errors(), self.engine.execution_options(write=True).begin() as db:
            set_control(db, "holder", "")


def _prepare(path: Path, create: bool) -> None:
    """The file holds full key ids: nobody else on the machine may read it.

    One that is there is not touched: closing it would drop every lock that this process's SQLite holds on it
    (POSIX locks go by process and file), and another process could then delete the log under it.
    """
    if not create and not path.exists():
        raise NoLedger(f"there is no ledger at {path}: {MENDED_BY}")
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


def _beside(path: Path, kind: str) -> Path:
    """Beside the file itself, where SQLite has its log too: a link to it is locked with it."""
    real = path.resolve()
    return real.with_name(f"{real.name}.{kind}")


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
    return mode == "wal" and is_newest(engine)


def _make_ready(engine: Engine, path: Path) -> None:
    """Under a lock of its own, so that two processes that start at once don't collide."""
    lock = FileLock(_beside(path, "migrate"))
    with lock.hold(timedelta(seconds=60)) as got:
        if not got:
            raise LedgerError("another process has been migrating the ledger for a minute: end it, try again")
        _write_ahead(engine)
        migrate(engine)


def _write_ahead(engine: Engine) -> None:
    """Once for all: the file keeps the mode.

    Never without the lock: of two that switch at once one fails, as SQLite waits for no lock where
    that could be a deadlock (https://www.sqlite.org/c3ref/busy_handler.html).
    """
    with engine.connect() as plain:
        db = plain.execution_options(outside_transactions=True)
        db.exec_driver_sql("PRAGMA journal_mode=WAL")
