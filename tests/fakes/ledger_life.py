"""A ledger that has been lived in: a row of each kind, and of some of them many."""

from dataclasses import replace
from datetime import timedelta

from app.ledger.interface import Ledger
from app.ledger.moving import Row
from app.model import DeliveryState
from app.plan.record import Change
from tests.fakes.ledger_rows import DAY, NOW, PAUSE, WHOLE, a_uid, delivery, event, facts, finding, run

OTHER = finding(a_uid(1))
WAITING = delivery(a_uid(1))
EVENTS = 1203


def live(ledger: Ledger) -> None:
    """Two episodes, a sender that died, a person who stopped it all."""
    ledger.mark_rehearsal(NOW)
    ledger.apply(WHOLE)
    again = replace(WHOLE.findings[0], episode=2, revision=1)
    ledger.apply(
        Change(
            facts=(facts(a_uid(1)),),
            findings=(again, OTHER),
            deliveries=(delivery(occurrence=2), WAITING, delivery(episode=2, state=DeliveryState.DEAD)),
            events=tuple(event(str(n), NOW + n * DAY) for n in range(EVENTS - 2)),
            run=run(NOW + DAY),
        )
    )
    with ledger.lease("dies", timedelta(0)) as lease:
        assert lease
        ledger.claim([WAITING.id], "m-2", lease)
    ledger.pause(PAUSE, event("paused"))
    ledger.keep_picture(b"what the last run showed")


def move(source: Ledger, target: Ledger) -> None:
    with source.dump() as dump:
        target.fill(dump.rows)


def rows_of(ledger: Ledger) -> list[Row]:
    """All that there is to move, counted."""
    with ledger.dump() as dump:
        rows = list(dump.rows)
    counted = {kind: sum(1 for row in rows if row.kind == kind) for kind in dump.counts}
    assert (counted, sum(counted.values())) == (dump.counts, len(rows))
    return rows
