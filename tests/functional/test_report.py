"""`keysteward report` from the command line against the fake AWS: what is in the pack, and what is not."""

import csv
import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from app.cli.main import cli
from app.ledger.open import open_ledger
from app.model import Event, Snooze
from app.plan.record import Change
from app.report.standards import STANDARDS
from tests.fakes.aws import HUB, FakeAws, point_sdk_at
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser, report_csv

NOW = datetime.now(UTC).replace(microsecond=0)
PROD, DEV, SHUT = "111122223333", "444455556666", "777788889999"
KEY_ID = re.compile(r"A(?:KI|SI)A[A-Z0-9]{16}")
CONFIG = """
accounts:
  static:
    - {{id: "{prod}", name: prod, role_arn: "arn:aws:iam::{prod}:role/keysteward-spoke"}}
    - {{id: "{dev}", name: dev, role_arn: "arn:aws:iam::{dev}:role/keysteward-spoke"}}
    - {{id: "{shut}", name: shut, role_arn: "arn:aws:iam::{shut}:role/keysteward-spoke"}}
owners: [{{fallback: security@example.com}}]
rules:
  - name: break-glass
    match: {{tags: {{break-glass: "true"}}}}
    exempt: {{reason: "=sealed", approved_by: ciso@example.com, until: 2199-03-31}}
  - name: vendors
    match: {{users: ["vendor-*"]}}
    exempt: {{reason: "Contract", approved_by: legal@example.com, until: 2020-01-01}}
  - name: default
    match: {{}}
    stages: [{{name: warn, when: {{age: 75d}}, notify: [slack]}}]
sinks: {{slack: {{type: slack, channel: "#keys"}}}}
ledger: sqlite:///{ledger}
"""


def key(number: int, age: float, used: float | None = 1, **more: Any) -> FakeKey:
    last_used = None if used is None else NOW - timedelta(days=used)
    return FakeKey(f"AKIAEXAMPLE{number:09d}", NOW - timedelta(days=age), last_used=last_used, **more)


def fleet() -> list[FakeAccount]:
    prod = [
        FakeUser("ann", [key(1, 10)]),
        FakeUser("-2+3", [key(2, 200)]),
        FakeUser("toggled", [key(3, 300, rotated=NOW - timedelta(days=20))]),
        FakeUser("sealed", [key(4, 400, used=None)], tags={"break-glass": "true"}),
        FakeUser("two-keys", [key(5, 5), key(6, 6)]),
        FakeUser("gone", [key(7, 500, status="Inactive")]),
    ]
    dev = [FakeUser("sealed", [key(8, 400)], tags={"break-glass": "true"})]
    return [FakeAccount(HUB), FakeAccount(PROD, prod, root_keys=1), FakeAccount(DEV, dev), FakeAccount(SHUT)]


@contextmanager
def standing(folder: Path) -> Iterator[FakeAws]:
    """A fleet of which one account can't be read, and a config for it in ``folder``, the working folder."""
    with pytest.MonkeyPatch.context() as env, FakeAws(fleet()) as fake:
        point_sdk_at(fake.url, env)
        fake.accounts[SHUT].denied = {"iam:*"}
        config = CONFIG.format(prod=PROD, dev=DEV, shut=SHUT, ledger=folder / "ledger.db")
        (folder / "config.yaml").write_text(config)
        env.chdir(folder)
        for name in ("KEYSTEWARD_CONFIG", "KEYSTEWARD_SECRETS_DIR"):
            env.delenv(name, raising=False)
        yield fake


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[FakeAws]:
    with standing(tmp_path) as fake:
        yield fake


@pytest.fixture
def folder(tmp_path: Path, aws: FakeAws) -> Path:
    return tmp_path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """One pack that many tests look at, and what the command said."""
    folder = tmp_path_factory.mktemp("made")
    with standing(folder):
        done = report("--out", "pack")
    return folder / "pack", done


@pytest.fixture
def pack(made: tuple[Path, Result]) -> Path:
    return made[0]


def report(*args: str, standard: str = "cis") -> Result:
    return CliRunner().invoke(
        cli, ["report", "--standard", standard, *args], standalone_mode=False, catch_exceptions=False
    )


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def verdicts(folder: Path, account: str) -> dict[str, str]:
    return {
        row["control"]: row["verdict"] for row in rows(folder, "controls.csv") if row["account"] == account
    }


def test_each_control_has_a_verdict_for_each_account(made: tuple[Path, Result]) -> None:
    pack, done = made
    assert done.return_value == 1
    assert "not assessed: account shut (777788889999)" in done.stderr
    assert verdicts(pack, "prod") == {
        "unused-45": "fail_with_exception",
        "rotated-90": "fail",
        "one-active-key": "fail",
        "no-root-key": "fail",
    }
    assert verdicts(pack, "dev") == {
        "unused-45": "pass",
        "rotated-90": "fail_with_exception",
        "one-active-key": "pass",
        "no-root-key": "pass",
    }
    assert set(verdicts(pack, "shut").values()) == {"not_assessed"}


def test_a_key_that_was_toggled_is_as_old_as_it_really_is(pack: Path) -> None:
    found = {row["user"]: row for row in rows(pack, "findings.csv") if row["control"] == "rotated-90"}
    assert set(found) == {"'-2+3", "toggled", "sealed"}
    assert found["toggled"]["age_days"] == "300"


def test_the_root_users_key_is_among_what_does_not_pass(pack: Path) -> None:
    of_root = [row for row in rows(pack, "findings.csv") if row["control"] == "no-root-key"]
    assert [(row["account"], row["user"], row["key"]) for row in of_root] == [("prod", "root user", "…????")]
    assert "root user" in (pack / "report.html").read_text()


@pytest.mark.parametrize(
    ("denied", "verdict"), [({"iam:GetAccountSummary"}, "not_assessed"), (set(), "pass")]
)
def test_of_the_root_user_nothing_passes_that_nobody_can_tell(
    folder: Path, aws: FakeAws, denied: set[str], verdict: str
) -> None:
    lines = report_csv(aws.accounts[DEV]).split("\n")
    aws.accounts[DEV].report = "\n".join([lines[0], *lines[2:]]).encode()
    aws.accounts[DEV].denied = denied
    report("--out", "pack")
    assert verdicts(folder / "pack", "dev")["no-root-key"] == verdict


def test_a_last_use_that_is_denied_passes_nothing(folder: Path, aws: FakeAws) -> None:
    lines = report_csv(aws.accounts[DEV]).split("\n")
    unknown = re.sub(r"[^,]*Z,eu-central-1,s3", "no_information,N/A,N/A", lines[2])
    assert unknown != lines[2]
    aws.accounts[DEV].report = "\n".join([*lines[:2], unknown]).encode()
    aws.accounts[DEV].denied = {"iam:GetAccessKeyLastUsed"}
    report("--out", "pack")
    assert verdicts(folder / "pack", "dev")["unused-45"] == "not_assessed"


def test_what_is_exempted_fails_and_is_told_apart_with_who_approved_it_and_until_when(pack: Path) -> None:
    told = rows(pack, "exemptions.csv")
    sealed = [row for row in told if row["rule"] == "break-glass"]
    assert [(row["account"], row["controls_not_passed"]) for row in sealed] == [
        ("dev", "rotated-90"),
        ("prod", "unused-45, rotated-90"),
    ]
    assert {(row["approved_by"], row["until"]) for row in sealed} == {
        ("ciso@example.com", "2199-03-31T00:00:00+00:00")
    }
    assert [row["state"] for row in told if row["rule"] == "vendors"] == ["lapsed"]


def test_no_cell_is_run_as_a_formula(pack: Path) -> None:
    for path in (pack).glob("*.csv"):
        cells = [cell for row in rows(pack, path.name) for cell in row.values()]
        assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")], path.name
    assert any(row["reason"] == "'=sealed" for row in rows(pack, "exemptions.csv"))


def test_the_manifest_says_what_the_report_speaks_of_and_what_not(pack: Path) -> None:
    manifest = json.loads((pack / "manifest.json").read_text())
    assert [one["id"] for one in manifest["accounts"]["covered"]] == [DEV, PROD]
    assert [one["id"] for one in manifest["accounts"]["not_covered"]] == [SHUT]
    assert manifest["verdicts"]["rotated-90"] == {
        "pass": 0,
        "fail": 1,
        "fail_with_exception": 1,
        "not_assessed": 1,
    }
    assert len(manifest["config_sha256"]) == 64
    assert manifest["audit_trail"]["kept"] is False


def test_a_pack_never_takes_the_place_of_another(folder: Path) -> None:
    report("--out", "pack")
    before = (folder / "pack/manifest.json").read_bytes()
    with pytest.raises(click.UsageError, match="pack is there already, and is left as it is"):
        report("--out", "pack")
    assert (folder / "pack/manifest.json").read_bytes() == before


def test_a_folder_that_cannot_be_made_is_one_clear_line(folder: Path) -> None:
    (folder / "file").write_text("")
    with pytest.raises(click.FileError) as refused:
        report("--out", "file/pack")
    assert refused.value.format_message() == "Could not open file 'file/pack': File exists"


def test_without_out_the_folder_is_named_by_the_standard_and_the_time(folder: Path) -> None:
    done = report("--format", "json", standard="pci")
    told = json.loads(done.stdout)
    assert re.fullmatch(r"keysteward-pci-\d{4}-\d\d-\d\dT\d{4}Z", told["folder"])
    assert (folder / told["folder"] / "report.html").exists()
    assert (told["accounts"], told["accounts_not_read"]) == (3, 1)


# --- with a ledger ---


@pytest.fixture
def ledger(folder: Path) -> Path:
    path = folder / "ledger.db"
    kept = open_ledger(f"sqlite:///{path}")
    events = (
        Event(NOW - timedelta(days=40), "ann@example.com", "paused", detail="-incident"),
        Event(NOW - timedelta(days=2), "bo@example.com", "plan_approved", detail="as announced"),
        Event(NOW - timedelta(days=1), "keysteward", "deactivated", PROD, "KS-1", "…0002", "it was old"),
    )
    snooze = Snooze(f"{PROD}/{key(2, 200).id}", NOW + timedelta(days=5), "ann@example.com", "release", NOW)
    kept.apply(Change(events=events, snoozes=(snooze,)))
    kept.close()
    return path


def test_the_history_is_told_with_its_seals_and_whether_they_hold(folder: Path, ledger: Path) -> None:
    report("--out", "pack")
    told = rows(folder / "pack", "history.csv")
    assert [(row["seq"], row["what"], row["by"]) for row in told] == [
        ("1", "paused", "ann@example.com"),
        ("2", "plan_approved", "bo@example.com"),
        ("3", "deactivated", "keysteward"),
    ]
    trail = json.loads((folder / "pack/manifest.json").read_text())["audit_trail"]
    assert (trail["intact"], trail["last"]["hash"]) == (True, told[-1]["hash"])
    assert "it was old" in (folder / "pack/report.html").read_text()


def test_since_cuts_the_history_and_says_so(folder: Path, ledger: Path) -> None:
    report("--out", "pack", "--since", (NOW - timedelta(days=7)).isoformat())
    assert [row["seq"] for row in rows(folder / "pack", "history.csv")] == ["2", "3"]


def test_a_trail_that_was_altered_is_told_and_is_no_success(folder: Path, ledger: Path, aws: FakeAws) -> None:
    aws.accounts[SHUT].denied = set()
    with closing(sqlite3.connect(ledger)) as db:
        db.execute("UPDATE events SET body = replace(body, 'it was old', 'it was young')")
        db.commit()
    done = report("--out", "pack")
    assert done.return_value == 1
    assert "audit trail: event 3 is altered" in done.stderr
    assert "event 3 is altered" in (folder / "pack/report.html").read_text()


@pytest.mark.parametrize("body", ["gone", '{"at": 5, "origin": [], "what": "paused"}', '{"what": []}', "[]"])
def test_an_event_that_cant_be_read_any_more_is_told_and_the_pack_is_there_all_the_same(
    folder: Path, ledger: Path, body: str
) -> None:
    with closing(sqlite3.connect(ledger)) as db:
        db.execute("UPDATE events SET body = ?, at = 'once' WHERE seq = 1", (body,))
        db.commit()
    done = report("--out", "pack")
    assert done.return_value == 1
    assert "audit trail: event 1 is altered" in done.stderr
    assert [row["seq"] for row in rows(folder / "pack", "history.csv")] == ["1", "2", "3"]
    assert "event 1 is altered" in (folder / "pack/report.html").read_text()


def test_a_snooze_is_told_and_excepts_nothing(folder: Path, ledger: Path) -> None:
    report("--out", "pack")
    told = [row for row in rows(folder / "pack", "exemptions.csv") if row["kind"] == "snooze"]
    assert [(row["user"], row["approved_by"]) for row in told] == [("'-2+3", "ann@example.com")]
    found = [row for row in rows(folder / "pack", "findings.csv") if row["key"] == "…0002"]
    assert [row["verdict"] for row in found] == ["fail"]


# --- the page ---


class Outline(HTMLParser):
    """What must hold of any page: tags that close, tables that can be read aloud, nothing from elsewhere."""

    VOID = frozenset({"meta", "br", "path", "circle", "link", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.tables: list[set[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in ("script", "iframe", "object") or any(
            name.startswith("on") or name == "src" for name in said
        ):
            self.faults.append(f"{tag} {said}")
        if tag == "table":
            self.tables.append(set())
        if tag == "caption":
            self.tables[-1].add("caption")
        if tag == "th" and said.get("scope") not in ("col", "row"):
            self.faults.append("a th without its scope")
        self.ids |= {said["id"] or ""} if "id" in said else set()
        if tag == "a":
            self.links.add(said.get("href") or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        return

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID and (not self.open or self.open.pop() != tag):
            self.faults.append(f"</{tag}> closes something else")


@pytest.mark.parametrize("standard", STANDARDS)
def test_a_pack_is_whole_shows_no_key_and_its_page_can_be_read_aloud(
    folder: Path, ledger: Path, standard: str
) -> None:
    done = report("--out", "pack", standard=standard)
    files = {path.name: path.read_bytes() for path in (folder / "pack").iterdir()}
    named = {name: one["sha256"] for name, one in json.loads(files["manifest.json"])["files"].items()}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    assert digests.pop("manifest.json") in done.stdout
    assert named == digests
    assert sorted(named) == ["controls.csv", "exemptions.csv", "findings.csv", "history.csv", "report.html"]
    assert [name for name, content in files.items() if KEY_ID.search(content.decode())] == []
    assert [path.name for path in folder.iterdir() if path.name.endswith(".part")] == []
    assert_reads_aloud(files["report.html"].decode(), standard)


def assert_reads_aloud(text: str, standard: str) -> None:
    outline = Outline()
    outline.feed(text)
    assert (outline.faults, outline.open) == ([], [])
    assert len(outline.tables) >= 6
    assert all("caption" in table for table in outline.tables)
    assert {link[1:] for link in outline.links if link.startswith("#")} <= outline.ids
    assert text.startswith("<!doctype html>")
    assert all(control.title.split("'")[0] in text for control in STANDARDS[standard].controls)
