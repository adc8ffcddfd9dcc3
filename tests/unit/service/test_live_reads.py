"""Runs that read live only whom they must: what is seen late, and that nothing wrong comes of it."""

from dataclasses import replace

import pytest

from app.model import ACTIVE, INACTIVE, FindingState
from app.service import changes
from tests.fakes.policies import policy
from tests.fakes.world import PROD, World, aged

ID = "AKIAEXAMPLE000000001"
TWIN = "AKIAEXAMPLE000000002"


@pytest.fixture(autouse=True)
def remembering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "remembering", True)


def state(world: World, key_id: str = ID) -> FindingState:
    return world.ledger.view().findings[f"{PROD.id}/{key_id}"].state


def guards(world: World, day: float) -> list[str]:
    return [held.guard for held in world.day(day).plan.held]


def test_after_the_first_run_nobody_is_read_live_until_something_happens() -> None:
    keys = [aged(80 + n, f"AKIAEXAMPLE{n:09d}", f"user-{n}") for n in range(20)]
    world = World(policy(), *keys)
    world.day(0)
    assert world.live_reads.total() == 20
    world.live_reads.clear()
    world.days(1, 2)
    keys[3].status = INACTIVE
    world.day(3)
    assert world.live_reads == {"user-3": 1}


# --- our own acts, while reports are hours old ---


def test_what_we_deactivated_is_never_taken_for_reactivated_by_an_old_report() -> None:
    world = World(policy(), aged(300))
    world.days(*range(7))
    world.reports.old = True
    world.day(7)
    assert world.acts() == ["deactivate"]
    world.days(7.1, 7.2, 7.3)
    world.reports.old = False
    world.days(8, 9)
    (finding,) = world.ledger.view().findings.values()
    assert (finding.episode, finding.state) == (1, FindingState.OPEN)
    assert [event.what for event in world.ledger.events()].count("finding_opened") == 1


def test_what_we_deleted_is_resolved_by_the_next_run() -> None:
    """No report tells a deleted key from an inactive one."""
    world = World(policy(), aged(300), aged(299, TWIN), aged(1, "AKIAEXAMPLE000000003"))
    world.limits = replace(world.limits, share_of_account=1.0)
    world.days(*range(38))
    assert world.acts() == ["deactivate", "deactivate", "delete", "delete"]
    assert guards(world, 38) == []
    assert [state(world), state(world, TWIN)] == [FindingState.RESOLVED] * 2
    assert len(world.jira.resolved) == 2


def test_what_was_restored_is_seen_active_at_once() -> None:
    world = World(policy(), aged(300))
    world.days(*range(8))
    world.reports.old = True
    changes.restore(world.parts(), ID, "ann", "needed")
    world.days(8, 9)
    facts = world.ledger.view().facts[f"{PROD.id}/{ID}"]
    assert (facts.status, facts.inactive_since) == (ACTIVE, None)
    assert world.acts() == ["deactivate", "activate"]


# --- what others do ---


def test_an_inactive_key_deleted_by_hand_is_found_gone_when_its_people_are_to_be_told() -> None:
    world = World(policy(), aged(300), aged(1, TWIN))
    world.days(0, 1)
    world.keys[0].status = INACTIVE
    world.days(*range(2, 20))
    del world.keys[0]
    world.days(*range(20, 34))
    assert state(world) is FindingState.RESOLVED
    assert len(world.jira.resolved) == 1
    assert world.told() == [(0, "final"), (1, "final")]


def test_an_inactive_key_deleted_by_hand_just_before_us_is_resolved_by_the_run_after() -> None:
    world = World(policy(), aged(300), aged(1, TWIN))
    world.days(*range(37))
    del world.keys[0]
    assert "gone" in guards(world, 37)
    world.day(38)
    assert state(world) is FindingState.RESOLVED
    assert len(world.jira.resolved) == 1


def test_an_act_held_because_the_key_has_changed_is_judged_anew_by_the_next_run() -> None:
    world = World(policy(), aged(300))
    world.days(*range(7))
    world.reports.old = True
    world.keys[0].status = INACTIVE
    assert "changed" in guards(world, 7)
    world.day(7.25)
    (facts,) = world.ledger.view().facts.values()
    assert facts.status == INACTIVE
    assert world.acts() == []


def test_a_finding_of_a_key_that_the_memory_never_knew_is_settled() -> None:
    """Of an older version's ledger, or after a restore of its backup."""
    world = World(policy(), aged(300))
    world.remembering = False
    world.days(0, 1)
    world.keys[:] = [aged(-1, TWIN)]
    world.remembering = True
    world.day(2)
    assert state(world) is FindingState.RESOLVED


def test_users_who_left_the_report_lose_their_findings() -> None:
    world = World(policy(), aged(300), aged(300, TWIN, "dev"))
    world.days(0, 1)
    world.keys.pop()
    world.day(2)
    assert state(world, TWIN) is FindingState.RESOLVED
    assert state(world) is FindingState.OPEN
