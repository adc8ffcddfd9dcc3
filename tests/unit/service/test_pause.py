"""`keysteward pause` in the middle of things: nothing more leaves, nothing is lost, it goes on afterwards."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from app.errors import Ambiguous, LedgerError, Paused, PausedMeanwhile, StaleLease, Transient
from app.ledger.interface import Lease
from app.ledger.memory import MemoryLedger
from app.model import Account, Delivery, DeliveryState, Event, Pause, Verb
from app.service import changes
from app.service.pause import LivePause, sending_under, unless_paused
from app.service.retry import retry_failed
from app.service.snapshot import Snapshot, SnapshotHolder
from app.sinks.interface import Message
from tests.fakes.clock import Sleeper
from tests.fakes.crowd import Nth, crowd
from tests.fakes.policies import policy
from tests.fakes.world import START, Inbox, World, aged

HOLD = Pause("ann", "an incident", START)


def pause(world: World) -> None:
    world.ledger.pause(HOLD, Event(world.clock.now(), "ann", "paused"))


def resume(world: World) -> None:
    world.ledger.pause(None, Event(world.clock.now(), "ann", "resumed"))


def test_a_pause_in_the_middle_of_the_acts_stops_them_and_every_notice() -> None:
    world = crowd(old=20, young=50)
    told = len(world.slack.sent), len(world.jira.sent)
    world.before_write = Nth(5, lambda: pause(world))
    report = world.day(7)
    assert world.acts() == ["deactivate"] * 5  # the fifth was under way
    assert (len(world.slack.sent), len(world.jira.sent)) == told
    assert report.plan.held_by_guard()["pause"] == 15
    assert world.day(7.5).plan.held_by_guard()["pause"] == 15
    assert len(world.acts()) == 5
    resume(world)
    world.day(8)
    assert world.acts() == ["deactivate"] * 20
    assert len({key for _, key in world.writes}) == 20
    done = [n for n in world.slack.notices if n.kind == "done"]
    assert len({n.finding_id for n in done}) == len(done) == 20
    first = [n for n in world.slack.notices if n.stage == "warn"]
    assert len({n.finding_id for n in first}) == len(first) == 50


def test_a_pause_in_the_middle_of_the_notices_stops_the_rest() -> None:
    world = crowd(old=0, young=50)
    tenth = Nth(10, lambda: pause(world))

    def fault(message: Message) -> None:
        tenth()

    world.slack.fault = fault
    world.day(7)
    assert len(world.slack.sent) == 10
    waiting = [row for row in world.ledger.undelivered() if row.sink == "slack"]
    assert {(row.state, row.attempts) for row in waiting} == {(DeliveryState.PENDING, 0)}
    assert len(waiting) == 40
    resume(world)
    world.day(7.1)
    assert len({n.finding_id for n in world.slack.notices}) == len(world.slack.sent) == 50


def test_nobody_is_told_of_a_run_that_was_paused() -> None:
    world = crowd(old=1, young=0)
    world.before_write = lambda: pause(world)
    before = len(world.slack.summaries)
    world.day(7)
    assert len(world.slack.summaries) == before


def test_a_pause_between_two_sinks_keeps_the_second_from_reporting() -> None:
    world = crowd(old=0, young=1)

    class Pausing(Inbox):
        def report(self, summary: object) -> bool:
            pause(world)
            return True

    world.slack = Pausing("slack")
    before = len(world.jira.summaries)
    assert world.day(7).outcome == "success"
    assert len(world.jira.summaries) == before


# --- within one message --------------------------------------------------------------------------------


def asks_then_sends(
    world: World, error: type[Exception] | None = None
) -> Callable[[Message], Exception | None]:
    """What a slow adapter does: it is paused between the claim and the request."""

    def fault(message: Message) -> Exception | None:
        pause(world)
        try:
            unless_paused(world.ledger)()
        except PausedMeanwhile as meanwhile:
            return error(str(meanwhile)) if error else meanwhile
        return None

    return fault


class Ending(MemoryLedger):
    """A ledger with so many seconds of the lease left."""

    left = 30.0

    @contextmanager
    def lease(self, holder: str, wait: timedelta) -> Iterator[Lease | None]:
        with super().lease(holder, wait) as lease:
            yield lease and Lease(lease.epoch, lambda: self.left)


class Slow(Ending):
    """Who asks it for the pause waits until little of the lease is left."""

    wait = 0.0

    def paused(self) -> Pause | None:
        self.left -= self.wait
        return super().paused()


def test_nobody_restores_when_the_ledgers_last_answer_took_too_long() -> None:
    ledger = Slow()
    world = World(policy(), aged(300), ledger=ledger)
    world.days(*range(8))
    ledger.wait = 8.0  # three times: enough is left until the last look
    with pytest.raises(StaleLease, match="too little of the lease"):
        changes.restore(world.parts(), "AKIAEXAMPLE000000001", "ann", "needed")
    assert world.acts() == ["deactivate"]


def test_a_lease_that_runs_out_within_a_message_keeps_its_next_request_back() -> None:
    ledger = Ending()
    world = World(policy(), aged(69), ledger=ledger)
    world.days(0, 4)

    def looks_up_then_sends(message: Message) -> Exception | None:
        ledger.left = 9.0
        try:
            unless_paused(ledger)()
        except PausedMeanwhile as meanwhile:
            return meanwhile
        return None

    world.slack.fault = looks_up_then_sends
    report = world.day(7)
    assert world.slack.sent == []
    assert (slack_row(world).state, slack_row(world).attempts) == (DeliveryState.PENDING, 0)
    assert report.failures == ("slack: 1 notice not delivered: too little of the lease is left",)
    ledger.left = 30.0
    world.slack.fault = lambda message: None
    world.clock.instant += timedelta(minutes=1)
    retry_failed(world.parts())  # the next run may be a day away
    assert [n.stage for n in world.slack.notices] == ["warn"]


def test_what_is_sent_without_a_lease_asks_for_the_pause_alone() -> None:
    ledger = MemoryLedger()
    with sending_under(Lease(1, lambda: 9.0)), pytest.raises(PausedMeanwhile, match="lease"):
        unless_paused(ledger)()
    unless_paused(ledger)()


def slack_row(world: World) -> Delivery:
    [row] = (row for row in world.ledger.undelivered() if row.sink == "slack")
    return row


def test_what_was_claimed_but_has_not_left_is_as_if_it_had_never_been_tried() -> None:
    world = crowd(old=0, young=1)
    world.slack.fault = asks_then_sends(world)
    report = world.day(7)
    assert (slack_row(world).state, slack_row(world).attempts) == (DeliveryState.PENDING, 0)
    assert report.outcome == "success"
    assert report.failures == ()


def test_what_failed_before_is_left_as_it_was_and_tried_again_after_the_pause() -> None:
    world = crowd(old=0, young=1)
    world.slack.fault = lambda message: Transient("HTTP 500")
    world.day(7)
    before = slack_row(world)
    world.clock.instant += timedelta(hours=1)
    world.slack.fault = asks_then_sends(world)
    retry_failed(world.parts())
    assert (slack_row(world).state, slack_row(world).attempts) == (before.state, before.attempts)
    resume(world)
    world.slack.fault = lambda message: None
    retry_failed(world.parts())
    assert [n.stage for n in world.slack.notices] == ["warn"]


def test_what_has_left_in_part_is_looked_for_after_the_pause() -> None:
    world = crowd(old=0, young=1)
    world.slack.fault = asks_then_sends(world, Ambiguous)
    world.day(7)
    assert slack_row(world).state is DeliveryState.AMBIGUOUS
    assert world.ledger.frame().breakers == {}
    resume(world)
    world.slack.fault = lambda message: None
    world.day(7.1)
    assert [message.maybe_sent for message in world.slack.sent] == [True]


# --- within one act ------------------------------------------------------------------------------------


class SlowToSignIn(World):
    """The role of the act is assumed in so much time that somebody pauses meanwhile."""

    armed = False

    def ready(self, account: Account) -> None:
        if self.armed:
            pause(self)


def slow(days: float) -> SlowToSignIn:
    world = SlowToSignIn(policy(), aged(300))
    world.days(0, 4)
    if days > 7:
        world.day(7)
    world.armed = True
    return world


def test_a_pause_while_the_role_is_assumed_holds_the_act() -> None:
    world = slow(7)
    report = world.day(7)
    assert world.acts() == []
    assert report.plan.held_by_guard()["pause"] == 1
    acts = [row for row in world.ledger.undelivered() if row.verb is Verb.DEACTIVATE]
    assert acts == []
    resume(world)
    world.armed = False
    world.day(8)
    assert world.acts() == ["deactivate"]


def test_a_pause_while_the_role_is_assumed_holds_a_restore() -> None:
    world = slow(8)
    with pytest.raises(Paused, match="an incident"):
        changes.restore(world.parts(), "0001", "ann", "it broke")
    assert world.acts() == ["deactivate"]


# --- what is shown -------------------------------------------------------------------------------------


def test_the_pause_shows_within_a_second_and_the_ledger_is_asked_once_in_one() -> None:
    time, asked = Sleeper(), list[None]()
    now: list[Pause | None] = [None]

    def paused() -> Pause | None:
        asked.append(None)
        return now[0]

    holder = SnapshotHolder(Snapshot(), live=(LivePause(paused, lambda: time.now),))
    assert holder.get().paused is None
    now[0] = HOLD
    time.sleep(0.5)
    assert [holder.get().paused for _ in range(9)] == [None] * 9
    time.sleep(0.5)
    assert [holder.get().paused for _ in range(9)] == [HOLD] * 9
    now[0] = None
    time.sleep(1)
    assert holder.get().paused is None
    assert len(asked) == 3


def test_while_the_ledger_is_silent_the_last_that_was_known_is_shown() -> None:
    time, answers = Sleeper(), [HOLD]

    def paused() -> Pause | None:
        if not answers:
            raise LedgerError("it does not answer")
        return answers.pop()

    look = LivePause(paused, lambda: time.now)
    assert look(Snapshot()).paused == HOLD
    time.sleep(2)
    assert look(Snapshot()).paused == HOLD
    silent = LivePause(paused, lambda: time.now)
    assert silent(Snapshot(paused=HOLD)).paused == HOLD


def test_a_second_pause_names_the_first_and_resuming_says_what_it_ended() -> None:
    world = World(policy())
    assert "nothing to resume" in changes.resume(world.parts(), "ann")
    assert changes.pause(world.parts(), "ann", "an incident").endswith("scanning goes on")
    assert "(it was paused by ann: an incident)" in changes.pause(world.parts(), "bob", "another")
    assert changes.resume(world.parts(), "ann") == "Resumed (it was paused by bob: another)"
    assert [event.what for event in world.ledger.events()] == ["paused", "paused", "resumed"]


def test_what_the_ledger_says_in_place_of_an_answer_is_shown_until_it_answers() -> None:
    time, faults = Sleeper(), ["it is locked"]

    def paused() -> Pause | None:
        if faults:
            raise LedgerError(faults.pop())
        return None

    look = LivePause(paused, lambda: time.now)
    assert [look(Snapshot()).ledger_fault for _ in range(2)] == ["it is locked"] * 2
    time.sleep(1)
    assert look(Snapshot(ledger_fault="of a picture that was kept")).ledger_fault == ""
