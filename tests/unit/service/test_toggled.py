"""Keys that are switched on and off by hand between two runs: nobody saw it, but their last use tells."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from app.model import LastUsed
from tests.fakes.policies import policy
from tests.fakes.world import DAY, START, World, aged

pytestmark = pytest.mark.usefixtures("each_reading")


def used_on(day: float) -> LastUsed:
    return LastUsed("at", START + day * DAY, "s3", "eu-central-1")


def deactivated_on_day_7() -> World:
    world = World(policy(), aged(300))
    world.days(0, 4, 7, 8)
    assert world.acts() == ["deactivate"]
    return world


def daily(first: int, last: int) -> Iterator[float]:
    return iter(range(first, last + 1))


def test_a_key_that_was_used_while_it_seemed_inactive_gets_a_whole_quiet_period() -> None:
    world = deactivated_on_day_7()
    world.keys[0].last_used = used_on(20.5)
    world.days(*daily(21, 50))
    assert world.acts() == ["deactivate"]
    world.days(*daily(51, 60))
    assert world.acts() == ["deactivate", "delete"]
    assert "delete" in [n.act for n in world.slack.notices if n.kind == "warning"]  # told anew


def test_a_use_that_shows_only_in_the_last_reading_holds_the_deletion() -> None:
    class Late(World):
        def read(self, *args: object) -> object:  # type: ignore[override]
            if self.clock.now() >= START + 37 * DAY:
                self.keys[0].last_used = used_on(36.9)
            return super().read(*args)  # type: ignore[arg-type]

    world = Late(policy(), aged(300))
    world.days(0, 4, 7, 8, *daily(21, 36))
    report = world.day(37)
    assert world.acts() == ["deactivate"]
    assert report.plan.held_by_guard()["changed"] == 1
    world.days(*daily(38, 60))
    assert world.acts() == ["deactivate"]


def test_the_last_use_before_the_deactivation_changes_nothing() -> None:
    world = deactivated_on_day_7()
    world.keys[0].last_used = LastUsed("at", START + 7 * DAY + timedelta(minutes=20), "s3", "eu-central-1")
    world.days(*daily(21, 37))
    assert world.acts() == ["deactivate", "delete"]
