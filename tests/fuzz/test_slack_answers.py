"""Answers of Slack's Web API: what is no clear yes is no delivery, and only the documented errors come."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import strategies as st

from app.errors import KeystewardError
from app.plan.notice import Notice
from app.sinks.interface import Message
from app.sinks.slack.settings import SlackSettings
from app.sinks.slack.sink import EVENT, SlackSink
from app.sinks.tools import Tools
from app.sinks.waits import Waits
from tests.fakes.http import Answer, Fault
from tests.fakes.notices import JANE, NOW, a_message, a_notice
from tests.fakes.slack import TOKEN, FakeSlack, User
from tests.fakes.summaries import a_summary
from tests.fuzz import texts, trees
from tests.fuzz.attack import attack, each_effort, tried

USER, CHANNEL, TS = "U00000001", "C00000001", f"{NOW.timestamp():.0f}.000001"
PAYLOAD = {"message_id": "msg-1", "findings": ["KS-ABCDEFGHIJ"]}
PART = {"ts": TS, "text": "x", "metadata": {"event_type": EVENT, "event_payload": PAYLOAD}}
JANES = User(USER, JANE).shown()
GOOD: Mapping[str, Mapping[str, Any]] = {
    "users.lookupByEmail": {"ok": True, "user": JANES},
    "users.info": {"ok": True, "user": JANES},
    "users.list": {
        "ok": True,
        "members": [JANES, {**JANES, "deleted": True}],
        "response_metadata": {"next_cursor": ""},
    },
    "conversations.open": {"ok": True, "channel": {"id": "D00000001"}},
    "conversations.history": {"ok": True, "messages": [PART], "response_metadata": {"next_cursor": ""}},
    "conversations.replies": {
        "ok": True,
        "messages": [PART, {**PART, "thread_ts": TS}],
        "response_metadata": {},
    },
    "chat.postMessage": {"ok": True, "channel": CHANNEL, "ts": TS, "message": {"text": "x", "ts": TS}},
}
REFUSALS = tuple(
    {"ok": False, "error": code} for code in ("users_not_found", "ratelimited", "fatal_error", "nonsense")
)
EARLIER = {"to": JANE, "user": USER, "channel": "D00000001", "ts": TS}


def known(**refs: str) -> Notice:
    return replace(a_notice(), refs=refs)


def send(message: Message) -> Callable[[SlackSink], object]:
    return lambda sink: sink.send(message)


# What the service asks of the sink, and the methods that it calls for that.
USES: tuple[tuple[Callable[[SlackSink], object], tuple[str, ...]], ...] = (
    (send(a_message()), ("users.lookupByEmail", "chat.postMessage")),
    (send(a_message(recipient="nobody@example.com")), ("users.lookupByEmail", "users.list")),
    (send(a_message(notices=(known(**EARLIER),))), ("users.info", "chat.postMessage")),
    (
        send(a_message(maybe_sent=True)),
        ("conversations.open", "conversations.history", "conversations.replies", "chat.postMessage"),
    ),
    (
        send(a_message(notices=(known(**EARLIER),), maybe_sent=True)),
        ("conversations.replies", "conversations.history"),
    ),
    (lambda sink: sink.report(a_summary()), ("chat.postMessage",)),
)
HEADERS = st.sampled_from(
    (
        {},
        {"Content-Type": "application/gzip"},
        {"Content-Type": "application/json; charset=nowhere"},
        {"Retry-After": "9" * 30},
        {"Retry-After": "9" * 5_000},
        {"Retry-After": "٣".encode().decode("latin-1")},
        {"Retry-After": "-1"},
        {"Retry-After": "Fri, 20 Nov 2026 09:00:00 GMT"},
    )
)
STATUSES = st.sampled_from((200, 200, 200, 200, 204, 302, 400, 404, 429, 500, 503))


@dataclass(frozen=True)
class Lie:
    """What Slack answers to one method instead of the truth."""

    use: int
    method: str
    answer: Answer


@st.composite
def lies(draw: st.DrawFn) -> Lie:
    use = draw(st.integers(0, len(USES) - 1))
    method = draw(st.sampled_from(USES[use][1]))
    body, status = draw(BODIES[method]), draw(STATUSES)
    headers = {"Content-Type": "application/json; charset=utf-8", **draw(HEADERS)}
    return Lie(use, method, Answer(status, body, headers))


BODIES = {
    method: st.one_of(
        trees.spoiled([good, good, *REFUSALS]).map(json.dumps), texts.spoiled([json.dumps(good)])
    )
    for method, good in GOOD.items()
}


@pytest.fixture(scope="module")
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as fake:
        fake.add_user(JANE)
        fake.add_channel("#team")
        yield fake


@each_effort
def test_an_answer_is_a_clear_yes_or_one_of_the_errors_that_a_sink_may_raise(
    examples: int, slack: FakeSlack
) -> None:
    attack(lies(), lambda lie: check(lie, slack), examples)


def check(lie: Lie, slack: FakeSlack) -> None:
    slack.requests.clear()
    slack._space.messages.clear()
    given = {
        "type": "slack",
        "token": TOKEN,
        "summary_channel": "#team",
        "base_url": slack.base_url,
        "timeout": 5,
    }
    sink = SlackSink(
        "slack", SlackSettings.model_validate(given), Tools(Waits(lambda seconds: None, lambda: 0.0))
    )
    slack.fail(lie.method, Fault(lie.answer))
    receipt, words = tried(lambda: USES[lie.use][0](sink) or "done", KeystewardError)
    slack.mend(lie.method)
    assert len(slack.requests) < 20
    assert TOKEN not in words
    assert words.isprintable()
    if receipt and lie.method == "chat.postMessage" and not slack.messages:
        assert lie.answer.status == 200
        assert json.loads(str(lie.answer.body))["ok"] is True
