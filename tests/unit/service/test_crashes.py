"""Every step of a run interrupted once, before and after it took effect; started again, it converges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.errors import Ambiguous, Transient
from app.ledger.memory import MemoryLedger
from app.model import ACTIVE, INACTIVE, LastUsed, Mode
from app.policy.rules import Age, Match, Rule, Stage
from app.sinks.interface import Message, Receipt
from tests.fakes.policies import LADDER, ladder, policy
from tests.fakes.world import World, aged

TWIN = "AKIAEXAMPLE000000002"
STEPS = ("apply", "claim", "send", "write")


class Killed(BaseException):
    """SIGKILL: nothing in the code under test may catch it."""


class Fuse:
    """Dies at the n-th step, before or after it took effect."""

    def __init__(self, at: int, after: bool) -> None:
        self.left, self.after, self.steps = at, after, 0

    def step(self, call: Callable[[], Any]) -> Any:
        self.steps += 1
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Killed
        result = call()
        if self.left == 0:
            raise Killed
        return result


def wire(world: World, fuse: Fuse) -> None:
    """Puts the fuse into every step that leaves a trace: ledger writes, messages, AWS writes."""
    ledger = world.ledger
    assert isinstance(ledger, MemoryLedger)
    apply, claim, write = MemoryLedger.apply, MemoryLedger.claim, World._write
    ledger.apply = lambda *a: fuse.step(lambda: apply(ledger, *a))  # type: ignore[method-assign]
    ledger.claim = lambda *a: fuse.step(lambda: claim(ledger, *a))  # type: ignore[method-assign]
    world._write = lambda *a: fuse.step(lambda: write(world, *a))  # type: ignore[method-assign]
    for inbox in (world.slack, world.jira):
        send = type(inbox).send
        inbox.send = lambda m, s=send, i=inbox: fuse.step(lambda: _deliver(s, i, m))  # type: ignore[method-assign,misc]


def _deliver(send: Callable[[Any, Message], Receipt], inbox: Any, message: Message) -> Receipt:
    """A sink that can look: what arrived before is found again instead of sent twice."""
    if message.maybe_sent and any(m.id == message.id for m in inbox.sent):
        return Receipt(message.recipient, inbox.counts)
    return send(inbox, message)


def fresh() -> World:
    return World(
        policy(),
        aged(300),
        aged(50, TWIN, "dev", last_used=LastUsed.never()),
        aged(83, "AKIAEXAMPLE000000003"),
    )


def summary(world: World) -> tuple[Counter[tuple[str, int, str, int]], list[tuple[str, str]]]:
    told = Counter(
        (inbox.name, n.episode, f"{n.finding_id} {n.stage}", n.occurrence)
        for inbox in (world.slack, world.jira)
        for n in inbox.notices
    )
    return told, sorted(world.writes)


def undisturbed(days: range) -> World:
    world = fresh()
    wire(world, Fuse(10**9, after=False))
    world.days(*days)
    return world


DAYS = range(10)
BASE = undisturbed(DAYS)


def interrupted(day: int, at: int, after: bool) -> Iterator[World]:
    """The world after a crash at step ``at`` of ``day`` and a restart; nothing on a day of fewer steps."""
    world = fresh()
    wire(world, Fuse(10**9, after=False))
    world.days(*range(day))
    fuse = Fuse(at, after)
    wire(world, fuse)
    try:
        world.day(day)
    except Killed:
        wire(world, Fuse(10**9, after=False))
        world.day(day)
        world.days(*range(day + 1, DAYS.stop))
        yield world


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("day", [0, 3, 7, 8])
def test_a_crash_at_any_step_converges_to_the_undisturbed_end(day: int, after: bool) -> None:
    crashes = 0
    for at in range(1, 60):
        for world in interrupted(day, at, after):
            crashes += 1
            told, writes = summary(world)
            assert writes == summary(BASE)[1], f"step {at}"
            assert told == summary(BASE)[0], f"step {at}"
    assert crashes >= 2


def killed_inside_the_act(world: World, day: int) -> None:
    """Dies when AWS has carried out the act and nothing of it is recorded."""
    real = World._write

    def die_after(*a: Any) -> None:
        real(world, *a)
        raise Killed

    world._write = die_after  # type: ignore[method-assign,assignment]
    with pytest.raises(Killed):
        world.day(day)
    world._write = lambda *a: real(world, *a)  # type: ignore[method-assign]


def with_one_failed_look(world: World, day: float) -> None:
    """A run whose scan succeeds while no key can be read again."""
    real = world.read

    def throttled(*_: Any) -> Any:
        raise Transient("throttled")

    world.read = throttled  # type: ignore[method-assign,assignment]
    world.day(day)
    world.read = real  # type: ignore[method-assign]


def test_a_crash_between_the_act_and_its_record_is_inferred_and_stays_restorable() -> None:
    world = fresh()
    world.days(*range(7))
    killed_inside_the_act(world, 7)
    world.day(7)
    assert any("inferred" in event.detail for event in world.ledger.events())
    assert sum(f.deactivated_at is not None for f in world.ledger.view().facts.values()) == 2


@pytest.mark.parametrize("stages", [LADDER, LADDER[:-1]], ids=["with a deletion", "without"])
def test_an_interrupted_act_that_cannot_be_checked_at_once_is_still_told_and_restorable(
    stages: tuple[Stage, ...],
) -> None:
    world = World(ladder(*stages), aged(300))
    world.days(*range(7))
    killed_inside_the_act(world, 7)
    with_one_failed_look(world, 7.1)
    world.day(8)
    (facts,) = world.ledger.view().facts.values()
    assert facts.deactivated_at is not None
    assert world.told()[-1] == (8, "deactivate")


def test_an_interrupted_act_that_shows_between_scan_and_act_is_still_told_and_restorable() -> None:
    world = World(policy(), aged(300))
    world.days(*range(7))
    killed_inside_the_act(world, 7)
    world.keys[0].status = ACTIVE
    real, looks = world.read, iter(range(9))

    def late(*a: Any) -> Any:
        world.keys[0].status = INACTIVE if next(looks) else ACTIVE
        return real(*a)

    world.read = late  # type: ignore[method-assign,assignment]
    world.day(7.001)
    world.day(7.25)
    (facts,) = world.ledger.view().facts.values()
    assert facts.deactivated_at is not None
    assert world.told()[-1] == (7, "deactivate")


def test_an_interrupted_act_that_iam_shows_late_is_still_told_and_restorable() -> None:
    world = World(policy(), aged(300))
    world.days(*range(7))
    killed_inside_the_act(world, 7)
    world.keys[0].status = ACTIVE
    world.limits = replace(world.limits, deactivations_per_run=0)
    world.day(7.001)
    world.keys[0].status = INACTIVE
    world.day(7.25)
    (facts,) = world.ledger.view().facts.values()
    assert facts.deactivated_at is not None
    assert world.told()[-1] == (7, "deactivate")


def test_an_interrupted_deletion_that_cannot_be_checked_at_once_is_still_told() -> None:
    world = World(policy(), aged(300))
    world.days(*range(37))
    killed_inside_the_act(world, 37)
    with_one_failed_look(world, 37.1)
    world.days(38, 39)
    assert world.told()[-1] == (38, "delete")
    assert len(world.jira.resolved) == 1
    assert [e.what for e in world.ledger.events()].count("deleted") == 1


def test_an_act_is_inferred_and_told_even_if_its_rule_was_renamed_meanwhile() -> None:
    world = World(policy(), aged(300))
    world.days(*range(7))
    killed_inside_the_act(world, 7)
    world.policy = policy(Rule("renamed", Match(), LADDER))
    world.day(8)
    (facts,) = world.ledger.view().facts.values()
    assert facts.deactivated_at is not None
    assert world.told()[-1] == (8, "deactivate")
    assert world.told("jira")[-1] == (8, "deactivate")


def test_in_observe_an_inferred_act_is_recorded_and_told_when_the_mode_is_raised() -> None:
    world = World(policy(), aged(300))
    world.days(*range(7))
    killed_inside_the_act(world, 7)
    world.with_policy(mode=Mode.OBSERVE)
    world.day(8)
    assert world.told()[-1] == (6, "final")
    world.with_policy(mode=Mode.NOTIFY)
    world.day(9)
    assert world.told()[-1] == (9, "deactivate")


def test_an_act_that_landed_after_its_time_out_is_inferred_by_the_next_run() -> None:
    world = fresh()
    world.days(*range(7))
    real = World._write

    def lost(*_: Any) -> None:
        raise Ambiguous("timed out")

    world._write = lost  # type: ignore[method-assign,assignment]
    world.day(7)
    assert world.acts() == []
    world._write = lambda *a: real(world, *a)  # type: ignore[method-assign]
    for key in world.keys[:2]:
        key.status = INACTIVE
    world.limits = replace(world.limits, deactivations_per_run=0)
    world.day(8)
    (finding,) = (f for f in world.ledger.view().findings.values() if f.key_id == world.keys[0].id)
    assert world.ledger.view().facts[finding.uid].deactivated_at is not None
    assert ("deactivate", "done") in {(n.stage, n.kind) for n in world.slack.notices}


def test_a_notice_that_may_have_arrived_is_not_sent_again_because_its_stage_was_another_meanwhile() -> None:
    """A policy edited by mistake, and mended: what is told then is another notice."""
    world, lost = World(policy(), aged(88)), list[Message]()

    def time_out(message: Message) -> Exception | None:
        lost.append(message)
        return Ambiguous("timed out")

    world.slack.fault = time_out
    world.day(0)
    late = replace(LADDER[2], when=Age(timedelta(days=200)))
    world.policy = ladder(*LADDER[:2], late, *LADDER[3:])
    world.slack.fault = lambda message: None
    world.day(0.5)
    world.policy = policy()
    world.day(1)
    [first], [final] = lost[0].notices, [n for n in world.slack.notices if n.stage == "final"]
    assert (first.occurrence, final.occurrence) == (1, 2)
    assert first.act_at
    assert final.act_at
    assert final.act_at >= first.act_at
