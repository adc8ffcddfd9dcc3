"""Sinks go and come back while runs go on: each is told once of what waits for a person, and none never."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.errors import Transient
from app.model import Event, Pause
from app.plan.holds import AGAIN
from app.plan.limits import Brake
from app.plan.summary import Alert
from app.service.breaker import LONGEST_REST
from app.service.retry import retry_failed
from tests.fakes.policies import policy
from tests.fakes.world import DAY, START, Inbox, World, aged

NUMBER = 6
DOWN = Transient("HTTP 503")


class Weeks(RuleBasedStateMachine):
    """A plan waits at the brake; nobody approves it."""

    def __init__(self) -> None:
        super().__init__()
        keys = (aged(300 + n, f"AKIAEXAMPLE{n:09d}", f"user{n}") for n in range(NUMBER))
        self.world = World(policy(), *keys)
        self.world.limits = replace(self.world.limits, brake=Brake(deactivations=0, share=1.0))
        self.world.days(*range(7))
        self.at = START + 7 * DAY
        self.sinks = (self.world.slack, self.world.jira)

    def _sink(self, name: str) -> Inbox:
        return self.world.slack if name == "slack" else self.world.jira

    @rule(name=st.sampled_from(["slack", "jira"]), down=st.booleans())
    def a_sink_goes_or_comes_back(self, name: str, down: bool) -> None:
        sink = self._sink(name)
        sink.report_fault = DOWN if down else None
        sink.fault = lambda message: DOWN if down else None

    @rule(user=st.integers(0, 999))
    def there_is_something_to_tell(self, user: int) -> None:
        """A young key: messages for the sinks."""
        self.world.keys.append(aged(80, f"AKIAYOUNG{user:011d}", f"young{user}"))

    @rule(paused=st.booleans())
    def somebody_pauses_or_resumes(self, paused: bool) -> None:
        pause = Pause("ann", "an incident", self.at) if paused else None
        self.world.ledger.pause(pause, Event(self.at, "ann", "paused"))

    @rule(minutes=st.integers(1, 3000))
    def run(self, minutes: int) -> None:
        self.at += timedelta(minutes=minutes)
        self.world.day((self.at - START) / DAY)

    @rule(minutes=st.integers(1, 120))
    def retry(self, minutes: int) -> None:
        self.at += timedelta(minutes=minutes)
        self.world.clock.instant = self.at
        retry_failed(self.world.parts())

    @invariant()
    def nobody_is_told_twice(self) -> None:
        for sink in self.sinks:
            plans = [alert.plan for _, alert in told(sink, "approval")]
            assert len(set(plans)) == len(plans)
            weeks = [at for at, _ in told(sink, "held_long")]
            assert all(later - at >= AGAIN for at, later in pairwise(weeks))

    @invariant()
    def nothing_is_done(self) -> None:
        assert self.world.acts() == []

    def teardown(self) -> None:
        """Once all are back for good everybody has heard of the plan, and of the outages whoever could."""
        self.world.ledger.pause(None, Event(self.at, "ann", "resumed"))
        for name in ("slack", "jira"):
            self.a_sink_goes_or_comes_back(name, False)
        self.at += LONGEST_REST
        self.world.day((self.at - START) / DAY)
        plan = max(self.world.ledger.held_plans(), key=lambda plan: plan.last_held_at)
        for sink in self.sinks:
            assert told(sink, "approval")[-1][1].plan == plan.short
        assert not [b for b in self.world.ledger.frame().breakers.values() if b.rests and not b.told]


def told(sink: Inbox, what: str) -> list[tuple[datetime, Alert]]:
    return [(s.at, alert) for s in sink.summaries for alert in s.alerts if alert.what == what]


TestWeeks = Weeks.TestCase
TestWeeks.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
