"""`keysteward history`: what is shown, what an outsider can verify of it, and what --verify finds."""

import csv
import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from app.cli.history import COLUMNS
from app.cli.main import cli
from app.errors import LedgerError, NoLedger
from app.ledger.open import open_ledger
from app.model import Origin
from app.plan.record import Change
from tests.fakes.ledger_rows import ACCOUNT, DAY, KEY_ID, NOW, event
from tests.fakes.outsider import Outsider

EVENTS = (
    event("paused", by="ann@example.com", detail='an "incident"\nwith ünïcode, \u2028 and =1+1'),
    event("resumed", NOW + DAY, by="ann@example.com"),
    event(
        "deactivated",
        NOW + 2 * DAY,
        account_id=ACCOUNT,
        finding_id="KS-ABCDEFGHIJ",
        key="…WS7X",
        detail=f"the key {KEY_ID}",
        data={"evidence": {"key": {"status": "Active", "tags": {"sealed": None}}}},
        origin=Origin("enforce", "c0ffee", "1.2.3"),
    ),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.apply(Change(events=EVENTS))
    ledger.close()
    (tmp_path / "config.yaml").write_text(f"ledger: sqlite:///{tmp_path}/ledger.db\n")
    return tmp_path


def history(folder: Path, *args: str) -> tuple[int, str]:
    """The exit code and what is printed. Raises what `main` turns into exit codes 2 and 3."""
    command = ["history", *args, "--config", str(folder / "config.yaml")]
    done = CliRunner().invoke(cli, command, standalone_mode=False, catch_exceptions=False)
    return done.return_value, done.stdout


def tamper(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "ledger.db")) as db:
        db.execute(statement)
        db.commit()


def test_the_json_export_is_what_was_sealed(folder: Path) -> None:
    code, out = history(folder, "--format", "json")
    exported = json.loads(out)
    assert (code, [entry["seq"] for entry in exported]) == (0, [1, 2, 3])
    assert exported[0]["detail"] == EVENTS[0].detail
    assert exported[2]["data"] == EVENTS[2].data
    assert exported[2]["origin"] == {"mode": "enforce", "policy": "c0ffee", "version": "1.2.3"}
    assert set(exported[2]) == {
        "account_id",
        "at",
        "by",
        "data",
        "detail",
        "finding_id",
        "hash",
        "key",
        "origin",
        "seq",
        "what",
    }
    assert KEY_ID not in out


def test_the_csv_export_has_a_column_for_each(folder: Path) -> None:
    _, out = history(folder, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert tuple(rows[0]) == COLUMNS
    last = rows[2]
    assert (last["mode"], last["policy"], last["version"], last["seq"]) == ("enforce", "c0ffee", "1.2.3", "3")
    assert json.loads(last["data"]) == EVENTS[2].data
    assert len(last["hash"]) == 64


def test_a_part_of_the_trail_begins_with_an_instant(folder: Path) -> None:
    since = (NOW + DAY).isoformat()
    assert [e["seq"] for e in json.loads(history(folder, "--since", since, "--format", "json")[1])] == [2, 3]
    assert history(folder, "--since", since)[1].startswith("2 events")
    assert history(folder, "--since", "2030-01-01") == (0, "No events\n")


# --- an outsider ------------------------------------------------------------------------------------------


@pytest.fixture
def outsider(tmp_path: Path) -> Outsider:
    return Outsider.of_the_docs(tmp_path)


def test_an_outsider_can_verify_the_export_with_the_program_of_the_documentation(
    folder: Path, outsider: Outsider
) -> None:
    exported = history(folder, "--format", "json")[1]
    head = open_ledger(f"sqlite:///{folder}/ledger.db").chain().head
    assert head
    assert outsider.verifies(exported) == f"the last is event 3, {head.hash}\n"
    lines = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in json.loads(exported))
    assert outsider.verifies(lines) == f"the last is event 3, {head.hash}\n"


def test_the_documented_program_is_short_enough_to_be_read(outsider: Outsider) -> None:
    code = [line for line in outsider.program.read_text().splitlines() if line]
    assert len(code) <= 16


Forgery = Callable[[list[Any]], object]
FORGERIES: dict[str, Forgery] = {
    "an edit": lambda entries: entries[1].update(by="nobody"),
    "an edit inside": lambda entries: entries[2]["data"]["evidence"]["key"].update(status="Inactive"),
    "a field more": lambda entries: entries[1].update(more=""),
    "a hash": lambda entries: entries[1].update(hash="0" * 64),
    "one away": lambda entries: entries.pop(1),
    "the first away": lambda entries: entries.pop(0),
    "one twice": lambda entries: entries.insert(1, dict(entries[1])),
    "two swapped": lambda entries: entries.reverse(),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_an_outsider_finds_a_forgery(folder: Path, outsider: Outsider, name: str) -> None:
    entries = json.loads(history(folder, "--format", "json")[1])
    FORGERIES[name](entries)
    code, said = outsider.run(json.dumps(entries))
    assert code == 1
    assert "does not follow event" in said


# --- --verify ---------------------------------------------------------------------------------------------


def test_a_whole_trail_is_said_to_be_whole(folder: Path) -> None:
    code, out = history(folder, "--verify")
    head = open_ledger(f"sqlite:///{folder}/ledger.db").chain().head
    assert head
    assert (code, out) == (0, f"3 events: no edit, no gap\nThe last is event 3, {head.hash}\n")
    code, out = history(folder, "--verify", "--format", "json")
    zeros = {"seq": 0, "hash": "0" * 64}
    last = {"seq": 3, "hash": head.hash}
    assert (code, json.loads(out)) == (
        0,
        {"events": 3, "anchor": zeros, "last": last, "breaks": [], "intact": True},
    )


def test_every_break_is_said_and_the_exit_code_tells(folder: Path) -> None:
    tamper(folder, """UPDATE events SET body = replace(body, 'ann@', 'eve@') WHERE seq = 1""")
    tamper(folder, "DELETE FROM events WHERE seq = 3")
    code, out = history(folder, "--verify")
    said = [
        "event 1 is altered, or the one before with its hash",
        "event 3 is missing: the end was cut off, or the head was altered",
    ]
    assert (code, out.splitlines()[:3]) == (1, [*said, "2 events: 2 breaks"])
    code, out = history(folder, "--verify", "--format", "json")
    found = json.loads(out)
    assert (code, found["intact"], [one["text"] for one in found["breaks"]]) == (1, False, said)
    assert found["breaks"][0] == {"kind": "altered", "first": 1, "last": 1, "text": said[0]}
    code, out = history(folder, "--verify", "--format", "csv")
    assert (code, out.splitlines()[:2]) == (1, ["kind,first,last,text", f'altered,1,1,"{said[0]}"'])


def test_a_part_of_the_trail_can_t_be_verified(folder: Path) -> None:
    with pytest.raises(click.UsageError, match="leave --since out"):
        history(folder, "--verify", "--since", "2026-01-01")


def test_where_there_is_no_ledger_nothing_is_verified(folder: Path) -> None:
    (folder / "ledger.db").unlink()
    with pytest.raises(NoLedger, match="there is no ledger at"):
        history(folder, "--verify")
    assert history(folder) == (0, "No events\n")


def test_where_there_is_no_ledger_that_is_said_beside_the_empty_list(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "ledger.db").unlink()
    for command in ("history", "deliveries"):
        cli.main([command, "--config", str(folder / "config.yaml")], standalone_mode=False)
        assert "there is no ledger at" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["pause", "--reason", "x"],
        ["resume"],
        ["snooze", "KS-X", "--for", "7d", "--reason", "x"],
        ["unsnooze", "KS-X"],
        ["restore", "KS-X", "--reason", "x"],
        ["approve", "abcd", "--reason", "x"],
        ["deliveries", "--requeue", "--all-dead", "--reason", "x"],
    ],
    ids=lambda command: str(command[0]),
)
def test_a_command_that_changes_something_makes_no_ledger_where_a_mistyped_url_says(
    folder: Path, command: list[str]
) -> None:
    """A pause of a ledger that nobody else has would pause nothing, and say that it did."""
    (folder / "ledger.db").unlink()
    with pytest.raises(NoLedger, match="is this the URL that the service has"):
        cli.main([*command, "--by", "ann", "--config", str(folder / "config.yaml")], standalone_mode=False)
    assert not (folder / "ledger.db").exists()


@pytest.mark.parametrize("body", ["", "{", "[]", '{"at":"x"}', '{"at":1,"by":[],"what":{},"origin":5}'])
@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_an_export_of_a_damaged_event_ends_with_one_clear_line(folder: Path, form: str, body: str) -> None:
    tamper(folder, f"UPDATE events SET body = '{body}' WHERE seq = 2")
    if form == "json" and body.startswith('{"'):
        assert history(folder, "--format", form)[0] == 0  # shown as it is: --verify is for the rest
        return
    with pytest.raises(LedgerError, match=r"is damaged: restore|holds a row that is damaged"):
        history(folder, "--format", form)
