"""One finding's story is the same, whichever ledger keeps it."""

from dataclasses import replace

from app.ledger.interface import Ledger
from app.model import Finding
from app.service.dossier import Dossier, LedgerDossiers
from tests.fakes.policies import policy
from tests.fakes.world import PROD, World, aged

KEY_ID = "AKIAEXAMPLE000000001"


def story(ledger: Ledger | None) -> Dossier:
    """Of a key that is deactivated; ids that are drawn by chance left out."""
    world = World(policy(), aged(300, KEY_ID), aged(300, "AKIAEXAMPLE000000002", "other"), ledger=ledger)
    world.days(*range(9))
    found = LedgerDossiers(world.ledger, lambda: world.policy, world.clock.now).of(
        Finding.id_for(f"{PROD.id}/{KEY_ID}")
    )
    assert found
    deliveries = tuple(replace(row, message_id="") for row in found.deliveries)
    return replace(found, deliveries=deliveries)


def test_a_story_reads_the_same_from_every_ledger(ledger: Ledger) -> None:
    told, expected = story(ledger), story(None)
    assert told.events
    assert told.rungs
    assert told.all_events
    assert told == expected
