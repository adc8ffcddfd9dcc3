"""`keysteward deliveries`: what waits and what was given up, and how it is put back by hand."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from app.cli.deliveries import COLUMNS
from app.cli.main import cli
from app.ledger.interface import Ledger
from app.ledger.open import open_ledger
from app.model import INSTEAD, DeliveryState
from app.plan.record import Change
from app.service.lookup import NotFound
from tests.fakes.ledger_rows import DAY, NOW, a_uid, delivery, finding, run

WAITS = delivery(a_uid(1), DeliveryState.FAILED, next_attempt_at=NOW + DAY, attempts=2, error="HTTP 503")
DEAD = delivery(a_uid(2), DeliveryState.DEAD, settled_at=NOW, attempts=12, error="given up: HTTP 400")
JIRA = delivery(a_uid(3), DeliveryState.DEAD, sink="jira", settled_at=NOW, error="no such project")
PASSED_ON = delivery(
    a_uid(4), DeliveryState.DEAD, settled_at=NOW, error="users_not_found", receipt={INSTEAD: "#iam-keys"}
)
ROWS = (WAITS, DEAD, JIRA, PASSED_ON)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    findings = tuple(finding(a_uid(number)) for number in range(1, 5))
    ledger.apply(Change(findings=findings, deliveries=ROWS, run=run()))
    ledger.close()
    (tmp_path / "config.yaml").write_text(f"ledger: sqlite:///{tmp_path}/ledger.db\n")
    return tmp_path


@pytest.fixture
def ledger(folder: Path) -> Iterator[Ledger]:
    opened = open_ledger(f"sqlite:///{folder}/ledger.db")
    yield opened
    opened.close()


def deliveries(folder: Path, *args: str) -> str:
    """What is printed. Raises what `main` turns into exit codes 1 and 2."""
    command = ["deliveries", *args, "--config", str(folder / "config.yaml")]
    done = CliRunner().invoke(cli, command, standalone_mode=False, catch_exceptions=False)
    if done.exception:
        raise done.exception
    return done.stdout


def listed(folder: Path, *args: str) -> list[Any]:
    return [row["id"] for row in json.loads(deliveries(folder, "--format", "json", *args))]


def ids(*rows: Any) -> list[str]:
    return [row.id for row in rows]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ([], ROWS),
        (["--sink", "jira"], (JIRA,)),
        (["--state", "failed"], (WAITS,)),
        (["--state", "dead", "--sink", "slack"], (DEAD, PASSED_ON)),
        (["--state", "failed", "--state", "dead"], ROWS),
        ([DEAD.id], (DEAD,)),
        ([JIRA.finding_id], (JIRA,)),
        (["--sink", "mail"], ()),
    ],
)
def test_it_lists_what_waits_and_what_was_given_up(
    folder: Path, args: list[str], expected: tuple[Any]
) -> None:
    assert listed(folder, *args) == ids(*expected)


def test_json_and_csv_say_the_same_with_masked_keys(folder: Path) -> None:
    as_json = json.loads(deliveries(folder, "--format", "json"))
    as_csv = list(csv.DictReader(io.StringIO(deliveries(folder, "--format", "csv"))))
    assert tuple(as_json[0]) == tuple(as_csv[0]) == COLUMNS
    assert [row["id"] for row in as_csv] == [row["id"] for row in as_json]
    waits, dead, _, passed_on = as_json
    assert (waits["key"], waits["attempts"], waits["why"]) == ("…0001", 2, "HTTP 503")
    assert waits["next_attempt_at"] == (NOW + DAY).isoformat()
    assert (dead["state"], dead["next_attempt_at"], dead["why"]) == ("dead", None, "given up: HTTP 400")
    assert passed_on["why"] == "users_not_found; #iam-keys was told instead"
    assert "AKIA" not in deliveries(folder, "--format", "csv")


def test_the_table_is_for_people(folder: Path) -> None:
    shown = deliveries(folder)
    assert "4 messages waiting or given up" in shown
    assert "1 message waiting or given up" in deliveries(folder, DEAD.id)
    assert deliveries(folder, "--sink", "mail") == "No messages waiting or given up\n"


def test_an_id_can_be_copied_however_much_stands_beside_it(folder: Path, ledger: Ledger) -> None:
    wordy = replace(WAITS, error="Slack chat.postMessage: HTTP 503; tried again later " * 5)
    ledger.apply(Change(deliveries=(wordy,)))
    assert all(row.id in deliveries(folder) for row in ROWS)


def back(folder: Path, *args: str) -> str:
    more = ("--requeue", "--reason", "the template is mended", "--by", "ann", "--format", "json")
    return deliveries(folder, *more, *args)


def test_one_is_put_back_by_hand_and_audited(folder: Path, ledger: Ledger) -> None:
    assert [row["id"] for row in json.loads(back(folder, DEAD.id))] == [DEAD.id]
    now = ledger.delivery(DEAD.id)
    assert now
    assert (now.state, now.attempts) == (DeliveryState.PENDING, 0)
    (event,) = ledger.events()
    assert (event.what, event.by, event.key) == ("requeued", "ann", "…0002")
    assert "the template is mended" in event.detail
    assert (event.origin.mode, bool(event.origin.policy), bool(event.origin.version)) == (
        "observe",
        True,
        True,
    )


def test_all_dead_letters_of_one_sink_are_put_back_and_none_that_was_passed_on(
    folder: Path, ledger: Ledger
) -> None:
    assert [row["id"] for row in json.loads(back(folder, "--all-dead", "--sink", "jira"))] == [JIRA.id]
    assert [row["id"] for row in json.loads(back(folder, "--all-dead"))] == [DEAD.id]
    unchanged = ledger.delivery(PASSED_ON.id)
    assert unchanged == PASSED_ON


def test_what_is_no_dead_letter_is_refused_and_nothing_is_put_back(folder: Path, ledger: Ledger) -> None:
    with pytest.raises(NotFound, match="no dead letter is meant by"):
        back(folder, DEAD.id, WAITS.id)
    assert ledger.delivery(DEAD.id) == DEAD
    assert ledger.events() == []


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--requeue", "--reason", "x"], "needs the ids of dead letters, or --all-dead"),
        (["--requeue", "--reason", "x", "--all-dead", DEAD.id], "needs the ids"),
        (["--requeue", DEAD.id], "needs a --reason"),
        (["--all-dead"], "go with --requeue"),
        (["--requeue", "--reason", "x", DEAD.id, "--state", "dead"], "--state doesn't go with --requeue"),
    ],
)
def test_a_slip_of_the_hand_puts_nothing_back(folder: Path, args: list[str], says: str) -> None:
    with pytest.raises(click.UsageError, match=says):
        deliveries(folder, *args)
