"""What waits in the outbox: how long, in which order, and what of it still holds when it leaves."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from app.errors import Ambiguous, KeystewardError, Permanent, Transient
from app.ledger.interface import Change, Lease
from app.model import MAYBE_SENT, Delivery, DeliveryState, Finding, Refusal, Snooze, Verb
from app.policy.rules import Age, Exemption, Match, Rule
from app.service import changes
from app.service.backoff import GIVE_UP_ATTEMPTS
from app.service.book import Book
from app.service.deliver import deliver
from app.service.parts import Parts, Tally
from app.service.picture import with_deliveries
from app.service.retry import retry_failed
from app.service.run_once import context, run_once
from app.service.settle import Round
from app.sinks.interface import Grouping, Message, Receipt
from app.sinks.snapshot import Snapshot
from tests.fakes.policies import FINAL, TICKET, WARN, days, ladder, policy
from tests.fakes.world import DAY, PROD, START, Inbox, World, aged

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TWIN = "AKIAEXAMPLE000000002"
ONCE = replace(WARN, repeat=None)


def down(error: KeystewardError) -> Callable[[Message], Exception | None]:
    return lambda message: error


def up(message: Message) -> None:
    return None


def retry(world: World, days: float) -> None:
    """Between two runs, ``days`` after the start."""
    world.clock.instant = START + days * DAY
    retry_failed(world.parts())


def rows(world: World, sink: str = "slack") -> list[Delivery]:
    found = world.ledger.view().findings.values()
    return [d for f in found for d in world.ledger.deliveries_of(f.id) if d.sink == sink]


def only(world: World, sink: str = "slack") -> Delivery:
    (row,) = rows(world, sink)
    return row


def alone(**fields: Any) -> World:
    """One key at a stage that tells once, by Slack."""
    return World(ladder(ONCE), aged(80, **fields))


# --- waiting ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("roll", [0.0, 0.25, 1.0])
def test_the_wait_is_a_random_part_of_its_ceiling(roll: float) -> None:
    world = alone()
    world.roll = roll
    world.slack.fault = down(Transient("500"))
    world.day(0)
    assert only(world).next_attempt_at == START + roll * MINUTE
    retry(world, 1)
    assert only(world).next_attempt_at == START + DAY + roll * 2 * MINUTE


def test_a_run_too_waits_as_long_as_the_other_side_has_asked() -> None:
    """Cycles of ten minutes, and a service that asks for an hour."""
    world = alone()
    world.slack.fault = down(Transient("429", retry_after=HOUR))
    world.day(0)
    world.slack.fault = up
    report = world.day(10 / 1440)
    assert world.told() == []
    assert (report.outcome, report.failures) == ("partial", ("slack: 1 notice not delivered: 429",))
    assert only(world).attempts == 1
    world.day(60 / 1440)
    assert world.told() == [(0, "warn")]


def test_a_wait_from_a_clock_that_was_wrong_holds_nobody_up() -> None:
    world = alone()
    world.slack.fault = down(Transient("500"))
    world.day(400)
    world.slack.fault = up
    world.day(1)
    assert world.told() == [(1, "warn")]


# --- giving up --------------------------------------------------------------------------------------------


def refused_one_by_one(world: World, days: float) -> None:
    """Its own message fails, while the sink works for others: an outage uses up nobody's attempts."""
    at = 0.0
    while at <= days:
        world.day(at)
        at += 1 / 4


def with_a_twin() -> World:
    """One key of an owner to whom nothing gets through, and another whose owner hears daily."""
    lost, heard = (
        aged(88, tags={"owner": "lost@example.com"}),
        aged(88, TWIN, tags={"owner": "ann@example.com"}),
    )
    world = World(ladder(replace(FINAL, repeat=HOUR)), lost, heard)
    world.slack.fault = lambda m: Transient("500") if m.recipient.startswith("lost") else None
    return world


def test_what_fails_again_and_again_is_given_up_and_that_shows(caplog: pytest.LogCaptureFixture) -> None:
    world = with_a_twin()
    refused_one_by_one(world, 6.9)
    assert with_deliveries(world.parts(), Snapshot()).dead == {"slack": 0, "jira": 0}
    with caplog.at_level(logging.ERROR):
        refused_one_by_one(world, 7.25)
    (dead,) = (row for row in rows(world) if row.state is DeliveryState.DEAD)
    assert dead.attempts >= GIVE_UP_ATTEMPTS
    assert dead.error == f"given up after {dead.attempts} attempts: 500"
    shown = with_deliveries(world.parts(), Snapshot())
    assert (shown.dead["slack"], shown.deliveries[0].id) == (1, dead.id)
    (line,) = (r for r in caplog.records if r.message == "delivery given up")
    assert line.__dict__["fields"]["deliveries"] == [dead.id]


def test_one_that_was_given_up_is_over_when_a_later_one_arrives() -> None:
    world = with_a_twin()
    refused_one_by_one(world, 7.25)
    world.slack.fault = up
    world.day(8)
    assert [row.state for row in rows(world)].count(DeliveryState.DEAD) == 0
    assert with_deliveries(world.parts(), Snapshot()).dead["slack"] == 0


def test_a_dead_letter_of_what_is_over_is_no_alarm() -> None:
    world = alone()
    world.slack.fault = down(Permanent("no such template"))
    world.day(0)
    assert with_deliveries(world.parts(), Snapshot()).dead["slack"] == 1
    world.keys.clear()
    world.day(1)
    assert only(world).state is DeliveryState.CANCELLED
    assert only(world).error == "no such template; it is over now"


def test_what_may_have_arrived_and_is_given_up_still_binds() -> None:
    """A date that may have been told is kept; a ticket that may have been opened is closed."""
    world = World(ladder(replace(TICKET, when=Age(days(80)))), aged(80))
    world.jira.fault = down(Ambiguous("time-out"))
    world.day(0)
    lost = only(world, "jira")
    over = replace(lost, attempts=99, created_at=START - 30 * DAY)
    world.ledger.apply(Change(deliveries=(over,)))
    retry(world, 1)
    dead = only(world, "jira")
    assert (dead.state, dead.may_have_arrived) == (DeliveryState.DEAD, True)
    world.jira.fault = up
    world.keys.clear()
    world.day(2)
    assert len(world.jira.resolved) == 1


def test_where_nobody_can_look_it_is_sent_once_more_and_no_oftener() -> None:
    world = alone()
    sent: list[bool] = []

    def unheard(message: Message) -> Exception:
        sent.append(message.maybe_sent)
        return Ambiguous("no answer", findable=False)

    world.slack.fault = unheard
    world.days(0, 1, 2, 3)
    assert sent == [False, True]
    assert only(world).state is DeliveryState.DEAD
    assert MAYBE_SENT in only(world).receipt


# --- order within a finding -------------------------------------------------------------------------------


def told_of_its_deactivation_in_vain() -> World:
    """Day 7: deactivated, and Slack down."""
    world = World(policy(), aged(300))
    world.days(*range(7))
    world.slack.fault = down(Transient("500", retry_after=20 * HOUR))
    world.day(7)
    assert world.acts() == ["deactivate"]
    world.slack.fault = up
    return world


@pytest.mark.parametrize("grouping", ["finding", "owner"])
def test_a_later_notice_does_not_overtake_one_that_waits(grouping: Grouping) -> None:
    world = told_of_its_deactivation_in_vain()
    done = next(row for row in rows(world) if row.stage == "deactivate")
    later = replace(done, stage="delete", created_at=START + 7.1 * DAY, state=DeliveryState.PENDING)
    later = replace(later, next_attempt_at=START + 7.1 * DAY, payload={**done.payload, "stage": "delete"})
    world.slack.grouping = grouping
    world.ledger.apply(Change(deliveries=(later,)))
    retry(world, 7.2)
    assert world.told()[-1] == (6, "final")
    assert world.ledger.delivery(later.id).next_attempt_at == done.next_attempt_at  # type: ignore[union-attr]
    retry(world, 8)
    assert world.told()[-2:] == [(8, "deactivate"), (8, "delete")]


def test_a_closing_waits_for_every_word_before_it() -> None:
    world = World(policy(), aged(300))
    world.days(*range(7))
    world.jira.fault = down(Transient("503", retry_after=20 * HOUR))
    world.day(7)
    world.jira.fault = up
    world.keys.clear()
    world.day(7.5)
    assert world.jira.resolved == []
    retry(world, 8)
    assert world.told("jira")[-1] == (8, "deactivate")
    retry(world, 8.1)
    assert len(world.jira.resolved) == 1


def test_nobody_waits_for_what_no_longer_holds() -> None:
    """An exemption whose end was moved: the warning about the old day is dropped, the new one goes."""

    def sealed(until: float) -> Rule:
        exemption = Exemption("sealed", until=START + until * DAY)
        return Rule("sealed", Match(tags={"sealed": ("yes",)}), exemption=exemption)

    behind = Rule("default", Match(), (ONCE,))
    world = World(policy(sealed(10), behind), aged(80, tags={"sealed": "yes"}))
    world.slack.fault = down(Transient("500", retry_after=20 * HOUR))
    world.day(0)
    world.slack.fault = up
    world.policy = policy(sealed(12), behind)
    world.day(0.5)
    assert [(row.stage[-5:], row.state) for row in rows(world)] == [
        ("06-11", DeliveryState.CANCELLED),
        ("06-13", DeliveryState.DELIVERED),
    ]


# --- what a poisoned one costs ----------------------------------------------------------------------------


def two_of_one_owner() -> World:
    keys = [aged(80, tags={"owner": "ann@example.com"}), aged(80, TWIN, tags={"owner": "ann@example.com"})]
    return World(ladder(ONCE), *keys)


def test_a_stored_notice_that_cannot_be_read_costs_nobody_else_theirs() -> None:
    world = two_of_one_owner()
    world.slack.fault = down(Transient("500"))
    world.day(0)
    first, second = rows(world)
    world.ledger.apply(Change(deliveries=(replace(first, payload={**first.payload, "created": "soon"}),)))
    world.slack.fault = up
    retry(world, 0.1)
    assert [n.finding_id for n in world.slack.notices] == [second.finding_id]
    dead = world.ledger.delivery(first.id)
    assert dead
    assert (dead.state, dead.error) == (DeliveryState.DEAD, "the stored notice can't be read: ValueError")


def test_a_notice_that_breaks_its_adapter_costs_the_others_one_try() -> None:
    world, poison = two_of_one_owner(), Finding.id_for(f"{PROD.id}/{TWIN}")

    def breaks(message: Message) -> Exception | None:
        return RuntimeError("a bug") if any(n.finding_id == poison for n in message.notices) else None

    world.slack.fault = breaks
    world.days(0, 1, 2)
    assert {n.finding_id for n in world.slack.notices} == {r.finding_id for r in rows(world)} - {poison}
    (left,) = (r for r in rows(world) if r.state is not DeliveryState.DELIVERED)
    assert (left.finding_id, left.state) == (poison, DeliveryState.AMBIGUOUS)


@pytest.mark.parametrize("fault", [RuntimeError("a bug"), Permanent("HTTP 400: invalid_blocks")])
def test_a_message_that_may_have_arrived_is_looked_for_finding_by_finding_as_well(fault: Exception) -> None:
    world = two_of_one_owner()
    world.slack.fault = lambda m: Ambiguous("time-out")
    world.day(0)
    (message_id,) = {row.message_id for row in rows(world)}
    world.slack.fault = lambda m: fault if len(m.notices) > 1 else None
    world.days(1, 2)
    assert [(len(m.notices), m.maybe_sent, m.id) for m in world.slack.sent] == [(1, True, message_id)] * 2


# --- what people do while it waits --------------------------------------------------------------------------


def test_a_snooze_that_comes_while_others_are_told_cancels_what_has_not_left() -> None:
    """And it is told anew after the snooze."""
    keys = [aged(80, f"AKIAEXAMPLE00000000{n}", tags={"owner": f"o{n}@example.com"}) for n in range(3)]
    world = World(ladder(ONCE), *keys)
    pressed: list[str] = []

    def presses(message: Message) -> None:
        if not pressed:
            others = [
                f for f in world.ledger.view().findings.values() if f.id != message.notices[0].finding_id
            ]
            pressed.append(others[0].id)
            put = Snooze(others[0].uid, START + 2 * DAY, "ann", "a release", START)
            world.ledger.apply(Change(snoozes=(put,)))

    world.slack.fault = presses
    parts = replace(world.parts(), monotonic=lambda: 11.0 * len(pressed))
    world.clock.instant = START
    run_once(parts)
    assert pressed[0] not in {n.finding_id for n in world.slack.notices}
    assert len(world.slack.notices) == 2
    (row,) = (r for r in rows(world) if r.finding_id == pressed[0])
    assert (row.state, row.error) == (
        DeliveryState.CANCELLED,
        "no longer holds: snoozed until 3 Jun 2026 09:00 UTC",
    )
    world.days(3)
    assert pressed[0] in {n.finding_id for n in world.slack.notices}


def test_an_owner_who_says_not_mine_is_told_no_more() -> None:
    world = alone(tags={"owner": "ann@example.com"})
    world.slack.fault = down(Transient("500"))
    world.day(0)
    world.slack.fault = up
    (finding,) = world.ledger.view().findings.values()
    gone = Refusal("ann@example.com", finding.uid, START, "ann", "not mine")
    world.ledger.apply(Change(refusals=(gone,)))
    retry(world, 0.5)
    assert (world.told(), only(world).state) == ([], DeliveryState.CANCELLED)
    world.day(1)
    assert [m.recipient for m in world.slack.sent] == ["platform@example.com"]


def test_what_was_cancelled_and_is_due_again_starts_with_fresh_attempts() -> None:
    world = alone()
    world.slack.fault = down(Transient("500"))
    world.days(0, 1, 2)
    (finding,) = world.ledger.view().findings.values()
    world.ledger.apply(Change(snoozes=(Snooze(finding.uid, START + 9 * DAY, "ann", "x", START),)))
    retry(world, 3)
    assert (only(world).state, only(world).attempts) == (DeliveryState.CANCELLED, 3)
    world.day(10)
    assert (only(world).attempts, only(world).created_at) == (1, START + 10 * DAY)


# --- crashes ----------------------------------------------------------------------------------------------


class Killed(BaseException):
    """SIGKILL."""


def test_a_retry_that_died_between_claim_and_record_is_recovered_by_the_next_one() -> None:
    world = alone()
    world.slack.fault = down(Transient("500"))
    world.day(0)

    def dies(message: Message) -> Exception:
        raise Killed

    world.slack.fault = dies
    with pytest.raises(Killed):
        retry(world, 0.1)
    assert only(world).state is DeliveryState.CLAIMED
    world.slack.fault = up
    retry(world, 0.11)
    (message,) = world.slack.sent
    assert message.maybe_sent


def test_a_retry_never_touches_an_interrupted_act() -> None:
    world = alone()
    world.slack.fault = down(Transient("500"))
    world.day(0)
    act = replace(only(world), stage="deactivate", sink="deactivation", verb=Verb.DEACTIVATE)
    act = replace(act, state=DeliveryState.CLAIMED, payload={})
    world.ledger.apply(Change(deliveries=(act,)))
    retry(world, 0.1)
    assert world.ledger.delivery(act.id) == act


def test_with_too_little_of_the_lease_left_nothing_is_sent() -> None:
    world = alone()
    world.slack.fault = down(Transient("500"))
    world.day(0)
    world.slack.fault = up
    now = START + DAY
    world.clock.instant = now
    for left, told in ((10, 0), (11, 1)):
        with world.ledger.lease("a", timedelta(0)) as lease:
            assert lease
            short = Lease(lease.epoch, partial(float, left))
            deliver(a_round(world.parts(), short), [only(world).id])
        assert len(world.slack.sent) == told


def a_round(parts: Parts, lease: Lease) -> Round:
    ctx = context(parts, parts.hub(), parts.ledger.frame(), parts.clock.now())
    return Round(parts, ctx, lease, Book(parts.ledger), Tally())


# --- runs without a daemon ---------------------------------------------------------------------------------


def test_a_run_tries_again_what_waits_in_an_account_that_it_cannot_read() -> None:
    """Without a daemon nobody else would."""
    world = alone()
    world.slack.fault = down(Transient("500"))
    world.day(0)
    world.slack.fault = up
    world.failing = {PROD.id: "AccessDenied"}
    world.day(1)
    assert world.told() == [(1, "warn")]


def test_what_a_run_makes_up_for_keeps_to_the_cap_on_notices() -> None:
    world = alone()
    world.slack.fault = down(Transient("500"))
    world.day(0)
    world.slack.fault = up
    world.failing = {PROD.id: "AccessDenied"}
    world.limits = replace(world.limits, notices_per_run=0)
    world.day(1)
    assert world.told() == []


def test_a_restored_key_is_told_nothing_of_before() -> None:
    world = told_of_its_deactivation_in_vain()
    changes.restore(world.parts(), "0001", "ann", "it broke")
    retry(world, 9)
    assert world.told()[-1] == (6, "final")


def test_a_message_that_is_found_was_delivered_when_it_arrived() -> None:
    class Finder(Inbox):
        def send(self, message: Message) -> Receipt:
            return replace(super().send(message), at=START - DAY)

    world = World(policy(), aged(300))
    world.slack = Finder("slack")
    world.day(0)
    rows = [row for rows in world.ledger.view().deliveries.values() for row in rows if row.sink == "slack"]
    assert [row.settled_at for row in rows] == [START - DAY]
