"""The console: what the reader would see, on 100 columns."""

import io
from typing import Literal

import pytest
from rich.console import Console

from app.sinks.console.sink import ConsoleSink
from app.sinks.texts import Texts
from tests.fakes.notices import NOW, a_message, a_notice, many
from tests.fakes.summaries import a_summary, an_alert


class Screen:
    """A terminal that remembers what it showed."""

    def __init__(self, look: Literal["slack", "jira"], width: int = 100) -> None:
        self._out = io.StringIO()
        self.sink = ConsoleSink(look, Console(file=self._out, width=width), Texts(), counts=True, look=look)

    def read(self) -> str:
        """What appeared since the last time."""
        shown = self._out.getvalue()
        self._out.seek(0)
        self._out.truncate()
        return shown


def test_a_slack_message_shows_its_reader_the_day_and_the_steps() -> None:
    screen = Screen("slack")
    screen.sink.send(a_message())
    shown = screen.read()
    for part in (
        "Slack  to jane@example.com",
        "Fri 27 Nov 2026",
        "prod (111122223333)",
        "1. Create a second key",
    ):
        assert part in shown


def test_a_narrow_terminal_has_each_fact_on_a_line_of_its_own() -> None:
    screen = Screen("slack", width=80)
    screen.sink.send(a_message())
    lines = [line.strip("│ \n") for line in screen.read().splitlines()]
    assert [line for line in lines if line.startswith(("Account", "Owner"))] == [
        "Account              prod (111122223333)",
        "Owner                jane@example.com (tag owner)",
    ]


def test_of_a_run_only_alerts_are_shown() -> None:
    screen = Screen("slack")
    screen.sink.report(a_summary())
    assert screen.read() == ""
    screen.sink.report(a_summary(alerts=(an_alert(30),)))
    shown = screen.read()
    for part in ("keysteward approve 3f2a91c04d5e", "of user-2 in prod", "and 27 more: see keysteward plan"):
        assert part in shown


def test_a_digest_is_one_message_and_names_every_finding() -> None:
    screen = Screen("slack")
    notices = many(9)
    screen.sink.send(a_message(*notices))
    shown = screen.read()
    assert shown.count("╭─") == 1
    assert "9 AWS access keys need your attention" in shown
    assert shown.count("Rotate key …WXYZ") == len(notices)


def test_a_ticket_is_opened_commented_closed_and_reopened_under_one_number() -> None:
    screen = Screen("jira")
    notice = a_notice(refs=screen.sink.send(a_message()).refs)
    assert "KEYS-1  opened" in screen.read()
    screen.sink.send(a_message(notice))
    assert "KEYS-1  commented" in screen.read()
    screen.sink.resolve(notice, NOW)
    assert "KEYS-1  closed" in screen.read()
    assert screen.sink.send(a_message(notice)).refs == notice.refs
    assert "KEYS-1  reopened" in screen.read()


def test_each_finding_has_a_ticket_of_its_own() -> None:
    sink = Screen("jira").sink
    assert [sink.send(a_message(notice)).refs["key"] for notice in many(2)] == ["KEYS-1", "KEYS-2"]


@pytest.mark.parametrize("look", ["slack", "jira"])
@pytest.mark.parametrize("width", [60, 100, 200])
def test_no_line_is_wider_than_terminal_or_100_columns(look: Literal["slack", "jira"], width: int) -> None:
    screen = Screen(look, width)
    screen.sink.send(a_message(a_notice(user="u" * 64, account="a" * 50, reason="because " * 40)))
    assert max(map(len, screen.read().splitlines())) <= min(width, 100)


@pytest.mark.parametrize("look", ["slack", "jira"])
def test_a_name_can_not_inject_markup(look: Literal["slack", "jira"]) -> None:
    screen = Screen(look)
    screen.sink.send(a_message(a_notice(user="[red]x[/red]", headline="[bold]y")))
    assert "[red]x[/red]" in screen.read()


def test_a_deactivation_says_how_to_undo_it() -> None:
    screen = Screen("slack")
    screen.sink.send(a_message(a_notice(kind="done")))
    assert "keysteward restore KS-ABCDEFGHIJ" in screen.read()
