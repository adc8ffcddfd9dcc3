"""Opening a ledger: what a URL means, and what is said when it can't be opened."""

import os
import sqlite3
import stat
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from app.errors import LedgerError
from app.ledger import migrations, schema
from app.ledger.open import open_ledger
from app.ledger.sqlite import sqlite_engine, sqlite_file
from app.plan.record import Change
from tests.fakes.ledger_rows import KEY_ID, UID, WHOLE, a_uid, facts


def make(path: Path, change: Change = WHOLE) -> str:
    url = f"sqlite:///{path}"
    ledger = open_ledger(url)
    ledger.apply(change)
    ledger.close()
    return url


def execute(path: Path, statement: str) -> None:
    db = sqlite3.connect(path)
    db.execute(statement)
    db.commit()
    db.close()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///var/lib/x.db", "/var/lib/x.db"),
        ("sqlite:////var/lib/x.db", "/var/lib/x.db"),
        ("sqlite:///./x.db", "x.db"),
        ("sqlite:///../x.db", "../x.db"),
    ],
)
def test_a_url_names_an_absolute_path_unless_it_begins_with_a_dot(url: str, path: str) -> None:
    assert sqlite_file(url) == Path(path)


@pytest.mark.parametrize("name", ["plain.db", "a b?c=d#e%20f.db"])
def test_the_file_and_its_folder_are_made_as_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / "new" / name
    make(path)
    assert list(open_ledger(f"sqlite:///{path}", create=False).view().facts) == [UID]
    assert {p.name.removeprefix(name) for p in path.parent.iterdir()} >= {"", ".migrate"}


def test_by_whichever_name_a_file_is_opened_one_holds_its_lease(tmp_path: Path) -> None:
    url = make(tmp_path / "ledger.db")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/link.db").symlink_to(tmp_path / "ledger.db")
    one, other = open_ledger(url), open_ledger(f"sqlite:///{tmp_path}/etc/link.db")
    with one.lease("a", timedelta(0)) as first, other.lease("b", timedelta(0)) as second:
        assert first
        assert second is None


def test_nobody_else_can_read_the_ledger_or_its_side_files(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
        ledger.apply(WHOLE)
    finally:
        os.umask(old)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()}
    assert {"ledger.db", "ledger.db-wal", "ledger.db-shm"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_a_missing_ledger_is_only_made_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with pytest.raises(LedgerError, match=f"there is no ledger at {path}"):
        open_ledger(f"sqlite:///{path}", create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("create", [True, False])
def test_a_ledger_that_is_ready_opens_without_a_lock(tmp_path: Path, create: bool) -> None:
    url = make(tmp_path / "ledger.db")
    (tmp_path / "ledger.db.migrate").unlink()
    assert list(open_ledger(url, create=create).view().facts) == [UID]
    assert not (tmp_path / "ledger.db.migrate").exists()


def test_a_ledger_that_lost_its_write_ahead_log_in_a_restore_gets_it_back(tmp_path: Path) -> None:
    url = make(tmp_path / "ledger.db")
    execute(tmp_path / "ledger.db", "PRAGMA journal_mode=DELETE")
    assert list(open_ledger(url, create=False).view().facts) == [UID]
    with sqlite_engine(tmp_path / "ledger.db").connect() as db:
        assert db.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_a_folder_that_cannot_be_made_is_named_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(LedgerError, match=r"file/ledger\.db can't be opened: .*; its folder must exist"):
        open_ledger(f"sqlite:///{tmp_path}/file/ledger.db")


def test_a_folder_in_the_ledgers_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="Is a directory"):
        open_ledger(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize("url", ["mysql://joe:hunter2@db/keysteward", "oracle://joe:hunter2@db"])
def test_other_databases_are_refused_without_their_password(url: str) -> None:
    with pytest.raises(LedgerError, match="not supported in this version: use sqlite") as raised:
        open_ledger(url)
    assert "hunter2" not in str(raised.value)


def test_a_file_that_is_no_database_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("my diary\n" * 500)
    with pytest.raises(LedgerError, match="is not a database: name another file"):
        open_ledger(f"sqlite:///{path}")
    assert path.read_text() == "my diary\n" * 500


def test_a_damaged_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    url = make(path, Change(facts=tuple(facts(a_uid(n)) for n in range(500))))
    content = path.read_bytes()
    path.write_bytes(content[:8192] + b"\xff" * (len(content) - 8192))
    with pytest.raises(LedgerError, match="is damaged: restore it from a backup"):
        open_ledger(url).view()


def test_a_damaged_row_is_told_without_its_content(tmp_path: Path) -> None:
    url = make(tmp_path / "ledger.db")
    execute(tmp_path / "ledger.db", "UPDATE facts SET body = substr(body, 1, length(body) - 9)")
    with pytest.raises(LedgerError, match="damaged") as raised:
        open_ledger(url).view()
    assert KEY_ID not in str(raised.value)
    assert raised.value.__suppress_context__


def test_the_newest_migration_is_the_one_that_opening_compares() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.HEAD]


def test_a_ledger_that_is_up_to_date_opens_without_the_migration_machinery(tmp_path: Path) -> None:
    url = make(tmp_path / "ledger.db")
    code = (
        "import sys; from app.ledger.open import open_ledger; open_ledger(sys.argv[1]); print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code, url], check=True, capture_output=True, text=True
    ).stdout
    assert "sqlalchemy" in loaded.split()
    assert "alembic" not in loaded.split()
