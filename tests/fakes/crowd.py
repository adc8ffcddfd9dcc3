"""A world in which much is about to happen, and something that strikes in the midst of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from tests.fakes.policies import policy
from tests.fakes.world import World, aged


def crowd(old: int, young: int) -> World:
    """On day 7 ``old`` keys are to be deactivated, and ``young`` ones are told of for the first time."""
    keys = [
        aged(
            300 if n < old else 69, f"AKIAEXAMPLE{n:09d}", f"user{n}", tags={"owner": f"user{n}@example.com"}
        )
        for n in range(old + young)
    ]
    world = World(policy(), *keys)
    world.limits = replace(world.limits, deactivations_per_run=1000, share_of_account=1.0)
    world.days(0, 4)
    return world


@dataclass
class Nth:
    """Does something once, at its n-th call."""

    number: int
    do: Callable[[], object]
    calls: int = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.calls == self.number:
            self.do()
