"""Slack is down for three days: what a daemon does meanwhile, what shows of it, and how it ends."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from prometheus_client import generate_latest

from app.errors import Permanent, Transient
from app.model import Delivery, DeliveryState
from app.service.breaker import THRESHOLD
from app.service.letters import letters
from app.service.picture import with_deliveries
from app.service.retry import retry_failed
from app.sinks.interface import Message
from app.sinks.prometheus import SnapshotCollector, build_registry
from app.sinks.snapshot import Snapshot
from app.telemetry import Counters
from tests.fakes.policies import policy
from tests.fakes.world import DAY, START, Inbox, World, aged

NUMBER = 14
FROM, TO = 7, 10  # days: the keys of 300 days are deactivated on the seventh
STEP = timedelta(minutes=5)
POISON = "user3"


@dataclass
class Company:
    """Keys that are warned of, and keys that are deactivated on the day the outage begins."""

    world: World
    counters: Counters = field(default_factory=Counters)
    down: bool = False
    tried: list[str] = field(default_factory=list)  # ids of the messages that Slack was handed

    def __post_init__(self) -> None:
        self.world.slack.grouping = "finding"
        self.world.slack.fault = self.fault

    def fault(self, message: Message) -> Exception | None:
        self.tried.append(message.id)
        if self.down:
            return Transient("HTTP 503")
        poisoned = any(n.user == POISON and n.kind == "done" for n in message.notices)
        return Permanent("HTTP 400: invalid_blocks") if poisoned else None

    def live(self, first: float, last: float) -> None:
        """As a daemon does: a run every six hours, a retry every few minutes."""
        at, end = START + first * DAY, START + last * DAY
        while at < end:
            if (at - START) % (DAY / 4) == timedelta(0):
                self.world.day((at - START) / DAY)
            else:
                self.world.clock.instant = at
                retry_failed(self.world.parts())
            at += STEP

    def rows(self) -> Iterator[Delivery]:
        ledger = self.world.ledger
        for finding in ledger.view().findings.values():
            yield from ledger.deliveries_of(finding.id)

    def shown(self) -> Snapshot:
        return with_deliveries(self.world.parts(), Snapshot())

    def metrics(self) -> str:
        snapshot = self.shown()
        return generate_latest(build_registry(SnapshotCollector(lambda: snapshot, self.counters))).decode()


def company() -> Company:
    old = [aged(300 + n, f"AKIAEXAMPLE{n:09d}", f"user{n}") for n in range(NUMBER // 2)]
    young = [aged(78, f"AKIAEXAMPLE{n:09d}", f"user{n}") for n in range(NUMBER // 2, NUMBER)]
    made = Company(World(policy(), *old, *young))
    made.world.limits = replace(made.world.limits, share_of_account=1.0)
    made.world.days(*range(FROM))
    return made


def outages(inbox: Inbox) -> list[str]:
    return [a.text for s in inbox.summaries for a in s.alerts if a.what == "outage"]


def test_three_days_without_slack(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    made = company()
    world, before = made.world, list(made.world.slack.notices)
    made.down = True
    made.live(FROM, TO)

    # Keys are deactivated as their owners were told before; who was to be told since waits.
    assert len(world.acts()) == NUMBER // 2
    assert world.slack.notices == before
    waiting = [row for row in made.rows() if row.sink == "slack" and row.state is not DeliveryState.DELIVERED]
    assert {row.state for row in waiting} <= {DeliveryState.PENDING, DeliveryState.FAILED}
    assert max(row.attempts for row in waiting) <= 1, "an outage uses up nobody's attempts"

    # One message at a time asks whether it answers, at the end less than once an hour.
    probes = len(made.tried) - len(before)
    assert THRESHOLD + 3 * 24 <= probes <= THRESHOLD + 3 * 24 + 12

    # Whoever is on call was told once, by the other sink; and it shows.
    assert len(outages(world.jira)) == 1
    assert outages(world.slack) == []
    shown = made.shown()
    (slack,) = (row for row in shown.sinks if row.sink == "slack")
    assert (slack.resting, slack.error, shown.pending["slack"]) == (True, "HTTP 503", len(waiting))
    assert 'keysteward_sink_breaker_open{sink="slack"} 1.0' in made.metrics()
    assert f'keysteward_deliveries_pending{{sink="slack"}} {len(waiting)}.0' in made.metrics()
    told = [r.message for r in caplog.records if r.name == "app.service.breaker"]
    assert set(told) == {"sink is rested"}
    listed = letters(world.ledger, waiting, world.ledger.frame().breakers)
    assert {row.next_attempt_at for row in listed} == {slack.until}

    # Back again: everybody hears, in order, once; what it refuses for good costs nobody else anything.
    made.down = False
    made.live(TO, TO + 0.5)
    assert_all_is_told(made, len(before))
    shown = made.shown()
    assert not any(row.resting for row in shown.sinks)
    assert (shown.pending["slack"], shown.dead["slack"]) == (0, 1)
    (dead,) = shown.deliveries
    assert (dead.user, dead.why) == (POISON, "HTTP 400: invalid_blocks")
    assert 'keysteward_deliveries_dead{sink="slack"} 1.0' in made.metrics()
    told = [r.message for r in caplog.records if r.name == "app.service.breaker"]
    assert told[-1] == "sink answers again"
    assert len(outages(world.jira)) == 1


def assert_all_is_told(made: Company, before: int) -> None:
    notices = made.world.slack.notices
    told = Counter((n.finding_id, n.episode, n.stage, n.occurrence) for n in notices)
    assert max(told.values()) == 1
    acted_on = {n.user for n in notices if n.kind == "done"}
    assert acted_on == {f"user{n}" for n in range(NUMBER // 2)} - {POISON}
    since = {n.user for n in notices[before:]}
    assert since == {f"user{n}" for n in range(NUMBER)} - {POISON}
    for finding in {n.finding_id for n in notices}:
        created = [
            row.created_at for n in notices if n.finding_id == finding for row in made.rows() if is_of(row, n)
        ]
        assert created == sorted(created)


def is_of(row: Delivery, notice: object) -> bool:
    place = (row.finding_id, row.episode, row.stage, row.occurrence)
    of = (notice.finding_id, notice.episode, notice.stage, notice.occurrence)  # type: ignore[attr-defined]
    return row.sink == "slack" and place == of
