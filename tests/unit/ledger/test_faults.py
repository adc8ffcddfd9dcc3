"""What a database's own failures become: one line with a remedy, and nothing of the rows."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from app.errors import LedgerError
from app.ledger.lock import FileLock
from app.ledger.open import open_ledger
from app.ledger.sql import SqlLedger
from app.ledger.sqlite import FileLease, sqlite_engine
from app.plan.record import Change
from tests.fakes.ledger_rows import WHOLE, a_uid, facts

MANY = Change(facts=tuple(facts(a_uid(n)) for n in range(2000)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    open_ledger(f"sqlite:///{tmp_path}/ledger.db").close()
    return tmp_path / "ledger.db"


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    engine = sqlite_engine(path, busy_timeout=0.01)
    yield engine
    engine.dispose()


def ledger_with(engine: Engine, path: Path, pragma: str = "user_version") -> SqlLedger:
    event.listen(engine, "connect", lambda connection, record: connection.execute(f"PRAGMA {pragma}"))
    return SqlLedger(engine, FileLease(FileLock(path.with_name("lock")), engine))


def refused(ledger: SqlLedger, change: Change) -> str:
    with pytest.raises(LedgerError) as raised:
        ledger.apply(change)
    assert raised.value.__suppress_context__, "the database's own error quotes the statement"
    return str(raised.value)


def test_a_ledger_that_another_process_keeps_locked(engine: Engine, path: Path) -> None:
    ledger = ledger_with(engine, path)
    other = sqlite3.connect(path)
    other.execute("BEGIN IMMEDIATE")
    assert refused(ledger, WHOLE) == "the ledger is locked by another process: end that one, or wait for it"
    assert ledger.view().facts == {}, "reading goes on"
    other.rollback()
    ledger.apply(WHOLE)
    assert len(ledger.view().facts) == 1
    other.close()


def test_a_full_disk_loses_nothing(engine: Engine, path: Path) -> None:
    ledger = ledger_with(engine, path, "max_page_count=60")
    ledger.apply(WHOLE)
    assert "the disk is full; free some space" in refused(ledger, MANY)
    assert list(ledger.view().facts) == [WHOLE.facts[0].uid]


def test_a_ledger_that_is_read_only(engine: Engine, path: Path) -> None:
    ledger = ledger_with(engine, path, "query_only=ON")
    assert "let the service's user write to it" in refused(ledger, WHOLE)


def test_a_fault_without_a_remedy_is_named_by_its_type_alone(engine: Engine, path: Path) -> None:
    ledger = ledger_with(engine, path)
    with engine.begin() as db:
        db.exec_driver_sql("DROP TABLE facts")
    text = refused(ledger, WHOLE)
    assert text == "the ledger can't be used (OperationalError): see the database's own log"


def test_no_error_of_the_database_quotes_a_key_id(engine: Engine, path: Path) -> None:
    ledger = ledger_with(engine, path)
    with engine.begin() as db:
        db.exec_driver_sql("DROP TABLE facts")
    with pytest.raises(LedgerError) as raised:
        ledger.apply(MANY)
    hidden = raised.value.__context__  # what a log of the whole chain would show
    assert "INSERT INTO facts" in str(hidden)
    assert "AKIA" not in f"{raised.value!r} {hidden!r} {hidden}"


def test_a_written_row_outlasts_a_power_cut_and_readers_do_not_block_the_writer(engine: Engine) -> None:
    with engine.connect() as db:
        pragmas = {
            name: db.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}
