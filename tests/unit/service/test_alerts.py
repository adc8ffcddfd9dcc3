"""What a webhook told is taken back when the key is gone, without ever passing for a ticket."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from app.model import Mode
from app.policy.rules import Age, Match, Rule, Stage
from app.service.parts import Parts
from app.sinks.tools import Tools
from app.sinks.webhook.settings import WebhookSettings
from app.sinks.webhook.sink import WebhookSink
from tests.fakes import http
from tests.fakes.policies import days, policy
from tests.fakes.receiver import FakeReceiver
from tests.fakes.world import World, aged

WARN = Stage("warn", Age(days(75)), ("hook", "slack"))


class AlertedWorld(World):
    """A world with a webhook beside Slack and Jira."""

    hook: WebhookSink

    def parts(self) -> Parts:
        parts = super().parts()
        return replace(parts, sinks={**parts.sinks, "hook": self.hook})


@pytest.fixture
def receiver() -> Iterator[FakeReceiver]:
    with FakeReceiver() as fake:
        yield fake


@pytest.fixture
def world(receiver: FakeReceiver) -> AlertedWorld:
    made = AlertedWorld(policy(Rule("default", Match(), (WARN,)), mode=Mode.NOTIFY), aged(80))
    settings = WebhookSettings.model_validate({"type": "webhook", "url": receiver.url, "timeout": 0.5})
    made.hook = WebhookSink("hook", settings, Tools())
    return made


def events(receiver: FakeReceiver) -> list[str]:
    return [request.body["event"] for request in receiver.received]


def test_the_finding_is_closed_at_the_receiver_once(world: AlertedWorld, receiver: FakeReceiver) -> None:
    world.day(0)
    [finding] = world.ledger.view().findings.values()
    assert finding.refs["hook"] == {"alert": finding.id}
    assert finding.ticket == ""
    world.keys.clear()
    world.days(1, 2)
    assert events(receiver) == ["notice", "resolved"]
    told = receiver.received[-1].body["notices"][0]
    assert (told["finding_id"], told["kind"]) == (finding.id, "resolved")


def test_it_is_closed_also_where_nobody_knows_whether_the_notice_arrived(
    world: AlertedWorld, receiver: FakeReceiver
) -> None:
    receiver.fail("post", http.ARRIVES_THEN_RESETS)
    world.day(0)
    world.keys.clear()
    world.day(1)
    assert events(receiver) == ["notice", "resolved"]
