"""One finding's story, from the ledger alone."""

import threading
from dataclasses import dataclass

import pytest

from app.cli.story import explain_key
from app.errors import LedgerError
from app.ledger.memory import MemoryLedger
from app.model import Event, Finding, Snooze
from app.plan.record import Change
from app.policy.rules import Policy
from app.service.dossier import READ_EVENTS, LedgerDossiers, events_of
from tests.fakes.policies import policy
from tests.fakes.world import DAY, PROD, START, World, aged

KEY_ID = "AKIAEXAMPLE000000001"
FINDING = Finding.id_for(f"{PROD.id}/{KEY_ID}")


def dossiers(world: World) -> LedgerDossiers:
    return LedgerDossiers(world.ledger, lambda: world.policy, world.clock.now)


@pytest.mark.parametrize(("age", "days"), [(76, 1), (80, 3), (300, 1), (300, 7)])
def test_the_ladder_is_the_one_that_explain_tells_without_asking_aws(age: int, days: int) -> None:
    world = World(policy(), aged(age, KEY_ID))
    world.days(*range(days))
    told = explain_key(world.parts(), FINDING)
    found = dossiers(world).of(FINDING)
    assert found is not None
    assert found.rungs == told.rungs
    assert found.deliveries == told.deliveries


def test_the_story_ends_with_what_was_done_and_on_what_evidence() -> None:
    world = World(policy(), aged(300, KEY_ID), aged(300, "AKIAEXAMPLE000000002", "other"))
    world.days(*range(9))
    found = dossiers(world).of(FINDING)
    assert found is not None
    assert found.facts is not None
    assert (found.facts.status, found.finding.rule) == ("Inactive", "default")
    assert {event.finding_id for event in found.events} == {FINDING}
    done = next(event for event in found.events if event.what == "deactivated")
    assert done.data["evidence"]["key"]["status"] == "Active"
    assert found.all_events


def test_a_snooze_is_told_until_it_ends() -> None:
    world = World(policy(), aged(76, KEY_ID))
    world.day(0)
    uid = f"{PROD.id}/{KEY_ID}"
    snooze = Snooze(uid, START + 2 * DAY, "ann@example.com", "on holiday", START)
    world.ledger.apply(Change(snoozes=(snooze,)))
    before = dossiers(world).of(FINDING)
    world.clock.instant = START + 2 * DAY
    after = dossiers(world).of(FINDING)
    assert (before and before.snooze, after and after.snooze) == (snooze, None)


def test_a_rule_that_the_policy_has_no_more_shows_no_ladder() -> None:
    world = World(policy(), aged(76, KEY_ID))
    world.day(0)
    world.with_policy(rules=())
    found = dossiers(world).of(FINDING)
    assert found is not None
    assert found.rungs == ()
    assert found.deliveries != ()


def test_an_unknown_finding_has_no_story() -> None:
    assert dossiers(World(policy())).of("KS-AAAAAAAAAA") is None


def test_of_a_long_trail_only_its_end_is_read() -> None:
    ledger = MemoryLedger()
    mine = Event(START, "keysteward", "finding_opened", finding_id=FINDING)
    other = Event(START, "keysteward", "run_ended", detail=f"of {FINDING} only in words")
    ledger.apply(Change(events=(mine, other)))
    assert events_of(ledger, FINDING) == ((mine,), True)
    ledger.apply(Change(events=(other,) * READ_EVENTS))
    assert events_of(ledger, FINDING) == ((), False)
    ledger.apply(Change(events=(mine,)))
    assert events_of(ledger, FINDING) == ((mine,), False)


@dataclass
class SlowPolicy:
    """Asked for its policy, it waits: as a ledger that is slow to answer would."""

    policy: Policy
    asked: threading.Barrier
    go_on: threading.Event

    def __call__(self) -> Policy:
        self.asked.wait(60)
        self.go_on.wait(60)
        return self.policy


def test_a_slow_ledger_takes_two_threads_and_no_more() -> None:
    world = World(policy(), aged(76, KEY_ID))
    world.day(0)
    slow = SlowPolicy(world.policy, threading.Barrier(3), threading.Event())
    made = LedgerDossiers(world.ledger, slow, world.clock.now)
    readers = [threading.Thread(target=made.of, args=(FINDING,), daemon=True) for _ in range(2)]
    for reader in readers:
        reader.start()
    slow.asked.wait(60)
    with pytest.raises(LedgerError, match="ask again in a moment"):
        made.of(FINDING)
    slow.go_on.set()
    for reader in readers:
        reader.join(60)
    made.policy = lambda: world.policy
    assert made.of(FINDING) is not None
