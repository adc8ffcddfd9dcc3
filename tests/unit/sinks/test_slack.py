"""Slack: who is told, where, how fast, and what each failure means."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.errors import Ambiguous, PausedMeanwhile, Permanent, RecipientLeft, RecipientUnreachable, Transient
from app.sinks.interface import Message
from app.sinks.slack.people import USER_LIFETIME
from app.sinks.slack.settings import SlackSettings
from app.sinks.slack.sink import SlackSink
from app.sinks.slack.thread import THREAD_LIFETIME
from app.sinks.tools import Tools
from tests.fakes import http
from tests.fakes.clock import HandClock
from tests.fakes.notices import JANE, NOW, a_message, a_notice, many
from tests.fakes.pause_gate import Gate
from tests.fakes.slack import TOKEN, FakeSlack, not_ok, rate_limited


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW)


@pytest.fixture
def slack(clock: HandClock) -> Iterator[FakeSlack]:
    with FakeSlack(clock=clock) as fake:
        fake.add_user(JANE)
        yield fake


@pytest.fixture
def sink(slack: FakeSlack) -> SlackSink:
    return a_sink(slack)


def a_sink(slack: FakeSlack, gate: Gate | None = None, **options: Any) -> SlackSink:
    assert slack.clock is not None
    given = {"type": "slack", "token": TOKEN, "base_url": slack.base_url, "timeout": 1.5, **options}
    waits = replace(slack.clock.waits, before_sending=gate or Gate())
    return SlackSink("slack", SlackSettings.model_validate(given), Tools(waits))


# --- who is told ---------------------------------------------------------------------------------


def test_the_owner_gets_a_direct_message_and_a_receipt_says_where(slack: FakeSlack, sink: SlackSink) -> None:
    receipt = sink.send(a_message())
    [message] = slack.messages_to(JANE)
    assert receipt.refs == {"to": JANE, "channel": message.channel, "ts": message.ts, "user": "U00000001"}
    assert message.metadata["event_payload"] == {"message_id": "msg-1", "findings": ["KS-ABCDEFGHIJ"]}


def test_a_channel_gets_a_post_without_any_lookup(slack: FakeSlack, sink: SlackSink) -> None:
    slack.add_channel("#iam-keys")
    sink.send(a_message(recipient="#iam-keys"))
    assert len(slack.messages_to("#iam-keys")) == 1
    assert slack.calls("users.lookupByEmail") == []


def test_its_own_fallback_is_its_channel(slack: FakeSlack) -> None:
    assert a_sink(slack, channel="#iam-keys").fallback == "#iam-keys"
    assert a_sink(slack).fallback is None


def test_who_has_left_is_told_apart_from_who_was_never_there(slack: FakeSlack, sink: SlackSink) -> None:
    slack.add_user("gone@example.com", deleted=True)
    with pytest.raises(RecipientLeft, match="deactivated in Slack"):
        sink.send(a_message(recipient="gone@example.com"))
    with pytest.raises(RecipientUnreachable) as caught:
        sink.send(a_message(recipient="nobody@example.com"))
    assert not isinstance(caught.value, RecipientLeft)
    assert len(slack.calls("users.list")) == 1
    assert slack.messages == []


def test_without_the_scope_to_list_users_an_unknown_one_is_unreachable(clock: HandClock) -> None:
    denied = frozenset({"users.list"})
    with FakeSlack(scopes_denied=denied, clock=clock) as slack, pytest.raises(RecipientUnreachable):
        a_sink(slack).send(a_message())


def test_a_user_who_was_written_to_is_asked_for_by_id_even_after_a_restart(
    slack: FakeSlack, sink: SlackSink
) -> None:
    refs = sink.send(a_message()).refs
    a_sink(slack).send(a_message(a_notice(refs=refs), id="msg-2"))
    assert len(slack.calls("users.lookupByEmail")) == 1
    assert len(slack.calls("users.info")) == 1
    assert len(slack.messages_to(JANE)) == 2


def test_one_whom_the_lookup_shows_as_deactivated_has_left(slack: FakeSlack, sink: SlackSink) -> None:
    slack.add_user("gone@example.com", deleted=True)
    slack.shows_deleted = True
    with pytest.raises(RecipientLeft):
        sink.send(a_message(recipient="gone@example.com"))
    assert slack.calls("users.list") == []


@pytest.mark.parametrize("method", ["users.info", "users.list"])
def test_without_a_method_that_is_only_useful_owners_are_told_all_the_same(
    slack: FakeSlack, sink: SlackSink, method: str
) -> None:
    refs = sink.send(a_message()).refs
    slack.scopes_denied = frozenset({method})
    again = a_message(a_notice(refs=refs, occurrence=2), id="msg-2")
    a_sink(slack).send(again)
    assert len(slack.messages) == 2


def test_a_known_user_who_left_since_is_found_out(slack: FakeSlack, sink: SlackSink) -> None:
    refs = sink.send(a_message()).refs
    slack.add_user(JANE, deleted=True).id = refs["user"]
    with pytest.raises(RecipientLeft):
        a_sink(slack).send(a_message(a_notice(refs=refs), id="msg-2"))


def test_a_user_who_leaves_while_the_id_is_remembered_is_found_out(slack: FakeSlack, sink: SlackSink) -> None:
    refs = sink.send(a_message()).refs
    slack.add_user(JANE, deleted=True).id = refs["user"]
    slack.fail("chat.postMessage", not_ok("user_disabled"))
    with pytest.raises(RecipientLeft):
        sink.send(a_message(id="msg-2"))


def test_a_known_user_whose_address_went_to_somebody_else_gets_nothing(
    slack: FakeSlack, sink: SlackSink
) -> None:
    refs = sink.send(a_message()).refs
    old = slack.add_user("jane.doe@example.com")
    slack.add_user(JANE).id = "U0000NEW1"
    old.id = refs["user"]
    a_sink(slack).send(a_message(a_notice(refs=refs), id="msg-2"))
    assert slack.messages_to(JANE)[-1].channel != refs["channel"]


def test_a_user_is_looked_up_once_and_again_when_that_is_old(slack: FakeSlack, sink: SlackSink) -> None:
    for now in (NOW, NOW + timedelta(minutes=1), NOW + USER_LIFETIME):
        sink.send(a_message(now=now))
    assert len(slack.calls("users.lookupByEmail")) == 2


def test_the_fewest_scopes_are_enough(clock: HandClock) -> None:
    with FakeSlack(
        scopes_denied=frozenset({"conversations.open", "conversations.history"}), clock=clock
    ) as slack:
        slack.add_user(JANE)
        a_sink(slack).send(a_message())
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


def test_a_short_rate_limit_is_sat_out(slack: FakeSlack, sink: SlackSink, clock: HandClock) -> None:
    slack.fail("chat.postMessage", rate_limited(7), rate_limited(30))
    sink.send(a_message())
    assert clock.slept == [7, 30]


def test_a_long_rate_limit_is_left_to_the_next_run(
    slack: FakeSlack, sink: SlackSink, clock: HandClock
) -> None:
    slack.fail("chat.postMessage", rate_limited(31))
    with pytest.raises(Transient) as caught:
        sink.send(a_message())
    assert caught.value.retry_after == timedelta(seconds=31)
    assert clock.slept == []


def test_a_rate_limit_without_end_is_given_up(slack: FakeSlack, sink: SlackSink, clock: HandClock) -> None:
    slack.fail("chat.postMessage", *[rate_limited(1)] * 4)
    with pytest.raises(Transient):
        sink.send(a_message())
    assert clock.slept == [1, 1, 1]


def test_a_server_that_is_not_there_is_transient_and_not_ambiguous(clock: HandClock) -> None:
    with FakeSlack(clock=clock) as slack:
        slack.add_user(JANE)
        sink = a_sink(slack)
        sink.send(a_message())
    with pytest.raises(Transient) as caught:
        sink.send(a_message())
    assert not isinstance(caught.value, Ambiguous)


def test_a_time_out_before_anything_was_posted_is_not_ambiguous(slack: FakeSlack, sink: SlackSink) -> None:
    slack.fail("users.lookupByEmail", http.HANG)
    with pytest.raises(Transient) as caught:
        sink.send(a_message())
    assert not isinstance(caught.value, Ambiguous)


@pytest.mark.parametrize("count", [1, 60, 300])
def test_a_digest_is_one_message_with_replies_in_its_thread(
    count: int, slack: FakeSlack, sink: SlackSink
) -> None:
    receipt = sink.send(a_message(*many(count)))
    first, *replies = slack.messages
    assert (first.ts, first.thread_ts) == (receipt.refs["ts"], None)
    assert all(reply.thread_ts == first.ts for reply in replies)
    assert bool(replies) == (count > 8)


# --- later messages ------------------------------------------------------------------------------


def later(refs: Mapping[str, str], **changes: Any) -> Message:
    """The next message about the same finding."""
    return a_message(a_notice(refs=refs, **changes), id="msg-2", now=NOW + timedelta(days=7))


def test_a_later_stage_goes_to_the_thread_of_the_earlier_message(slack: FakeSlack, sink: SlackSink) -> None:
    first = sink.send(a_message())
    second = sink.send(later(first.refs))
    root, reply = slack.messages
    assert (reply.channel, reply.thread_ts) == (root.channel, root.ts)
    assert second.refs == first.refs


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"urgency": "warning"}, False),
        ({"urgency": "critical"}, True),
        ({"urgency": "warning", "kind": "done"}, True),
    ],
)
def test_a_reply_that_matters_is_shown_in_the_conversation_too(
    changes: dict[str, Any], seen: bool, slack: FakeSlack, sink: SlackSink
) -> None:
    sink.send(later(sink.send(a_message()).refs, **changes))
    assert slack.messages[-1].reply_broadcast is seen


def test_a_long_reply_is_shown_once(slack: FakeSlack, sink: SlackSink) -> None:
    refs = sink.send(a_message()).refs
    sink.send(a_message(*many(60, refs=refs), id="msg-2"))
    assert [m.reply_broadcast for m in slack.messages[1:]].count(True) == 1
    assert {m.thread_ts for m in slack.messages[1:]} == {refs["ts"]}


def test_after_a_month_a_new_thread_is_started(slack: FakeSlack, sink: SlackSink) -> None:
    refs = sink.send(a_message()).refs
    again = sink.send(a_message(a_notice(refs=refs), id="msg-2", now=NOW + THREAD_LIFETIME))
    assert slack.messages[-1].thread_ts is None
    assert again.refs["ts"] == slack.messages[-1].ts != refs["ts"]


def test_another_recipient_gets_a_message_of_its_own(slack: FakeSlack, sink: SlackSink) -> None:
    refs = sink.send(a_message()).refs
    slack.add_user("next@example.com")
    sink.send(a_message(a_notice(refs=refs), id="msg-2", recipient="next@example.com"))
    assert [m.thread_ts for m in slack.messages_to("next@example.com")] == [None]
    assert len(slack.messages_to(JANE)) == 1


def test_of_several_threads_the_newest_goes_on(slack: FakeSlack, sink: SlackSink, clock: HandClock) -> None:
    old = sink.send(a_message()).refs
    clock.sleep(5)
    new = sink.send(a_message(id="msg-2")).refs
    notices = (a_notice(refs=old), a_notice(finding_id="KS-2", refs=new), a_notice(finding_id="KS-3"))
    assert sink.send(a_message(*notices, id="msg-3")).refs == new


def test_a_deleted_root_is_replaced_by_a_new_one(slack: FakeSlack, sink: SlackSink) -> None:
    refs = sink.send(a_message()).refs
    slack.delete(slack.messages[0])
    again = sink.send(later(refs))
    [message] = slack.messages
    assert message.thread_ts is None
    assert again.refs["ts"] == message.ts


def test_a_channel_that_was_made_anew_gets_a_new_root(slack: FakeSlack, sink: SlackSink) -> None:
    slack.add_channel("#iam-keys")
    refs = dict(sink.send(a_message(recipient="#iam-keys")).refs) | {"channel": "C0000GONE"}
    sink.send(a_message(a_notice(refs=refs), id="msg-2", recipient="#iam-keys"))
    assert [m.thread_ts for m in slack.messages_to("#iam-keys")] == [None, None]


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


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_post_whose_answer_a_gateway_lost_is_not_repeated(
    slack: FakeSlack, sink: SlackSink, status: int
) -> None:
    slack.fail("chat.postMessage", http.Fault(http.Answer(status, "<html>Bad Gateway</html>"), arrives=True))
    with pytest.raises(Ambiguous):
        sink.send(a_message())
    sink.send(a_message(maybe_sent=True))
    assert len(slack.messages) == 1


def test_what_is_found_a_day_later_counts_from_when_it_arrived(
    slack: FakeSlack, sink: SlackSink, clock: HandClock
) -> None:
    arrived = clock.instant.replace(microsecond=0)
    slack.fail("chat.postMessage", http.ARRIVES_THEN_RESETS)
    with pytest.raises(Ambiguous):
        sink.send(a_message())
    clock.sleep(86_400)
    found = sink.send(a_message(maybe_sent=True)).at
    assert found
    assert abs(found - arrived) < timedelta(seconds=5)
    assert sink.send(a_message(id="another")).at is None


def test_without_the_scope_to_look_it_is_posted_once_more(clock: HandClock) -> None:
    with FakeSlack(scopes_denied=frozenset({"conversations.history"}), clock=clock) as slack:
        slack.add_user(JANE)
        sink = a_sink(slack)
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


def test_a_pause_between_two_pages_goes_on_with_the_rest_afterwards(slack: FakeSlack) -> None:
    gate, message = Gate(), a_message(*many(300))
    sink = a_sink(slack, gate)
    gate.pause(after=2)
    with pytest.raises(Ambiguous, match="an incident"):
        sink.send(message)
    assert len(slack.messages) == 2
    gate.resume()
    sink.send(a_message(*message.notices, maybe_sent=True))
    told = [finding for m in slack.messages for finding in m.metadata["event_payload"]["findings"]]
    assert told == [notice.finding_id for notice in message.notices]


def test_a_pause_that_comes_while_its_turn_is_waited_for_holds_the_message(
    slack: FakeSlack, clock: HandClock
) -> None:
    gate, sleep = Gate(), clock.sleep
    slack.fail("chat.postMessage", rate_limited(20))

    def pausing(seconds: float) -> None:
        gate.pause()
        sleep(seconds)

    clock.sleep = pausing  # type: ignore[method-assign]
    with pytest.raises(PausedMeanwhile):
        a_sink(slack, gate).send(a_message())
    assert slack.messages == []


def test_a_reply_that_did_arrive_is_found_in_the_old_thread(slack: FakeSlack, sink: SlackSink) -> None:
    refs = sink.send(a_message()).refs
    slack.fail("chat.postMessage", http.ARRIVES_THEN_RESETS)
    with pytest.raises(Ambiguous):
        sink.send(later(refs))
    assert sink.send(replace(later(refs), maybe_sent=True)).refs == refs
    assert len(slack.messages) == 2


def test_a_new_root_that_did_arrive_is_found_when_the_old_one_is_gone(
    slack: FakeSlack, sink: SlackSink
) -> None:
    refs = sink.send(a_message()).refs
    slack.delete(slack.messages[0])
    slack.fail("chat.postMessage", http.PASS, http.ARRIVES_THEN_RESETS)
    with pytest.raises(Ambiguous):
        sink.send(later(refs))
    receipt = sink.send(replace(later(refs), maybe_sent=True))
    assert [message.ts for message in slack.messages] == [receipt.refs["ts"]]


def test_a_reply_that_did_not_arrive_goes_to_the_old_thread(slack: FakeSlack, sink: SlackSink) -> None:
    refs = sink.send(a_message()).refs
    sink.send(replace(later(refs), maybe_sent=True))
    assert slack.messages[-1].thread_ts == refs["ts"]


# --- pace ----------------------------------------------------------------------------------------


def test_one_channel_gets_one_message_a_second(slack: FakeSlack, sink: SlackSink, clock: HandClock) -> None:
    for _ in range(3):
        sink.send(a_message())
    assert sum(clock.slept) >= 2


def test_different_people_do_not_wait_for_each_other(
    slack: FakeSlack, sink: SlackSink, clock: HandClock
) -> None:
    for number in range(3):
        slack.add_user(f"u{number}@example.com")
        sink.send(a_message(recipient=f"u{number}@example.com"))
    assert clock.slept == []


def test_the_pages_of_a_first_message_share_one_second_each(slack: FakeSlack, sink: SlackSink) -> None:
    sink.send(a_message(*many(60)))
    assert len(slack.messages) == 2
    assert slack.refused == 0


def test_a_closed_method_is_not_called_by_anybody_until_it_opens(
    slack: FakeSlack, sink: SlackSink, clock: HandClock
) -> None:
    slack.add_user("next@example.com")
    slack.fail("chat.postMessage", rate_limited(600))
    for recipient in (JANE, "next@example.com"):
        with pytest.raises(Transient) as caught:
            sink.send(a_message(recipient=recipient))
        assert caught.value.retry_after == timedelta(seconds=600)
    assert len(slack.calls("chat.postMessage")) == 1
    clock.sleep(600)
    sink.send(a_message())
    assert slack.too_early == []


def test_two_processes_that_press_slack_together_are_refused_and_wait(
    slack: FakeSlack, clock: HandClock
) -> None:
    for number in range(3):
        a_sink(slack).send(a_message(id=f"msg-{number}"))
    assert slack.refused == 2
    assert clock.slept == [2, 2]
    assert slack.too_early == []
    assert len(slack.messages) == 3


def test_lookups_stay_within_fifty_a_minute(slack: FakeSlack, sink: SlackSink, clock: HandClock) -> None:
    for number in range(120):
        slack.add_user(f"u{number}@example.com")
        sink.send(a_message(recipient=f"u{number}@example.com"))
    assert slack.refused == 0
    assert 100 <= sum(clock.slept) <= 180


# --- buttons -------------------------------------------------------------------------------------


def test_without_an_app_token_there_is_nothing_to_press(slack: FakeSlack, sink: SlackSink) -> None:
    sink.send(a_message(*many(20)))
    assert "keysteward_" not in str([m.blocks for m in slack.messages])


def test_with_an_app_token_there_are_buttons(slack: FakeSlack) -> None:
    a_sink(slack, app_token="xapp-1").send(a_message())
    assert "keysteward_rotated" in str(slack.messages[0].blocks)
