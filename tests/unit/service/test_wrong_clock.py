"""A host whose clock is wrong: nothing that it writes down or tells brings an act forward, or puts it off."""

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from app.errors import LedgerError
from app.ledger.interface import Change, Lease
from app.ledger.memory import MemoryLedger
from app.model import DeliveryState, Mode, Verb
from app.service.run_once import run_once
from tests.fakes.policies import policy
from tests.fakes.world import DAY, PROD, START, World, aged

pytestmark = pytest.mark.usefixtures("each_reading")
BEHIND, AHEAD = 30 * DAY, -300 * DAY


@dataclass
class Wrong:
    """What AWS's answers tell of it."""

    by: timedelta

    def skew(self) -> timedelta:
        return self.by


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


def run_wrong(world: World, day: float, by: timedelta = BEHIND, *, told_by_aws: bool = True) -> None:
    world.clock.instant = START + day * DAY - by
    run_once(replace(world.parts(), aws_clock=Wrong(by) if told_by_aws else None))


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
    run_wrong(world, 0, told_by_aws=told_by_aws)
    assert deleted_on(world, range(1, 50)) == 1 + 30 + 7


def test_an_act_that_is_inferred_by_it_as_well() -> None:
    world = World(policy(), aged(300), ledger=LosesTheRecord())
    world.days(0, 4)
    with pytest.raises(LedgerError):
        world.day(7)
    run_wrong(world, 7.1)
    assert world.acts() == ["deactivate"]
    assert deleted_on(world, range(8, 60)) == 8 + 30 + 7


def test_a_day_that_was_reckoned_by_it_is_not_named() -> None:
    world = World(policy(), aged(300))
    run_wrong(world, 0, AHEAD)
    assert [n.act_at for n in world.slack.notices] == [None]
    assert world.told()[0] == (300, "final")
    world.days(*range(1, 9))  # on day 1 the last run seems to come yet
    assert world.told()[1:] == [(day, "final") for day in range(1, 9)]
    assert world.acts() == []
    world.day(9)
    assert world.acts() == ["deactivate"]


def test_nor_with_what_is_told_of_an_inferred_act() -> None:
    world = World(policy(), aged(300), ledger=LosesTheRecord())
    world.days(0, 4)
    with pytest.raises(LedgerError):
        world.day(7)
    run_wrong(world, 7.1, AHEAD)
    done = [n for n in world.slack.notices if n.kind == "done"]
    rows = [d for n in done for d in world.ledger.deliveries_of(n.finding_id) if d.stage == "deactivate"]
    assert len(done) == 1
    assert {row.names_date for row in rows} == {None}


@pytest.mark.parametrize("by", [BEHIND, AHEAD])
@pytest.mark.parametrize("quiet", ["notify", "unwatched"])
def test_after_a_quiet_time_somebody_is_told_afresh_whatever_the_clock_said_meanwhile(
    quiet: str, by: timedelta
) -> None:
    world = World(policy(), aged(300))
    world.days(0, 4)
    if quiet == "notify":
        world.with_policy(mode=Mode.NOTIFY)
    else:
        world.accounts = []
    world.days(5, 6, 7)
    world.with_policy(mode=Mode.ENFORCE)
    world.accounts = [PROD]
    run_wrong(world, 8, by)
    world.days(9, 9.4, 9.9)  # after one that was ahead, the first of them seems to be before the last run
    assert world.acts() == []
    world.day(11)
    assert world.acts() == ["deactivate"]
