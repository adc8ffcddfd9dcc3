"""Slack's incoming webhooks: one channel, no app."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.config.load import load_config
from app.errors import Ambiguous, ConfigError, KeystewardError, Permanent, Transient
from app.sinks.registry import SINKS
from app.sinks.slack.settings import SlackSettings
from app.sinks.slack.sink import SlackSink
from app.sinks.slack.webhook import SlackWebhookSink
from app.sinks.tools import Tools
from tests.fakes import http
from tests.fakes.clock import HandClock
from tests.fakes.notices import a_message, many
from tests.fakes.slack import TOKEN, WEBHOOK, WEBHOOK_CHANNEL, FakeSlack
from tests.fakes.summaries import a_summary, an_alert


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def slack(clock: HandClock) -> Iterator[FakeSlack]:
    with FakeSlack(clock=clock) as fake:
        yield fake


def a_sink(slack: FakeSlack, **options: Any) -> SlackWebhookSink:
    assert slack.clock is not None
    given = {"type": "slack", "webhook_url": slack.webhook_url, "timeout": 1.5, **options}
    return SlackWebhookSink("slack", SlackSettings.model_validate(given), Tools(slack.clock.waits))


def said_by(error: BaseException) -> str:
    return f"{error} {error.__cause__}"


def test_a_message_goes_to_the_webhooks_channel_whoever_it_is_for(slack: FakeSlack) -> None:
    receipt = a_sink(slack).send(a_message())
    [message] = slack.messages_to(WEBHOOK_CHANNEL)
    assert "will be deactivated" in message.text
    assert message.blocks
    assert (receipt.recipient, receipt.counts, receipt.refs) == ("the webhook's channel", False, {})


def test_of_a_run_only_alerts_are_posted(slack: FakeSlack) -> None:
    a_sink(slack).report(a_summary())
    assert slack.messages == []
    a_sink(slack).report(a_summary(alerts=(an_alert(30),)))
    root, *more = slack.messages_to(WEBHOOK_CHANNEL)
    assert "approval needed" in root.text
    assert len(more) == 1


def test_the_receipt_names_the_channel_when_it_is_told(slack: FakeSlack) -> None:
    sink = a_sink(slack, channel="#hooked", counts=True)
    receipt = sink.send(a_message())
    assert (receipt.recipient, receipt.counts, sink.fallback) == ("#hooked", True, "#hooked")


def test_it_posts_under_a_name_and_an_icon(slack: FakeSlack) -> None:
    a_sink(slack, username="Keys", icon_emoji=":key:").send(a_message())
    assert (slack.messages[0].username, slack.messages[0].icon_emoji) == ("Keys", ":key:")


def test_a_long_digest_is_several_posts_a_second_apart(slack: FakeSlack, clock: HandClock) -> None:
    a_sink(slack).send(a_message(*many(60)))
    assert len(slack.messages) > 1
    assert slack.refused == 0
    assert sum(clock.slept) >= len(slack.messages) - 1


def test_there_is_nothing_to_press_unless_somebody_listens(slack: FakeSlack) -> None:
    a_sink(slack).send(a_message())
    a_sink(slack, app_token="xapp-1").send(a_message())
    assert ["keysteward_" in str(m.blocks) for m in slack.messages] == [False, True]


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (http.status(400, "invalid_payload"), Permanent, "templates"),
        (http.status(400, "invalid_blocks"), Permanent, "templates"),
        (http.status(403, "action_prohibited"), Transient, "administrators"),
        (http.status(403, "invalid_token"), Transient, "URL"),
        (http.status(404, "channel_not_found"), Transient, "create a new one"),
        (http.status(404, "no_service"), Transient, "create a new one"),
        (http.status(404, "<html>proxy</html>"), Transient, "URL"),
        (http.status(410, "channel_is_archived"), Transient, "unarchive"),
        (http.status(500, "rollup_error"), Transient, "HTTP 500"),
        (http.status(200, "<html>log in</html>"), Ambiguous, "may have arrived"),
        (http.HANG, Ambiguous, "may have arrived"),
        (http.ARRIVES_THEN_RESETS, Ambiguous, "may have arrived"),
    ],
)
def test_each_failure_says_what_to_do_and_never_the_url(
    fault: http.Fault, error: type[KeystewardError], says: str, slack: FakeSlack
) -> None:
    slack.fail(WEBHOOK, fault)
    with pytest.raises(error, match=says) as caught:
        a_sink(slack).send(a_message())
    assert type(caught.value) is error
    assert "canary" not in said_by(caught.value)


def test_a_webhook_that_is_not_there_got_nothing(clock: HandClock) -> None:
    with FakeSlack(clock=clock) as slack:
        sink = a_sink(slack)
    with pytest.raises(Transient) as caught:
        sink.send(a_message())
    assert not isinstance(caught.value, Ambiguous)


def test_a_short_retry_after_is_sat_out_and_a_long_one_closes_it(slack: FakeSlack, clock: HandClock) -> None:
    sink = a_sink(slack)
    slack.fail(WEBHOOK, http.status(429, "", Retry_After="5"), http.status(429, "", Retry_After="600"))
    for _ in range(2):
        with pytest.raises(Transient) as caught:
            sink.send(a_message())
        assert caught.value.retry_after == timedelta(seconds=600)
    assert clock.slept == [5]
    assert len(slack.calls(WEBHOOK)) == 2


def test_a_part_that_arrived_makes_a_failure_ambiguous(slack: FakeSlack) -> None:
    slack.fail(WEBHOOK, http.PASS, http.status(503))
    with pytest.raises(Ambiguous, match="a part"):
        a_sink(slack).send(a_message(*many(60)))


def test_the_config_decides_which_way_is_taken() -> None:
    build, tools = SINKS["slack"].build, Tools()
    hooked = SlackSettings.model_validate({"type": "slack", "webhook_url": "https://hooks.example/x"})
    assert isinstance(build("slack", hooked, tools), SlackWebhookSink)
    assert isinstance(build("slack", SlackSettings(type="slack", token=SecretStr(TOKEN)), tools), SlackSink)
    with pytest.raises(ConfigError, match="SLACK__TOKEN"):
        build("slack", SlackSettings(type="slack"), tools)


@pytest.mark.parametrize(
    ("other", "says"),
    [({"token": TOKEN}, "remove webhook_url"), ({"summary_channel": "#team"}, "remove summary_channel")],
)
def test_what_contradicts_a_webhook_is_refused(other: dict[str, str], says: str, tmp_path: Path) -> None:
    options = {"type": "slack", "webhook_url": "https://hooks.example/canary", **other}
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps({"sinks": {"slack": options}}))
    with pytest.raises(ConfigError, match=f"sinks.slack: .*{says}") as caught:
        load_config(path, {})
    assert "canary" not in said_by(caught.value)
