"""A run under an approval, interrupted once at every step: each act at most once, and the rest goes on."""

from dataclasses import replace

import pytest

from app.model import Event
from app.plan.limits import Brake, Canary
from app.service.approve import approve
from tests.fakes.policies import policy
from tests.fakes.world import PROD, World, aged
from tests.unit.service.test_crashes import Fuse, Killed, wire

NUMBER = 4
NEVER = 10**9


def approved() -> World:
    """Four keys that are due, every act past the brake, and their plan approved; two a run."""
    world = World(policy(), *(aged(300 + n, f"AKIAEXAMPLE{n:09d}", f"user{n}") for n in range(NUMBER)))
    brake, canary = Brake(deactivations=0, share=1.0), Canary((PROD.id,))
    world.limits = replace(
        world.limits, deactivations_per_run=2, share_of_account=1.0, brake=brake, canary=canary
    )
    world.days(*range(8))
    [plan] = world.ledger.held_plans()
    approve(world.parts(), plan.short, "ann", "it is meant")
    return world


def interrupted(at: int, after: bool) -> World | None:
    """None: the run has fewer steps."""
    world = approved()
    wire(world, Fuse(at, after))
    try:
        world.day(7.2)
    except Killed:
        wire(world, Fuse(NEVER, after=False))
        world.days(7.2, 7.4, 7.6)
        return world
    return None


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_any_step_uses_an_approval_once_for_each_key(after: bool) -> None:
    crashes = 0
    for at in range(1, 80):
        world = interrupted(at, after)
        if world is None:
            continue
        crashes += 1
        done = [key for _, key in world.writes]
        assert len(done) == len(set(done)), f"step {at}"
        # Of an act that was begun and not done nobody knows enough: it waits for another word.
        assert NUMBER - 1 <= len(done) <= NUMBER, f"step {at}"
        [given] = world.ledger.approvals()
        assert {f"{PROD.id}/{key}" for key in done} <= set(given.used), f"step {at}"
        assert len(given.used) == len(set(given.used)) == NUMBER, f"step {at}"
        assert len(audited(world, "approval_used")) == 1, f"step {at}"
        assert len(audited(world, "deactivated")) == len(done), f"step {at}"
        trial = world.ledger.frame().canary
        assert trial
        assert len(trial.deactivated) == len(done), f"step {at}"
    assert crashes > 20


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_any_step_of_the_run_that_holds_a_plan_leaves_one_plan_and_somebody_told(
    after: bool,
) -> None:
    crashes = 0
    for at in range(1, 40):
        world = World(policy(), *(aged(300 + n, f"AKIAEXAMPLE{n:09d}", f"user{n}") for n in range(NUMBER)))
        world.limits = replace(world.limits, brake=Brake(deactivations=0, share=1.0))
        world.days(*range(7))
        wire(world, Fuse(at, after))
        try:
            world.day(7)
        except Killed:
            crashes += 1
            wire(world, Fuse(NEVER, after=False))
            world.days(7, 7.1, 7.2)
        [plan] = world.ledger.held_plans()
        told = [s for s in world.slack.summaries if s.alerts]
        assert 1 <= len(told) <= 2, f"step {at}"  # a crash between the call and its record repeats it
        assert set(plan.told) == {"slack", "jira"}, f"step {at}"
        assert len(audited(world, "plan_held")) == 1, f"step {at}"
        assert world.writes == []
    assert crashes > 3


def audited(world: World, what: str) -> list[Event]:
    return [event for event in world.ledger.events() if event.what == what]
