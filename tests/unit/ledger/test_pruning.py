"""What happens between finding out what can go and its deletion."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from app.ledger import pruning
from app.ledger.open import open_ledger
from app.ledger.sqlite import sqlite_engine
from app.ledger.version import disposing
from app.model import DeliveryState, FindingState
from app.plan.record import Change
from tests.fakes.ledger_rows import DAY, NOW, delivery, event, finding


def test_a_finding_of_which_a_delivery_was_put_back_meanwhile_stays(tmp_path: Path) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    old = finding(state=FindingState.RESOLVED, resolved_at=NOW - 200 * DAY)
    dead = replace(delivery(state=DeliveryState.DEAD), settled_at=NOW - 200 * DAY)
    ledger.apply(Change(findings=(old,), deliveries=(dead,)))
    with disposing(sqlite_engine(tmp_path / "ledger.db")) as engine:
        with engine.begin() as db:
            doomed = pruning.doomed(db, NOW - timedelta(days=90))
        assert [one.id for one in doomed.findings] == [old.id]
        (back,) = ledger.requeue({dead.id: event()}, NOW)
        for batch in doomed.batches():
            with engine.execution_options(write=True).begin() as db:
                pruning.drop(db, batch)
    assert ledger.deliveries_of(old.id) == [back]
    assert ledger.finding(old.id)
