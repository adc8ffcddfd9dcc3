"""Everything that a full ladder sends to Slack, for checks against Slack's own descriptions."""

from contextlib import suppress
from datetime import timedelta

from app.errors import Ambiguous
from app.model import Caller
from app.plan.limits import Brake, Limits
from app.policy.rules import Match, OwnerByTag, OwnerFallback, Rule
from app.sinks.slack.settings import SlackSettings
from app.sinks.slack.sink import SlackSink
from app.sinks.tools import Tools
from tests.fakes import http
from tests.fakes.clock import HandClock
from tests.fakes.notices import JANE, NOW, a_message, a_notice, many
from tests.fakes.policies import LADDER, policy
from tests.fakes.slack import TOKEN, FakeSlack
from tests.fakes.world import START, World, aged

CALLER = Caller("203.0.113.7", "Terraform/1.7", "s3", "eu-central-1", 42, NOW)


def climb(slack: FakeSlack) -> None:
    """From the first warning to the deletion, for one owner with many keys and one without an account."""
    assert isinstance(slack.clock, HandClock)
    slack.add_user(JANE)
    slack.add_channel("#iam-keys")
    slack.add_channel("#team")
    options = {"token": TOKEN, "base_url": slack.base_url, "app_token": "xapp-1", "timeout": 1}
    options |= {"channel": "#iam-keys", "summary_channel": "#team", "username": "Keys", "icon_emoji": ":key:"}
    settings = SlackSettings.model_validate({"type": "slack", **options})
    sink = SlackSink("slack", settings, Tools(slack.clock.waits))
    _days(sink, slack.clock)
    _hand_made(sink, slack)


def _days(sink: SlackSink, clock: HandClock) -> None:
    owners = (OwnerByTag("owner"), OwnerFallback("security@example.com"))
    of = {"owner": JANE}
    keys = [aged(70 + n % 25, f"AKIAEXAMPLE{n:09d}", f"job-{n}", tags=of) for n in range(120)]
    keys.append(aged(95, "AKIAEXAMPLE999999999", "orphan", tags={"owner": "nobody@example.com"}))
    keys.append(aged(1, "AKIAEXAMPLE888888888", "young", tags=of))  # the brake's share needs an active key
    world = World(policy(Rule("default", Match(), LADDER)), *keys)
    world.with_policy(owners=owners)
    world.slack, world.clock = sink, clock  # type: ignore[assignment]
    world.limits = Limits(1000, 1.0, 1000, Brake(1000, share=1000.0))
    world.days(0, 1, 5, 8, 9, 16, 25, 40, 60, 75)
    assert {"deactivate", "delete"} <= set(world.acts())


def _hand_made(sink: SlackSink, slack: FakeSlack) -> None:
    """What a small world has not: callers, advice, the other kinds, and a second look."""
    now = START + timedelta(days=100)
    rich = a_notice(callers=(CALLER,) * 7, advice="Use a role for EC2", snoozable=True, ticket="SEC-1")
    kinds = [a_notice(kind=kind, finding_id=f"KS-{kind}") for kind in ("done", "exemption", "resolved")]
    sink.send(a_message(rich, now=now))
    sink.send(a_message(*kinds, *many(130, snoozable=True), id="msg-2", now=now))
    slack.fail("chat.postMessage", http.ARRIVES_THEN_RESETS)
    with suppress(Ambiguous):
        sink.send(a_message(id="msg-3", now=now))
    sink.send(a_message(id="msg-3", now=now, maybe_sent=True))
