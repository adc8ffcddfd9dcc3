"""`keysteward ledger`: what is said, where an export goes, and what is left behind when it fails."""

import stat
from datetime import timedelta
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from app.cli.main import cli
from app.errors import ConfigError, LedgerError, NoLedger
from app.ledger import schema
from app.ledger.open import open_ledger
from app.ledger.sqlite import sqlite_engine
from app.plan.record import Change
from tests.fakes.ledger_rows import KEY_ID, UID, WHOLE, event, facts

NO_WAIT = timedelta(0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the config of an old ledger that is filled, and of a new one that isn't there."""
    for name in ("old", "new"):
        (tmp_path / f"{name}.yaml").write_text(f"ledger: sqlite:///{tmp_path}/{name}.db\n")
    ledger = open_ledger(f"sqlite:///{tmp_path}/old.db")
    ledger.apply(WHOLE)
    ledger.close()
    return tmp_path


def run(folder: Path, which: str, *args: str | Path, input: bytes = b"") -> Result:  # noqa: A002
    """Raises what `main` turns into exit codes 2 and 3."""
    command = ["ledger", *map(str, args), "--config", str(folder / f"{which}.yaml")]
    return CliRunner().invoke(cli, command, input=input, standalone_mode=False, catch_exceptions=False)


def test_migrating_says_what_it_did(folder: Path) -> None:
    assert run(folder, "new", "migrate").stdout == f"The ledger was made, with schema {schema.HEAD}\n"
    said = f"The ledger is up to date, with schema {schema.HEAD}\n"
    assert [run(folder, which, "migrate").stdout for which in ("new", "old")] == [said, said]


def test_a_ledger_moves_by_way_of_a_file(folder: Path) -> None:
    exported = run(folder, "old", "export", folder / "x.jsonl")
    assert (exported.return_value or 0, exported.stdout) == (0, "")
    assert exported.stderr.startswith("Exported 17 rows: canary 1, accounts 1, users 1")
    imported = run(folder, "new", "import", folder / "x.jsonl")
    assert imported.return_value == 0
    first, *rest = imported.stdout.splitlines()
    assert first == exported.stderr.strip().replace("Exported", "Imported")
    assert rest[0] == "1 events: no edit, no gap"
    assert list(open_ledger(f"sqlite:///{folder}/new.db").view().facts) == [UID]


def test_a_ledger_moves_through_a_pipe_with_its_full_key_ids(folder: Path) -> None:
    out = run(folder, "old", "export").stdout_bytes
    assert KEY_ID.encode() in out
    assert run(folder, "new", "import", "-", input=out).return_value == 0
    assert run(folder, "new", "export").stdout_bytes == out


def test_nobody_else_can_read_the_file(folder: Path) -> None:
    run(folder, "old", "export", folder / "x.jsonl")
    assert stat.S_IMODE((folder / "x.jsonl").stat().st_mode) == 0o600


def test_a_file_that_is_there_is_left_alone(folder: Path) -> None:
    (folder / "x.jsonl").write_text("the last export")
    with pytest.raises(click.FileError, match="File exists"):
        run(folder, "old", "export", folder / "x.jsonl")
    assert (folder / "x.jsonl").read_text() == "the last export"


def test_an_export_that_fails_leaves_no_file(folder: Path) -> None:
    with sqlite_engine(folder / "old.db").begin() as db:
        db.exec_driver_sql("UPDATE runs SET body = '{'")
    with pytest.raises(LedgerError, match="damaged"):
        run(folder, "old", "export", folder / "x.jsonl")
    assert not (folder / "x.jsonl").exists()


def test_where_there_is_no_ledger_there_is_nothing_to_export(folder: Path) -> None:
    with pytest.raises(NoLedger):
        run(folder, "new", "export", folder / "x.jsonl")
    assert {path.suffix for path in folder.glob("new*")} == {".yaml"}


def test_a_run_that_is_under_way_is_told(folder: Path) -> None:
    with open_ledger(f"sqlite:///{folder}/old.db").lease("a run", wait=NO_WAIT):
        told = run(folder, "old", "export").stderr
    assert told.startswith("warning: the service is at work: what it does from now on is not in this export")
    assert "warning" not in run(folder, "old", "export").stderr


@pytest.mark.parametrize("cut", [100, 2_000, -1])
def test_a_file_that_was_cut_off_leaves_the_ledger_empty(folder: Path, cut: int) -> None:
    content = run(folder, "old", "export").stdout_bytes
    (folder / "x.jsonl").write_bytes(content[:cut])
    with pytest.raises(ConfigError, match=f"^{folder / 'x.jsonl'}: (the export|this is no export)"):
        run(folder, "new", "import", folder / "x.jsonl")
    (folder / "x.jsonl").write_bytes(content)
    assert run(folder, "new", "import", folder / "x.jsonl").return_value == 0


def test_a_ledger_in_use_is_not_imported_into(folder: Path) -> None:
    run(folder, "old", "export", folder / "x.jsonl")
    open_ledger(f"sqlite:///{folder}/new.db").apply(Change(facts=(facts(),)))
    with pytest.raises(LedgerError, match="not empty"):
        run(folder, "new", "import", folder / "x.jsonl")


def test_a_file_that_is_not_there_is_told(folder: Path) -> None:
    with pytest.raises(click.FileError, match="No such file"):
        run(folder, "new", "import", folder / "x.jsonl")
    assert not (folder / "new.db").exists()


def test_a_trail_that_was_altered_before_arrives_as_it_was_and_is_told(folder: Path) -> None:
    open_ledger(f"sqlite:///{folder}/old.db").apply(Change(events=(event("second"),)))
    with sqlite_engine(folder / "old.db").begin() as db:
        db.exec_driver_sql("UPDATE events SET body = replace(body, 'second', 'nothing')")
    run(folder, "old", "export", folder / "x.jsonl")
    imported = run(folder, "new", "import", folder / "x.jsonl")
    assert imported.return_value == 1
    assert "event 2 is altered" in imported.stdout
    assert run(folder, "new", "export").stdout_bytes == (folder / "x.jsonl").read_bytes()
