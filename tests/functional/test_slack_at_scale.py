"""300 owners with 5,000 keys, and a Slack that counts every request against its limits."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import cycle, islice

import pytest

from app.plan.limits import Brake, Limits
from app.policy.rules import Match as Matches
from app.policy.rules import OwnerByTag, OwnerFallback, Rule
from app.sinks.slack.settings import SlackSettings
from app.sinks.slack.sink import SlackSink
from app.sinks.tools import Tools
from tests.fakes import http
from tests.fakes.clock import HandClock
from tests.fakes.policies import DEACTIVATE, FINAL, WARN, policy
from tests.fakes.slack import TOKEN, FakeSlack, Posted, rate_limited
from tests.fakes.world import START, Key, World, aged

OWNERS, KEYS = 300, 5_000
USER = re.compile(r"job-\d{4}-of-(\d{3})")
REFUSALS = (3, 30, 1, 12)  # seconds of Retry-After, beyond what the rates themselves bring about


def owner(number: int) -> str:
    return f"owner-{number:03d}@example.com"


def some_keys() -> Iterator[Key]:
    """Every owner's share; some have one key, one has two hundred, one in ten keys is overdue."""
    shares = islice(cycle(range(OWNERS)), KEYS - 200)
    for number, of in enumerate([*shares, *[7] * 200]):
        age = 95 if number % 10 == 0 else 76
        tags = {"owner": owner(of)}
        yield aged(age, f"AKIAEXAMPLE{number:09d}", f"job-{number:04d}-of-{of:03d}", tags=tags)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(START)


@pytest.fixture
def slack(clock: HandClock) -> Iterator[FakeSlack]:
    with FakeSlack(clock=clock) as fake:
        for number in range(OWNERS):
            fake.add_user(owner(number))
        fake.add_channel("#iam-keys")
        fake.add_channel("#team")
        yield fake


@pytest.fixture
def world(slack: FakeSlack, clock: HandClock) -> World:
    ladder = policy(Rule("default", Matches(), (WARN, FINAL, DEACTIVATE)))
    made = World(ladder, *some_keys())
    made.with_policy(owners=(OwnerByTag("owner"), OwnerFallback("sec@example.com")))
    options = {"token": TOKEN, "base_url": slack.base_url, "app_token": "xapp-1"}
    options |= {"channel": "#iam-keys", "summary_channel": "#team"}
    settings = SlackSettings.model_validate({"type": "slack", **options})
    made.slack = SlackSink("slack", settings, Tools(clock.waits))  # type: ignore[assignment]
    made.clock = clock  # type: ignore[assignment]
    made.limits = Limits(KEYS, 1.0, KEYS, Brake(KEYS, 1.0))
    return made


def told(messages: list[Posted]) -> Counter[str]:
    """How often each finding is named by the messages' metadata."""
    found = (m.metadata.get("event_payload", {}).get("findings", ()) for m in messages)
    return Counter(finding for findings in found for finding in findings)


def owners_named(message: Posted) -> set[int]:
    return set(map(int, USER.findall(json.dumps([message.text, message.blocks]))))


@pytest.mark.slow
def test_everybody_is_told_once_of_their_own_keys_and_slack_is_never_pressed(
    world: World, slack: FakeSlack
) -> None:
    for seconds in REFUSALS:
        slack.fail("chat.postMessage", *[http.PASS] * 100, rate_limited(seconds))
        slack.fail("users.lookupByEmail", *[http.PASS] * 50, rate_limited(seconds))

    first = world.day(0)
    assert first.failures == ()
    assert first.delivered["slack"] == KEYS
    assert set(told(slack.messages).values()) == {1}
    assert len(told(slack.messages)) == KEYS

    before = len(slack.messages)
    second = world.day(8)
    assert second.failures == ()
    again = told(slack.messages[before:])
    assert sum(again.values()) == second.delivered["slack"] >= KEYS
    assert set(again.values()) == {1}

    for number in range(OWNERS):
        mine = slack.messages_to(owner(number))
        assert set().union(*map(owners_named, mine)) == {number}
        assert [m.thread_ts for m in mine].count(None) == 1  # later messages go to the thread of the first
    assert slack.messages_to("#iam-keys") == []
    assert len([m for m in slack.messages_to("#team") if m.thread_ts is None]) == 2
    assert slack.too_early == []
    assert slack.refused == 2 * len(REFUSALS)
