"""What a team channel reads of a run."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.errors import Ambiguous, RecipientUnreachable, Transient
from app.plan.summary import BETWEEN, RunSummary, SummaryRow
from app.sinks.slack.settings import SlackSettings
from app.sinks.slack.sink import SlackSink
from app.sinks.slack.team import summary_pages
from app.sinks.texts import Texts
from app.sinks.tools import Tools
from tests.fakes import http
from tests.fakes.clock import HandClock
from tests.fakes.notices import NOW
from tests.fakes.slack import TOKEN, FakeSlack, not_ok, rate_limited
from tests.fakes.slack_blocks import fault_of
from tests.fakes.summaries import an_alert


def a_row(what: Any, number: int = 0, **more: Any) -> SummaryRow:
    user, why = f"svc-{number}", "91 days old, policy 90"
    return SummaryRow(what, f"KS-{number:010d}", "111122223333", "prod", user, "…WXYZ", why, **more)


def a_summary(*rows: SummaryRow, **more: Any) -> RunSummary:
    given = {"accounts": {"success": 12, "failed": 1}, "rows": rows, "news": True, **more}
    return RunSummary(NOW, "1.2.3", "enforce", "success", **given)


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack(clock=HandClock()) as fake:
        fake.add_channel("#team")
        yield fake


def a_sink(slack: FakeSlack, **options: Any) -> SlackSink:
    assert slack.clock is not None
    given = {
        "type": "slack",
        "token": TOKEN,
        "base_url": slack.base_url,
        "summary_channel": "#team",
        **options,
    }
    return SlackSink("slack", SlackSettings.model_validate(given), Tools(slack.clock.waits))


def test_the_team_reads_the_numbers_what_was_done_and_what_was_held_and_why(slack: FakeSlack) -> None:
    held = a_row("held", 3, guard="freeze", at=NOW + timedelta(days=2))
    rows = (a_row("warned", 1), a_row("warned", 2), a_row("deactivated", 4, owner="jane@example.com"), held)
    a_sink(slack).report(a_summary(*rows, failures=("account dev: AccessDenied",)))
    [message] = slack.messages_to("#team")
    said = json.dumps(message.blocks, ensure_ascii=False)
    assert "1 deactivated, 1 held back, 2 warned, 1 failed" in message.text
    assert "…WXYZ of svc-4 in prod, jane@example.com: 91 days old" in said
    assert "…WXYZ of svc-3 in prod, due Sun 22 Nov 2026: 91 days old" in said
    assert "account dev: AccessDenied" in said
    assert "12 of 13 accounts (92.3 %) read" in said
    assert "*Warned*\\n2" in said
    assert "svc-1" not in said


def test_a_count_of_nothing_is_left_out_and_what_waits_for_approval_counts_as_held(slack: FakeSlack) -> None:
    a_sink(slack).report(a_summary(alerts=(an_alert(),)))
    [message] = slack.messages_to("#team")
    fields = [block["fields"] for block in message.blocks if "fields" in block]
    assert [[field["text"] for field in some] for some in fields] == [
        [f"*Held back*\n{len(an_alert().rows)}"]
    ]


def test_what_is_told_between_two_runs_is_not_said_to_be_one(slack: FakeSlack) -> None:
    a_sink(slack).report(replace(a_summary(alerts=(an_alert(),)).urgent(), outcome=BETWEEN, accounts={}))
    [message] = slack.messages_to("#team")
    said = json.dumps(message.blocks, ensure_ascii=False)
    assert "Between two runs, Fri 20 Nov 2026" in said
    assert "accounts" not in said


def test_what_somebody_must_look_at_comes_first(slack: FakeSlack) -> None:
    a_sink(slack).report(a_summary(a_row("deactivated", 1), alerts=(an_alert(),)))
    [message] = slack.messages_to("#team")
    said = json.dumps(message.blocks, ensure_ascii=False)
    assert message.text.startswith("AWS keys: approval needed, 1 deactivated")
    assert "'keysteward approve 3f2a91c04d5e'" in said
    assert "of user-2 in prod" in said
    assert said.index("keysteward approve") < said.index("svc-1")


@pytest.mark.parametrize(
    ("options", "channel"),
    [
        ({"summary_channel": None, "channel": "#iam-keys"}, "#iam-keys"),
        ({"channel": "#iam-keys"}, "#team"),
        ({"channel": "#iam-keys", "summaries": "never"}, "#team"),
        ({"summary_channel": None}, None),
    ],
)
def test_an_alert_finds_a_channel_also_where_nobody_asked_for_summaries(
    options: dict[str, Any], channel: str | None, slack: FakeSlack
) -> None:
    slack.add_channel("#iam-keys")
    a_sink(slack, **options).report(a_summary(a_row("warned", 1), alerts=(an_alert(),)))
    assert len(slack.messages) == len(slack.messages_to(channel)) if channel else not slack.messages
    whole = options.get("summaries") != "never" and "summary_channel" not in options
    assert ["1 warned" in message.text for message in slack.messages] == ([whole] if channel else [])


def test_an_alert_of_thousands_lists_hundreds_and_says_where_the_rest_is(slack: FakeSlack) -> None:
    a_sink(slack).report(a_summary(alerts=(an_alert(2_000),)))
    said = json.dumps([m.blocks for m in slack.messages])
    assert said.count(" of user-") == 500
    assert "and 1,500 more: see keysteward plan" in said
    assert slack.refused == 0


@pytest.mark.parametrize(
    ("options", "news", "posts"),
    [
        ({}, True, 1),
        ({}, False, 0),
        ({"summaries": "always"}, False, 1),
        ({"summaries": "never"}, True, 0),
        ({"summary_channel": None, "summaries": "always"}, True, 0),
    ],
)
def test_the_team_is_told_as_often_as_it_wants(
    options: dict[str, Any], news: bool, posts: int, slack: FakeSlack
) -> None:
    a_sink(slack, **options).report(a_summary(news=news))
    assert len(slack.messages) == posts


def test_long_lists_go_on_in_the_thread(slack: FakeSlack) -> None:
    a_sink(slack).report(a_summary(*(a_row("deactivated", number) for number in range(300))))
    root, *replies = slack.messages
    assert "and 292 more, in the thread" in json.dumps(root.blocks)
    assert {reply.thread_ts for reply in replies} == {root.ts}
    said = json.dumps([m.blocks for m in slack.messages])
    assert all(f"of svc-{number} in" in said for number in range(300))
    assert slack.refused == 0


def test_every_page_is_valid_whatever_names_say() -> None:
    evil = {"owner": "<!channel>&" * 30, "guard": "x"}
    rows = [a_row(what, n, **evil) for what in ("deactivated", "deleted", "held") for n in range(60)]
    summary = a_summary(*rows, failures=("f" * 900,) * 40, warnings=("<!here> " * 90,) * 40)
    for page in summary_pages(summary, Texts()):
        assert fault_of(list(page.blocks)) == ""
        assert "<!" not in json.dumps(page.blocks)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (not_ok("channel_not_found"), RecipientUnreachable),
        (rate_limited(900), Transient),
        (http.RESET, Ambiguous),
    ],
)
def test_a_failure_is_told_like_any_other(
    fault: http.Fault, error: type[Exception], slack: FakeSlack
) -> None:
    slack.fail("chat.postMessage", fault)
    with pytest.raises(error):
        a_sink(slack).report(a_summary())
