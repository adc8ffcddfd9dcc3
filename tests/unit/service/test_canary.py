"""The canary on whole runs: its accounts act first, and what becomes of their keys decides on the rest."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.model import ACTIVE, Account
from app.plan.limits import Canary
from app.service import changes
from tests.fakes.policies import policy
from tests.fakes.world import DAY, PROD, World, aged

pytestmark = pytest.mark.usefixtures("each_reading")

SANDBOX = Account("444455556666", "sandbox")
FIRST, SECOND = "AKIAEXAMPLE000000001", "AKIAEXAMPLE000000002"
ONE_DAY = Canary(("sandbox",), timedelta(days=1))


def world_of() -> World:
    """One key in the canary account, one elsewhere; both have been told for a week."""
    keys = [aged(300, FIRST, "dev", account=SANDBOX), aged(300, SECOND, "ci-deploy")]
    world = World(policy(), *keys)
    world.accounts = [SANDBOX, PROD]
    world.limits = replace(world.limits, canary=ONE_DAY)
    world.days(*range(7))
    return world


def test_the_rest_follows_after_a_quiet_day() -> None:
    world = world_of()
    report = world.day(7)
    assert world.writes == [("deactivate", FIRST)]
    assert [(h.guard, h.user) for h in report.plan.held] == [("canary", "ci-deploy")]
    assert "the canary accounts go first" in report.plan.held[0].text
    report = world.day(7.9)
    assert "waits until 9 Jun 2026 09:00 UTC" in report.plan.held[0].text
    world.day(8)
    assert world.writes[1:] == [("deactivate", SECOND)]


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_canary_key_that_somebody_takes_back_begins_the_quiet_period_anew(by_hand: bool) -> None:
    world = world_of()
    world.day(7)
    world.clock.instant += DAY / 4
    if by_hand:
        world.key(FIRST).status = ACTIVE  # type: ignore[union-attr]
    else:
        changes.restore(replace(world.parts(), known_account=lambda _: SANDBOX), FIRST, "ann", "it broke")
    report = world.day(7.5)
    assert "was taken back" in report.plan.held[-1].text
    world.day(8.4)
    assert ("deactivate", SECOND) not in world.writes
    world.day(8.5)
    assert ("deactivate", SECOND) in world.writes


def test_an_act_that_fails_in_the_canary_account_keeps_the_rest_waiting() -> None:
    world = world_of()
    world.denied = {FIRST}
    world.days(7, 8, 9, 10)
    assert world.writes == []
    world.denied = set()
    world.day(11)
    world.day(11.9)
    assert world.writes == [("deactivate", FIRST)]
    world.day(12)
    assert len(world.writes) == 2


def test_a_canary_account_that_cannot_be_read_keeps_the_rest_waiting() -> None:
    world = world_of()
    world.failing = {SANDBOX.id: "its role is gone"}
    world.days(7, 8, 9, 10)
    assert world.writes == []
    world.failing = {}
    world.days(11, 11.9)
    assert world.writes == [("deactivate", FIRST)]
    world.day(12)
    assert len(world.writes) == 2


def test_a_new_config_begins_a_new_trial() -> None:
    world = world_of()
    world.days(7, 8)
    third = aged(300, "AKIAEXAMPLE000000003", "third")
    world.keys.append(third)
    world.days(*range(9, 16))
    world.config_hash = "decaf"
    report = world.day(16)
    assert [h.guard for h in report.plan.held] == ["canary"]
    world.day(17)  # nothing was due in the canary account: one quiet period is all there is to wait for
    assert ("deactivate", third.id) in world.writes


def test_an_act_whose_record_was_lost_is_the_canarys_all_the_same() -> None:
    world = world_of()
    real = World._write

    class Killed(BaseException):
        pass

    def die_after(*a: object) -> None:
        real(world, *a)  # type: ignore[arg-type]
        raise Killed

    world._write = die_after  # type: ignore[method-assign,assignment]
    with pytest.raises(Killed):
        world.day(7)
    world._write = lambda *a: real(world, *a)  # type: ignore[method-assign]
    world.day(7.1)
    trial = world.ledger.frame().canary
    assert trial
    assert trial.first_act_at == world.clock.instant
    world.day(8)
    assert len(world.writes) == 1
    world.day(8.2)
    assert len(world.writes) == 2


def test_a_command_that_only_looks_begins_no_trial() -> None:
    from app.service.preview import preview

    world = world_of()
    world.clock.instant += DAY
    seen = preview(world.parts())
    assert [h.guard for h in seen.plan.held] == ["canary"]
    assert world.ledger.frame().canary is None
