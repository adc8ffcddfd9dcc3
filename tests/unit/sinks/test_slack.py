"""Slack: who is told, what it looks like, and what each failure means."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from slack_sdk.models.blocks import Block

from app.errors import Ambiguous, Permanent, RecipientUnreachable, Transient
from app.plan.notice import Notice
from app.sinks.interface import Message
from app.sinks.slack.blocks import Page, pages
from app.sinks.slack.settings import SlackSettings
from app.sinks.slack.sink import USER_LIFETIME, SlackSink
from app.sinks.texts import Texts
from app.sinks.tools import Tools
from app.sinks.waits import Waits
from tests.fakes import http
from tests.fakes.notices import JANE, NOW, a_message, a_notice, many
from tests.fakes.slack import TOKEN, FakeSlack, not_ok, rate_limited


class Sleeps:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def monotonic(self) -> float:
        return sum(self.slept)


def _pages(message: Message) -> list[Page]:
    return pages(message, Texts())


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as fake:
        fake.add_user(JANE)
        yield fake


@pytest.fixture
def sleeps() -> Sleeps:
    return Sleeps()


@pytest.fixture
def sink(slack: FakeSlack, sleeps: Sleeps) -> SlackSink:
    return a_sink(slack, sleeps)


def a_sink(slack: FakeSlack, sleeps: Sleeps, **options: Any) -> SlackSink:
    given = {"type": "slack", "token": TOKEN, "base_url": slack.base_url, "timeout": 0.5, **options}
    return SlackSink(
        "slack", SlackSettings.model_validate(given), Tools(Waits(sleeps.sleep, sleeps.monotonic))
    )


# --- who is told ---------------------------------------------------------------------------------


def test_the_owner_gets_a_direct_message_and_a_receipt_says_where(slack: FakeSlack, sink: SlackSink) -> None:
    receipt = sink.send(a_message())
    [message] = slack.messages_to(JANE)
    assert receipt.refs == {"channel": message.channel, "ts": message.ts}
    assert message.metadata["event_payload"] == {"message_id": "msg-1", "findings": ["KS-ABCDEFGHIJ"]}


def test_a_channel_gets_a_post_without_any_lookup(slack: FakeSlack, sink: SlackSink) -> None:
    slack.add_channel("#iam-keys")
    sink.send(a_message(recipient="#iam-keys"))
    assert len(slack.messages_to("#iam-keys")) == 1
    assert slack.calls("users.lookupByEmail") == []


def test_its_own_fallback_is_its_channel(slack: FakeSlack, sleeps: Sleeps) -> None:
    assert a_sink(slack, sleeps, channel="#iam-keys").fallback == "#iam-keys"
    assert a_sink(slack, sleeps).fallback is None


def test_a_deactivated_user_is_unreachable(slack: FakeSlack, sink: SlackSink) -> None:
    slack.add_user("gone@example.com", deleted=True)
    with pytest.raises(RecipientUnreachable, match="deactivated in Slack"):
        sink.send(a_message(recipient="gone@example.com"))
    assert slack.messages == []


def test_a_user_is_looked_up_once_and_again_when_that_is_old(slack: FakeSlack, sink: SlackSink) -> None:
    for now in (NOW, NOW + timedelta(minutes=1), NOW + USER_LIFETIME):
        sink.send(a_message(now=now))
    assert len(slack.calls("users.lookupByEmail")) == 2


def test_the_fewest_scopes_are_enough(sleeps: Sleeps) -> None:
    with FakeSlack(scopes_denied=frozenset({"conversations.open", "conversations.history"})) as slack:
        slack.add_user(JANE)
        a_sink(slack, sleeps).send(a_message())
        assert len(slack.messages) == 1


# --- failures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["channel_not_found", "is_archived", "not_in_channel", "user_disabled"])
def test_a_place_that_can_not_be_written_to_is_unreachable(
    code: str, slack: FakeSlack, sink: SlackSink
) -> None:
    slack.fail("chat.postMessage", not_ok(code))
    with pytest.raises(RecipientUnreachable, match=code):
        sink.send(a_message())


@pytest.mark.parametrize("code", ["invalid_auth", "token_revoked", "account_inactive", "missing_scope"])
def test_what_an_operator_can_mend_is_transient_and_says_how(
    code: str, slack: FakeSlack, sink: SlackSink
) -> None:
    slack.fail("chat.postMessage", not_ok(code))
    with pytest.raises(Transient, match=f"{code}; .*(token|app)") as caught:
        sink.send(a_message())
    assert not isinstance(caught.value, Ambiguous)


def test_a_malformed_message_is_permanent(slack: FakeSlack, sink: SlackSink) -> None:
    slack.fail("chat.postMessage", not_ok("invalid_blocks"))
    with pytest.raises(Permanent):
        sink.send(a_message())


def test_a_short_rate_limit_is_sat_out(slack: FakeSlack, sink: SlackSink, sleeps: Sleeps) -> None:
    slack.fail("chat.postMessage", rate_limited(7), rate_limited(30))
    sink.send(a_message())
    assert sleeps.slept == [7, 30]


def test_a_long_rate_limit_is_left_to_the_next_run(slack: FakeSlack, sink: SlackSink, sleeps: Sleeps) -> None:
    slack.fail("chat.postMessage", rate_limited(31))
    with pytest.raises(Transient) as caught:
        sink.send(a_message())
    assert caught.value.retry_after == timedelta(seconds=31)
    assert sleeps.slept == []


def test_a_rate_limit_without_end_is_given_up(slack: FakeSlack, sink: SlackSink, sleeps: Sleeps) -> None:
    slack.fail("chat.postMessage", *[rate_limited(1)] * 4)
    with pytest.raises(Transient):
        sink.send(a_message())
    assert sleeps.slept == [1, 1, 1]


def test_a_server_that_is_not_there_is_transient_and_not_ambiguous(sleeps: Sleeps) -> None:
    with FakeSlack() as slack:
        slack.add_user(JANE)
        sink = a_sink(slack, sleeps)
        sink.send(a_message())
    with pytest.raises(Transient) as caught:
        sink.send(a_message())
    assert not isinstance(caught.value, Ambiguous)


def test_a_time_out_before_anything_was_posted_is_not_ambiguous(slack: FakeSlack, sink: SlackSink) -> None:
    slack.fail("users.lookupByEmail", http.HANG)
    with pytest.raises(Transient) as caught:
        sink.send(a_message())
    assert not isinstance(caught.value, Ambiguous)


# --- after an ambiguous attempt ------------------------------------------------------------------


def test_what_did_arrive_is_found_and_not_posted_again(slack: FakeSlack, sink: SlackSink) -> None:
    slack.fail("chat.postMessage", http.ARRIVES_THEN_RESETS)
    with pytest.raises(Ambiguous):
        sink.send(a_message())
    receipt = sink.send(a_message(maybe_sent=True))
    assert [message.ts for message in slack.messages] == [receipt.refs["ts"]]


def test_what_did_not_arrive_is_posted(slack: FakeSlack, sink: SlackSink) -> None:
    sink.send(a_message(id="another"))
    sink.send(a_message(maybe_sent=True))
    assert len(slack.messages) == 2


def test_without_the_scope_to_look_it_is_posted_once_more(sleeps: Sleeps) -> None:
    with FakeSlack(scopes_denied=frozenset({"conversations.history"})) as slack:
        slack.add_user(JANE)
        sink = a_sink(slack, sleeps)
        sink.send(a_message())
        sink.send(a_message(maybe_sent=True))
        assert len(slack.messages) == 2


def test_while_looking_fails_nothing_is_posted(slack: FakeSlack, sink: SlackSink) -> None:
    slack.fail("conversations.history", http.status(503))
    with pytest.raises(Ambiguous):
        sink.send(a_message(maybe_sent=True))
    assert slack.messages == []


def test_a_digest_whose_reply_failed_is_completed_without_a_repeat(slack: FakeSlack, sink: SlackSink) -> None:
    message = a_message(*many(300))
    slack.fail("chat.postMessage", http.PASS, http.PASS, http.status(503))
    with pytest.raises(Ambiguous):
        sink.send(message)
    assert len(slack.messages) == 2
    sink.send(a_message(*message.notices, maybe_sent=True))
    told = [finding for m in slack.messages for finding in m.metadata["event_payload"]["findings"]]
    assert told == [notice.finding_id for notice in message.notices]
    assert {m.thread_ts for m in slack.messages[1:]} == {slack.messages[0].ts}


# --- pace ----------------------------------------------------------------------------------------


def test_one_channel_gets_one_message_a_second(slack: FakeSlack, sink: SlackSink, sleeps: Sleeps) -> None:
    for _ in range(3):
        sink.send(a_message())
    assert sum(sleeps.slept) >= 2


def test_different_people_do_not_wait_for_each_other(
    slack: FakeSlack, sink: SlackSink, sleeps: Sleeps
) -> None:
    for number in range(3):
        slack.add_user(f"u{number}@example.com")
        sink.send(a_message(recipient=f"u{number}@example.com"))
    assert sleeps.slept == []


# --- looks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 60, 300])
def test_blocks_are_within_slacks_limits_and_every_finding_is_told_once(count: int) -> None:
    made = _pages(a_message(*many(count, user="u" * 64, reason="r " * 400, headline="h " * 400)))
    for page in made:
        assert len(page.blocks) <= 50
        for block in page.blocks:
            Block.parse(block).validate_json()  # type: ignore[union-attr]
    told = [finding for page in made for finding in page.findings]
    assert told == [notice.finding_id for notice in many(count)]


@pytest.mark.parametrize("count", [1, 60, 300])
def test_a_digest_is_one_message_with_replies_in_its_thread(
    count: int, slack: FakeSlack, sink: SlackSink
) -> None:
    receipt = sink.send(a_message(*many(count)))
    first, *replies = slack.messages
    assert (first.ts, first.thread_ts) == (receipt.refs["ts"], None)
    assert all(reply.thread_ts == first.ts for reply in replies)
    assert bool(replies) == (count > 8)


@pytest.mark.parametrize("trick", ["<!channel>", "<@U00000001>", "<https://evil.example|click>", "<!here>"])
def test_a_name_can_not_mention_anybody_or_link_anywhere(trick: str) -> None:
    names = dict.fromkeys(("user", "account", "owner", "reason", "headline", "last_used", "ticket"), trick)
    single, digest = a_notice(**names), many(40, **names)
    for message in (a_message(single), a_message(*digest)):
        for page in _pages(message):
            marked_up = [page.text, *(t["text"] for t in _texts(page.blocks) if t["type"] == "mrkdwn")]
            assert not any("<" in text for text in marked_up)


def test_nothing_in_the_text_is_parsed_for_mentions_by_slack() -> None:
    [page] = _pages(a_message(a_notice(user="@here")))
    assert all(text["verbatim"] for text in _texts(page.blocks) if text["type"] == "mrkdwn")


def test_the_day_of_the_act_leads_the_facts() -> None:
    [page] = _pages(a_message())
    fields = next(block["fields"] for block in page.blocks if "fields" in block)
    assert fields[0]["text"] == "*Will be deactivated*\nFri 27 Nov 2026"


def test_the_steps_are_said_once_a_digest() -> None:
    made = json.dumps([page.blocks for page in _pages(a_message(*many(5)))])
    assert made.count("How to rotate") == 1


@pytest.mark.parametrize(
    ("notice", "expected"),
    [
        (a_notice(kind="done"), "keysteward restore KS-ABCDEFGHIJ"),
        (a_notice(ticket="SEC-12"), "ticket SEC-12"),
        (a_notice(kind="done", act="delete"), "*Deleted*"),
        (a_notice(kind="exemption", act=None, act_at=None, headline="Exemption ends"), "Exemption ends"),
    ],
)
def test_each_kind_of_notice_says_what_its_reader_needs(notice: Notice, expected: str) -> None:
    assert expected in json.dumps([page.blocks for page in _pages(a_message(notice))])


def test_a_deletion_offers_no_undo() -> None:
    [page] = _pages(a_message(a_notice(kind="done", act="delete")))
    assert "restore" not in json.dumps(page.blocks)


def test_a_fallback_is_told_why_it_is_asked() -> None:
    [page] = _pages(a_message(is_fallback=True))
    assert "Please pass it on" in json.dumps(page.blocks)


def _texts(value: Any) -> list[dict[str, Any]]:
    """Every text object inside blocks."""
    if isinstance(value, dict):
        own = [value] if isinstance(value.get("text"), str) else []
        return own + [text for child in value.values() for text in _texts(child)]
    if isinstance(value, list | tuple):
        return [text for child in value for text in _texts(child)]
    return []
