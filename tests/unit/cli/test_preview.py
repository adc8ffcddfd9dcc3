"""``keysteward preview``: each sink, each kind of message, and every way to ask for what isn't there."""

import json
import re
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli.main import cli
from app.ledger.open import open_ledger
from app.model import DeliveryState, LastUsed
from app.plan.record import Change
from tests.fakes import ledger_rows as rows
from tests.fakes.notices import a_notice

CONFIG = """
mode: enforce
owners: [{tag: team-mail}, {fallback: security@example.com}]
rules:
  - name: sealed
    match: {tags: {sealed: "*"}}
    exempt: {reason: In the safe, approved_by: ciso@example.com}
  - name: people
    match: {users: ["*.*"]}
    stages:
      - {name: hello, when: {age: 30d}, notify: [chat]}
  - name: default
    match: {}
    stages:
      - {name: warn, when: {age: 75d}, notify: [chat], repeat: 7d}
      - {name: final, when: {age: 87d}, notify: [chat, board], repeat: 1d}
      - {name: idle, when: {unused: 45d}, notify: [chat, post]}
      - {name: stop, when: {any: [{unused: 60d}, {age: 90d}]}, do: deactivate, notify: [chat, board]}
      - {name: drop, when: {inactive: 30d}, do: delete, notify: [chat]}
sinks:
  chat: {type: slack, channel: "#iam-keys", username: Key Watch}
  board: {type: jira, server: "https://example.atlassian.net", project: IAM, labels: [aws]}
  post: {type: email, from: keys@example.com}
"""


@dataclass
class Answer:
    code: int
    out: str
    err: str


@dataclass
class Desk:
    """A folder with a config, and the command line beside it."""

    folder: Path
    text: str | None = CONFIG  # None: no config at all
    more: list[str] = field(default_factory=list)

    def preview(self, *args: str) -> Answer:
        runner = CliRunner(env={"KEYSTEWARD_CONFIG": ""})
        with chdir(self.folder):
            if self.text is not None:
                Path("config.yaml").write_text("\n".join([self.text, *self.more]))
            done = runner.invoke(cli, ["preview", *args])
        said = f"{done.stderr}{done.exception or ''}"
        assert not re.search(r"A(KI|SI)A[A-Z0-9]{16}", done.stdout + said)
        return Answer(done.exit_code, done.stdout, said)


def words(shown: Answer) -> str:
    """What a terminal shows, without frames and line breaks."""
    return " ".join(shown.out.replace("│", "").split())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_slack_at_a_stage_names_the_day_the_owner_and_what_breaks(desk: Desk) -> None:
    shown = desk.preview("--sink", "chat", "--stage", "final")
    assert (shown.code, shown.err) == (0, "")
    week = datetime.now(UTC) + timedelta(days=7)
    for part in (
        "Slack to jane@example.com",
        f"will be deactivated on {week.day} {week:%b %Y}",
        "tag team-mail",
        "87 days",
        "Terraform/1.9",
    ):
        assert part in words(shown)


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("hello", "Rule 'people', stage 'hello' (age 30 days)"),
        ("idle", "stage 'idle' (unused 45 days): created 165 days ago, last used 45 days ago by s3"),
        ("stop", "was deactivated on"),
        ("stop", "created 90 days ago, last used 2 h ago by s3"),
        ("stop", "keysteward restore KS-"),
        ("drop", "was deleted on"),
        ("drop", "Inactive"),
    ],
)
def test_each_stage_has_its_own_words(desk: Desk, stage: str, said: str) -> None:
    assert said in words(desk.preview("--sink", "chat", "--stage", stage))


def test_jira_opens_a_ticket_first_and_later_comments_on_it(desk: Desk) -> None:
    assert "IAM-123  opened" in desk.preview("--sink", "board", "--stage", "final").out
    later = desk.preview("--sink", "board", "--stage", "stop").out
    assert "SEC-123  commented" in later
    assert "was deactivated" in later
    assert "SEC-123  closed" in desk.preview("--sink", "board", "--kind", "resolved").out


def test_mail_shows_its_subject_and_its_text(desk: Desk) -> None:
    lines = desk.preview("--sink", "post", "--stage", "idle").out.splitlines()
    assert lines[:2] == ["From: keys@example.com", "To: jane@example.com"]
    assert lines[2].startswith("Subject: Rotate access key …MPLE of ci-deploy in prod")
    assert "How to rotate:" in lines


def test_the_end_of_an_exemption_is_told_by_the_policys_own_words(desk: Desk) -> None:
    shown = desk.preview("--sink", "chat", "--kind", "exemption")
    assert "In the safe, approved by ciso@example.com" in words(shown)


@pytest.mark.parametrize("sink", ["slack", "jira", "email", "console"])
def test_without_a_config_each_type_of_sink_can_be_seen(desk: Desk, sink: str) -> None:
    desk.text = None
    shown = desk.preview("--sink", sink, "--stage", "final")
    assert shown.code == 0
    assert "Rotate " in shown.out
    assert shown.err == "note: mode is observe, so nothing is sent: this is what enforce would send\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (
            ["--sink", "chat", "--stage", "finl"],
            "no stage is named 'finl': people has hello; default has warn, ",
        ),
        (
            ["--sink", "chat", "--stage", "warn", "--rule", "people"],
            "no stage is named 'warn': people has hello",
        ),
        (["--sink", "chat", "--stage", "warn", "--rule", "defalt"], 'did you mean "'),
        (["--sink", "chat", "--stage", "warn", "--rule", "sealed"], "no ladder is named 'sealed'"),
        (["--sink", "chatt", "--stage", "warn"], 'did you mean "'),
        (["--sink", "chat"], "--stage is missing"),
        (["--stage", "warn"], "Missing option '--sink'"),
        (["--sink", "chat", "--kind", "resolved"], "chat keeps no tickets"),
        (["--sink", "chat", "--stage", "warn", "--html", "/nowhere/at/all"], "/nowhere/at/all"),
    ],
)
def test_what_is_not_there_is_named(desk: Desk, args: list[str], said: str) -> None:
    shown = desk.preview(*args)
    assert shown.code in (1, 2)  # a file that can't be written is click's 1, which `main` turns into 2
    assert said in shown.err
    assert shown.out == ""


def test_a_note_says_when_the_stage_does_not_tell_the_sink(desk: Desk) -> None:
    shown = desk.preview("--sink", "board", "--stage", "warn")
    assert shown.err == "note: the stage 'warn' of rule 'default' doesn't tell 'board'\n"


def test_in_notify_no_date_is_named_and_an_act_is_said_to_be_enforces(desk: Desk) -> None:
    desk.text = CONFIG.replace("mode: enforce", "mode: notify")
    assert "Will be" not in desk.preview("--sink", "chat", "--stage", "final").out
    assert "would not deactivate" in desk.preview("--sink", "chat", "--stage", "stop").err


def test_a_users_own_words_are_shown(desk: Desk) -> None:
    (desk.folder / "words").mkdir()
    (desk.folder / "words" / "headline.j2").write_text("ACME: please rotate {{ notice.key_tail }}")
    desk.more = ["templates: words"]
    assert "ACME: please rotate …MPLE" in desk.preview("--sink", "chat", "--stage", "idle").out
    (desk.folder / "words" / "headline.j2").write_text("{{ notice.tail }}")
    assert "headline.j2:1: templates:" in desk.preview("--sink", "chat", "--stage", "idle").err


# --- pages -----------------------------------------------------------------------------------------


class _Loads(HTMLParser):
    """Collects what a page would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        if tag in ("script", "img", "iframe", "object", "link") or any(
            name == "src" or name.startswith("on") for name, _ in attrs
        ):
            self.found.append(tag)


@pytest.mark.parametrize(
    ("sink", "stage", "said"),
    [
        ("chat", "final", '<span class="who">Key Watch</span>'),
        ("board", "final", "<h1>Rotate AWS access key …MPLE of ci-deploy in prod</h1>"),
        ("board", "stop", "As it was when the ticket was opened."),
        ("post", "idle", "How to rotate"),
        ("console", "warn", "Rotate access key"),
    ],
)
def test_a_page_stands_alone(desk: Desk, sink: str, stage: str, said: str) -> None:
    file = desk.folder / "page.html"
    assert desk.preview("--sink", sink, "--stage", stage, "--html", str(file)).out == ""
    page = file.read_text("utf-8")
    parser = _Loads()
    parser.feed(page)
    assert said in page
    assert parser.found == []
    assert "@import" not in page
    assert "url(" not in page


def test_a_page_can_go_to_the_standard_output(desk: Desk) -> None:
    shown = desk.preview("--sink", "chat", "--stage", "final", "--html", "-").out
    assert shown.startswith("<!doctype html>")
    assert shown.endswith("</html>\n")


# --- a key of the ledger ---------------------------------------------------------------------------


@pytest.fixture
def kept(desk: Desk) -> Desk:
    """The desk with a ledger: one key of jane's, warned of once, with a ticket."""
    path = desk.folder / "ledger.db"
    desk.more = [f"ledger: sqlite:///{path}"]
    told = a_notice(owner_how="account contact", advice="Use a role.").to_json()
    used = LastUsed("at", rows.NOW, "sqs", "eu-west-1")
    ledger = open_ledger(f"sqlite:///{path}")
    ledger.apply(
        Change(
            facts=(rows.facts(created=datetime.now(UTC) - timedelta(days=80), last_used=used),),
            findings=(rows.finding(refs={"board": {"key": "IAM-7"}}, stage="warn", rule="default"),),
            deliveries=(rows.delivery(state=DeliveryState.DELIVERED, settled_at=rows.NOW, payload=told),),
        )
    )
    ledger.close()
    return desk


def test_a_key_of_the_ledger_is_shown_as_it_will_be_when_it_comes_there(kept: Desk) -> None:
    shown = kept.preview("--sink", "chat", "--stage", "final", "--key", "jane")
    assert shown.code == 0, shown.err
    text = words(shown)
    coming = datetime.now(UTC) + timedelta(days=7)
    for part in (
        "…WS7X",
        "87 days",
        f"{coming.day} {coming:%b %Y}",
        "by sqs",
        "account contact",
        "Use a role.",
        "IAM-7",
    ):
        assert part in text


def test_its_ticket_is_commented_on(kept: Desk) -> None:
    assert "IAM-7  commented" in kept.preview("--sink", "board", "--stage", "final", "--key", "WS7X").out
    assert "IAM-7  closed" in kept.preview("--sink", "board", "--kind", "resolved", "--key", "jane").out


def test_a_deletion_is_shown_as_if_it_had_been_inactive_before(kept: Desk) -> None:
    text = words(kept.preview("--sink", "chat", "--stage", "drop", "--key", "jane"))
    assert "was deleted on" in text
    assert "110 days" in text


def test_a_key_that_the_ledger_does_not_know_is_named(kept: Desk) -> None:
    shown = kept.preview("--sink", "chat", "--stage", "final", "--key", "nobody")
    assert (shown.code, shown.out) == (1, "")
    assert "no credential in the ledger is meant by 'nobody'" in shown.err


@pytest.mark.parametrize("key", [(), ("--key", "jane")])
def test_a_reference_to_a_secret_stays_unread(kept: Desk, key: tuple[str, ...]) -> None:
    kept.text = CONFIG.replace("username: Key Watch", 'token: {secretsmanager: "slack"}')
    shown = kept.preview("--sink", "chat", "--stage", "final", *key)
    assert (shown.code, shown.err) == (0, "")


def test_what_a_webhook_would_get_is_json_however_long_its_lines_are(desk: Desk) -> None:
    desk.text = CONFIG.replace("name: default", f"name: {'long-' * 12}")
    shown = desk.preview("--sink", "webhook", "--stage", "stop")
    assert max(map(len, shown.out.splitlines())) > 160
    assert json.loads(shown.out)["schema"] == "keysteward.event/1"


def test_a_ticket_that_closes_says_why_once(desk: Desk) -> None:
    assert words(desk.preview("--sink", "board", "--kind", "resolved")).count("the key is gone") == 1


def test_a_note_says_that_tickets_do_not_hear_of_the_end_of_an_exemption(desk: Desk) -> None:
    assert "only chats and mail are told" in desk.preview("--sink", "board", "--kind", "exemption").err
    assert desk.preview("--sink", "chat", "--kind", "exemption").err == ""


def test_a_ticket_of_an_owners_keys_is_named_by_the_owner(desk: Desk) -> None:
    desk.text = CONFIG.replace("project: IAM", "project: IAM, group_by: owner")
    assert "keys of jane@example.com" in words(desk.preview("--sink", "board", "--stage", "final"))
