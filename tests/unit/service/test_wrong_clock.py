"""A host whose clock is weeks behind: nothing that it writes down shortens a quiet period."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.errors import LedgerError
from app.ledger.interface import Change, Lease
from app.ledger.memory import MemoryLedger
from app.model import DeliveryState, Verb
from app.service.run_once import run_once
from tests.fakes.policies import policy
from tests.fakes.world import DAY, START, World, aged

pytestmark = pytest.mark.usefixtures("each_reading")
BEHIND = 30 * DAY


class Behind:
    """What AWS's answers tell of it."""

    def skew(self) -> timedelta:
        return BEHIND


class LosesTheRecord(MemoryLedger):
    """Of the act, once."""

    lost = False

    def apply(self, change: Change, lease: Lease | None = None) -> None:
        done = any(
            d.verb is Verb.DEACTIVATE and d.state is DeliveryState.DELIVERED for d in change.deliveries
        )
        if done and not self.lost:
            self.lost = True
            raise LedgerError("the connection was reset")
        super().apply(change, lease)


def run_behind(world: World, day: float, *, told_by_aws: bool = True) -> None:
    world.clock.instant = START + day * DAY - BEHIND
    run_once(replace(world.parts(), aws_clock=Behind() if told_by_aws else None))


def deleted_on(world: World, days: range) -> int | None:
    """The first of ``days`` on which it is gone."""

    def is_gone(day: int) -> bool:
        world.day(day)
        return "delete" in world.acts()

    return next(filter(is_gone, days), None)


@pytest.mark.parametrize("told_by_aws", [True, False])
def test_a_key_that_is_first_seen_inactive_by_it_waits_from_when_the_clock_is_right(
    told_by_aws: bool,
) -> None:
    world = World(policy(), aged(300))
    world.days(-1)  # a run before tells as much as AWS does
    world.keys[0].status = "Inactive"
    run_behind(world, 0, told_by_aws=told_by_aws)
    assert deleted_on(world, range(1, 50)) == 1 + 30 + 7


def test_an_act_that_is_inferred_by_it_as_well() -> None:
    world = World(policy(), aged(300), ledger=LosesTheRecord())
    world.days(0, 4)
    with pytest.raises(LedgerError):
        world.day(7)
    run_behind(world, 7.1)
    assert world.acts() == ["deactivate"]
    assert deleted_on(world, range(8, 60)) == 8 + 30 + 7
