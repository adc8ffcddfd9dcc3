"""What comes between the last looks at a key and the act on it: nothing that takes its time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from app.errors import StaleLease
from app.ledger.interface import Lease
from app.ledger.memory import MemoryLedger
from app.model import Account, Finding, Pause
from app.service import changes
from tests.fakes.policies import policy
from tests.fakes.world import World, aged


class SlowToSignIn(World):
    meanwhile: Callable[[], object] = lambda: None

    def ready(self, account: Account) -> None:
        self.meanwhile()


class Stalling(MemoryLedger):
    """Its answer about the pause can take most of the lease."""

    left, stalls = 30.0, False

    @contextmanager
    def lease(self, holder: str, wait: timedelta) -> Iterator[Lease | None]:
        self.left, self.stalls = 30.0, False
        with super().lease(holder, wait) as lease:
            yield Lease(lease.epoch, lambda: self.left) if lease else None

    def paused(self) -> Pause | None:
        if self.stalls:
            self.left = 1.0
        return super().paused()


def stalling_world() -> tuple[World, Stalling]:
    ledger = Stalling()
    world = SlowToSignIn(policy(), aged(300), ledger=ledger)
    world.days(0, 4)
    world.meanwhile = lambda: setattr(ledger, "stalls", True)
    return world, ledger


def test_a_snooze_while_the_role_is_assumed_holds_the_act() -> None:
    world = SlowToSignIn(policy(), aged(300))
    world.days(0, 4)
    key = Finding.id_for(f"111122223333/{world.keys[0].id}")
    week = timedelta(days=7)
    world.meanwhile = lambda: changes.snooze(world.parts(), key, week, "ann", "on holiday")
    report = world.day(7)
    assert world.acts() == []
    assert report.plan.held_by_guard() == {"snooze": 1}


def test_a_ledger_that_takes_long_to_tell_the_pause_leaves_no_lease_for_the_act() -> None:
    world, _ = stalling_world()
    report = world.day(7)
    assert world.acts() == []
    assert report.plan.held_by_guard() == {"lease": 1}
    world.meanwhile = lambda: None  # type: ignore[attr-defined]
    world.day(7.2)
    assert world.acts() == ["deactivate"]


def test_nor_for_a_restore() -> None:
    world, ledger = stalling_world()
    world.meanwhile = lambda: None  # type: ignore[attr-defined]
    world.day(7)
    world.meanwhile = lambda: setattr(ledger, "stalls", True)  # type: ignore[attr-defined]
    with pytest.raises(StaleLease):
        changes.restore(world.parts(), world.keys[0].id, "ann", "it was needed")
    assert world.acts() == ["deactivate"]
