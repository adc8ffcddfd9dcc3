"""A sink that keeps failing is rested and probed: what that means for runs, retries and the on-call."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.errors import Ambiguous, Permanent, RecipientUnreachable, Transient
from app.ledger.interface import Change
from app.model import Breaker, Delivery, DeliveryState, Event, Pause
from app.service.breaker import FIRST_REST, LONGEST_REST, THRESHOLD
from app.service.picture import with_deliveries
from app.service.retry import retry_failed
from app.service.run_once import run_once
from app.sinks.interface import Message
from app.sinks.snapshot import SinkRow, Snapshot
from tests.fakes.policies import FINAL, TICKET, WARN, ladder, policy
from tests.fakes.world import DAY, START, Inbox, World, aged

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ONCE = replace(WARN, repeat=None)
OWNERS = 12


def crowd(number: int = OWNERS) -> World:
    """Keys of many owners, each told once by Slack."""
    keys = (aged(80, f"AKIAEXAMPLE{n:09d}", tags={"owner": f"o{n:02d}@example.com"}) for n in range(number))
    return World(ladder(ONCE), *keys)


@dataclass
class Line:
    """The way to Slack: cut or not, with a note of every message that was tried."""

    world: World
    down: bool = True
    tried: list[tuple[datetime, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world.slack.fault = self.fault

    def fault(self, message: Message) -> Exception | None:
        self.tried.append((self.world.clock.instant, message.recipient))
        return Transient("HTTP 503") if self.down else None


@pytest.fixture
def world() -> World:
    return crowd()


@pytest.fixture
def line(world: World) -> Line:
    return Line(world)


def rows(world: World) -> list[Delivery]:
    return [d for f in world.ledger.view().findings.values() for d in world.ledger.deliveries_of(f.id)]


def minutes(world: World, first: int, last: int) -> Iterator[int]:
    """A daemon's retries, one a minute."""
    for minute in range(first, last):
        world.clock.instant = START + minute * MINUTE
        retry_failed(world.parts())
        yield minute


def shown(world: World) -> SinkRow:
    return next(row for row in with_deliveries(world.parts(), Snapshot()).sinks if row.sink == "slack")


def test_after_a_few_failures_the_rest_waits_and_loses_no_attempt(world: World, line: Line) -> None:
    report = world.day(0)
    assert len(line.tried) == THRESHOLD
    assert sorted(row.attempts for row in rows(world)) == [0] * (OWNERS - THRESHOLD) + [1] * THRESHOLD
    why = "rests until 01 Jun 09:01 UTC after 5 failures in a row: HTTP 503"
    assert report.failures == (
        "slack: 5 notices not delivered: HTTP 503",
        f"slack: 7 notices not delivered: {why}",
    )


def test_it_is_probed_by_one_message_at_a_time_and_an_answer_lets_the_rest_through(
    world: World, line: Line
) -> None:
    world.day(0)
    line.tried.clear()
    for _ in minutes(world, 0, 60):
        pass
    assert [round((at - START) / MINUTE) for at, _ in line.tried] == [1, 3, 7, 15, 31]
    line.down = False
    list(minutes(world, 60, 64))
    assert sorted(m.recipient for m in world.slack.sent) == [f"o{n:02d}@example.com" for n in range(OWNERS)]
    assert {row.state for row in rows(world)} == {DeliveryState.DELIVERED}
    assert world.ledger.frame().breakers["slack"].failures == 0


def test_a_probe_is_another_message_each_time(world: World, line: Line) -> None:
    """It may be the message that the sink breaks on: then the others must get their turn."""
    world.day(0)
    line.tried.clear()
    list(minutes(world, 0, 300))
    probed = [recipient for _, recipient in line.tried]
    assert len(set(probed)) == len(probed)


def test_one_message_that_always_fails_does_not_keep_the_others_waiting(world: World, line: Line) -> None:
    world.day(0)
    world.slack.fault = lambda m: Transient("HTTP 500") if m.recipient == "o00@example.com" else None
    list(minutes(world, 1, 30))
    assert len(world.slack.sent) == OWNERS - 1


def test_an_outage_of_a_week_uses_up_nobodys_attempts(world: World, line: Line) -> None:
    for hour in range(8 * 24):
        world.day(hour / 24)
    assert len(line.tried) < 8 * 24 + THRESHOLD
    assert max(row.attempts for row in rows(world)) == 1
    line.down = False
    world.day(9)
    assert len(world.slack.notices) == OWNERS


def test_its_rest_outlives_the_process_as_cron_needs_it(world: World, line: Line) -> None:
    """`run --once` every ten minutes: each is a process of its own that only has the ledger."""
    for number in range(13):
        world.day(number * 10 / 1440)
    assert [round((at - START) / MINUTE) for at, _ in line.tried] == [0] * THRESHOLD + [
        10,
        20,
        30,
        40,
        60,
        100,
    ]


def test_a_message_that_is_refused_is_no_fault_of_its_sink(world: World) -> None:
    world.slack.fault = lambda m: Permanent("no such template")
    world.day(0)
    assert len([row for row in rows(world) if row.state is DeliveryState.DEAD]) == OWNERS
    assert world.ledger.frame().breakers == {}


def test_nor_is_an_owner_whom_it_does_not_know(world: World) -> None:
    world.slack.fallback = "#iam-keys"
    strange = RecipientUnreachable("users_not_found")
    world.slack.fault = lambda m: strange if "@" in m.recipient else None
    world.day(0)
    assert len(world.slack.notices) == OWNERS
    assert world.ledger.frame().breakers == {}


def test_an_answer_in_between_starts_the_count_anew(world: World) -> None:
    """Every third message arrives."""
    tried: list[str] = []

    def some(message: Message) -> Exception | None:
        tried.append(message.recipient)
        return None if len(tried) % 3 == 0 else Transient("HTTP 503")

    world.slack.fault = some
    world.day(0)
    assert len(tried) == OWNERS


def test_its_message_is_probed_before_one_that_may_have_arrived(world: World, line: Line) -> None:
    world.slack.fault = lambda m: Ambiguous("no answer", findable=False)
    world.day(0)
    world.slack.fault = line.fault
    list(minutes(world, 1, 60))
    lost = {row.recipient for row in rows(world) if row.state is DeliveryState.AMBIGUOUS}
    assert len(lost) == THRESHOLD
    assert lost.isdisjoint(recipient for _, recipient in line.tried)


def test_other_sinks_go_on_and_tickets_of_one_that_rests_are_not_asked_for() -> None:
    keys = [aged(81, f"AKIAEXAMPLE{n:09d}", f"user{n}") for n in range(OWNERS)]
    world = World(ladder(TICKET), *keys)
    world.day(0)
    asked: list[datetime] = []
    world.jira.closed = lambda now: asked.append(now) or frozenset()  # type: ignore[method-assign,func-returns-value]
    world.jira.fault = lambda m: Transient("HTTP 503")
    world.keys += [aged(80, f"AKIASECONDS{n:09d}", f"more{n}") for n in range(OWNERS)]
    world.day(1)
    assert len(asked) == 1
    world.day(1 + 0.5 / 1440)
    assert len(asked) == 1
    world.day(1 + 2 / 1440)
    assert len(asked) == 2
    assert len(world.slack.notices) == 2 * OWNERS


def test_nobody_loses_a_key_over_notices_that_waited(world: World, line: Line) -> None:
    """`require` counts what was delivered: a sink that rests delivers nothing."""
    strict = policy()
    world = World(strict, *(aged(300, f"AKIAEXAMPLE{n:09d}", f"u{n}") for n in range(OWNERS)))
    world.jira.fault = lambda m: Transient("HTTP 503")
    line = Line(world)
    world.slack.fault = line.fault
    world.days(*range(20))
    assert world.acts() == []
    line.down = False
    world.days(*range(20, 27))
    assert world.acts() == []
    world.day(27)
    assert set(world.acts()) == {"deactivate"}


# --- what shows of it -------------------------------------------------------------------------------------


def test_it_shows_while_it_rests_or_anything_waits_for_its_probe(world: World, line: Line) -> None:
    assert shown(world) == SinkRow("slack")
    world.day(0)
    until = START + FIRST_REST
    assert shown(world) == SinkRow("slack", True, until, THRESHOLD, "HTTP 503")
    world.clock.instant = until
    assert shown(world).resting
    world.keys.clear()
    line.down = False
    world.day(1)
    assert not shown(world).resting, "nothing is left that could probe it"


def test_it_is_logged_when_it_is_rested_and_when_it_answers_again(
    world: World, line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    world.day(0)
    line.down = False
    list(minutes(world, 1, 3))
    said = [r.message for r in caplog.records if r.name == "app.service.breaker"]
    assert said == ["sink is rested", "sink answers again"]


# --- the on-call ------------------------------------------------------------------------------------------


def told_of(inbox: Inbox) -> list[str]:
    """The outages that it told of."""
    alerts = (alert for summary in inbox.summaries for alert in summary.alerts)
    return [alert.text for alert in alerts if alert.what == "outage"]


def test_the_on_call_is_told_once_through_another_sink(world: World, line: Line) -> None:
    world.day(0)
    list(minutes(world, 1, 120))
    world.days(1, 2)
    (text,) = told_of(world.jira)
    assert text == (
        "slack does not answer: it rests until 01 Jun 09:01 UTC after 5 failures in a row: HTTP 503. "
        "What is for it waits, nothing is lost"
    )
    assert world.slack.summaries == [], "not by the one that rests"


def test_a_sink_that_falls_between_two_runs_is_told_of_at_once(world: World, line: Line) -> None:
    line.down = False
    world.slack.fault = lambda m: Transient("429", retry_after=MINUTE) if m.recipient < "o04" else None
    world.day(0)
    assert world.ledger.frame().breakers["slack"].failures < THRESHOLD
    world.jira.summaries.clear()
    world.slack.fault = line.fault
    line.down = True
    list(minutes(world, 1, 120))
    (text,) = told_of(world.jira)
    assert text.startswith("slack does not answer: it rests until 01 Jun 09:02 UTC after 5 failures in a row")
    assert [s.is_run for s in world.jira.summaries] == [False]


def test_the_next_outage_is_told_again(world: World, line: Line) -> None:
    world.day(0)
    line.down = False
    world.day(1)
    world.keys += [
        aged(79, f"AKIASECONDS{n:09d}", tags={"owner": f"p{n}@example.com"}) for n in range(OWNERS)
    ]
    line.down = True
    world.day(2)
    assert len(told_of(world.jira)) == 2


def test_when_nobody_could_be_told_the_next_run_tells(world: World, line: Line) -> None:
    world.jira.report_fault = Transient("HTTP 503")
    world.day(0)
    world.jira.report_fault = None
    world.days(1, 2)
    assert len(told_of(world.jira)) == 1


def test_while_paused_nobody_is_told(world: World, line: Line) -> None:
    real = line.fault

    def paused_meanwhile(message: Message) -> Exception | None:
        if len(line.tried) == THRESHOLD - 1:
            world.ledger.pause(Pause("ann", "x", START), Event(START, "ann", "paused"))
        return real(message)

    world.slack.fault = paused_meanwhile
    world.day(0)
    assert world.jira.summaries == []
    world.ledger.pause(None, Event(START, "ann", "resumed"))
    world.day(1)
    assert len(told_of(world.jira)) == 1


def test_with_one_sink_alone_nobody_is_told_and_it_is_not_tried_for_ever(world: World, line: Line) -> None:
    alone = replace(world.parts(), sinks={"slack": world.slack})
    world.clock.instant = START
    run_once(alone)
    assert world.ledger.frame().breakers["slack"].told


def test_a_summary_that_fails_counts_and_one_that_is_delivered_proves_nothing_for_messages(
    world: World,
) -> None:
    world.jira.report_fault = Transient("HTTP 503")
    world.day(0)
    assert world.ledger.frame().breakers["jira"].failures == 1
    world.jira.report_fault = None
    world.day(1)
    assert world.ledger.frame().breakers["jira"].failures == 1


@pytest.mark.parametrize(
    ("asked_for", "fault", "rests"),
    [(True, None, 0), (False, None, 1), (True, Permanent("no such channel"), 0), (True, Transient("503"), 2)],
)
def test_where_no_message_waits_a_summary_is_the_probe_if_anybody_asked_for_it(
    world: World, asked_for: bool, fault: Exception | None, rests: int
) -> None:
    rested = Breaker("jira", 5, 1, START, START + MINUTE, "HTTP 503", told=True)
    world.ledger.apply(Change(breakers=(rested,)))
    world.jira.asked_for, world.jira.report_fault = asked_for, fault
    world.day(1)
    assert world.ledger.frame().breakers["jira"].rests == rests


def test_where_nobody_asked_for_summaries_nobody_has_heard_of_an_outage(world: World, line: Line) -> None:
    world.jira.asked_for = False
    world.days(0, 1)
    world.jira.asked_for = True
    world.days(2, 3)
    assert len(told_of(world.jira)) == 1
    assert world.jira.summaries[0].at == START + 2 * DAY


def test_a_sink_that_falls_as_it_is_told_of_a_run_is_told_of_by_the_next(world: World) -> None:
    """Jira has had its summary by then, and that said nothing of it."""
    alone = replace(world.parts(), sinks={"jira": world.jira, "slack": world.slack})
    world.slack.report_fault = Transient("HTTP 503")
    for minute in range(THRESHOLD):
        world.clock.instant = START + minute * MINUTE
        run_once(alone)
    assert world.ledger.frame().breakers["slack"].rests == 1
    assert told_of(world.jira) == []
    world.clock.instant += MINUTE / 2
    run_once(alone)
    (text,) = told_of(world.jira)
    assert text.startswith("slack does not answer: it rests until 01 Jun 09:05 UTC after 5 failures")


# --- over random histories ----------------------------------------------------------------------------------


class Outages(RuleBasedStateMachine):
    """Slack goes and comes back while runs and retries go on, in any order and at any pace."""

    def __init__(self) -> None:
        super().__init__()
        self.world = crowd(8)
        self.line = Line(self.world, down=False)
        self.at = START

    @rule(down=st.booleans())
    def the_line_is_cut_or_mended(self, down: bool) -> None:
        self.line.down = down

    @rule(roll=st.floats(0, 1))
    def the_die_is_cast(self, roll: float) -> None:
        self.world.roll = roll

    @rule(number=st.integers(0, 7))
    def a_key_is_rotated(self, number: int) -> None:
        key = self.world.key(f"AKIAEXAMPLE{number:09d}")
        if key:
            self.world.keys.remove(key)
            self.world.keys.append(replace(key, id=f"AKIA{len(self.line.tried):07d}{key.id[-9:]}"))

    @rule(seconds=st.integers(1, 7200))
    def run(self, seconds: int) -> None:
        self._step(seconds, whole=True)

    @rule(seconds=st.integers(1, 600))
    def retry(self, seconds: int) -> None:
        self._step(seconds, whole=False)

    def _step(self, seconds: int, whole: bool) -> None:
        before = self.world.ledger.frame().breakers.get("slack")
        self.at += timedelta(seconds=seconds)
        self.world.clock.instant, tried = self.at, len(self.line.tried)
        if whole:
            self.world.day((self.at - START) / DAY)
        else:
            retry_failed(self.world.parts())
        now = self.line.tried[tried:]
        if before and before.until:
            assert not now or self.at >= before.until, "it rests"
            assert len(now) <= 1 or not self.line.down, "one probe"
        assert len(now) <= THRESHOLD or not self.line.down

    @invariant()
    def nobody_is_told_twice(self) -> None:
        told = [(n.finding_id, n.episode, n.stage, n.occurrence) for n in self.world.slack.notices]
        assert len(set(told)) == len(told)

    def teardown(self) -> None:
        """Once it is back for good, everybody who is still to be told is told, within the longest rest."""
        self.line.down = False
        self.at += LONGEST_REST
        self.world.day((self.at - START) / DAY)
        waiting = [row for row in rows(self.world) if row.state not in OVER]
        assert waiting == []


OVER = (DeliveryState.DELIVERED, DeliveryState.CANCELLED)
TestOutages = Outages.TestCase
TestOutages.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_reminders_do_not_pile_up_behind_an_outage() -> None:
    world = World(ladder(FINAL), *(aged(88, f"AKIAEXAMPLE{n:09d}", f"u{n}") for n in range(OWNERS)))
    line = Line(world)
    for hour in range(0, 6 * 24, 2):
        world.day(hour / 24)
    line.down = False
    world.day(6)
    assert len(world.slack.notices) == OWNERS
    assert {n.occurrence for n in world.slack.notices} == {1}
    world.day(6.5)
    assert len(world.slack.notices) == OWNERS
