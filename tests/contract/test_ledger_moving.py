"""A ledger moves into any other: what the one is asked, the other answers alike, and goes on from there."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.errors import ConfigError, ConflictingWrite, LedgerError
from app.ledger.interface import Ledger
from app.ledger.moving import Row
from app.ledger.verify import verify
from app.model import Finding
from app.plan.record import Change
from tests.contract.conftest import LEDGERS
from tests.fakes.ledger_life import EVENTS, OTHER, WAITING, live, move, rows_of
from tests.fakes.ledger_rows import PAUSE, UID, WHOLE, a_uid, delivery, event, facts
from tests.fakes.ledger_use import everything

TRANSACTIONAL = ["memory", "sqlite", "postgresql"]  # a change of any size is one, and a reading one moment
MOVED = [*TRANSACTIONAL, "fake dynamodb"]
QUICK = [
    ("memory", "sqlite"),
    ("sqlite", "postgresql"),
    ("postgresql", "fake dynamodb"),
    ("fake dynamodb", "memory"),
]
LATER = [
    pytest.param((old, new), id=f"{old}-{new}", marks=pytest.mark.slow)
    for old in MOVED
    for new in MOVED
    if (old, new) not in QUICK
]
Both = tuple[Ledger, Ledger]
NO_WAIT = timedelta(0)


@pytest.fixture(params=MOVED)
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    with LEDGERS[request.param](request, tmp_path) as ledger:
        yield ledger


@pytest.fixture(params=TRANSACTIONAL)
def transactional(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    with LEDGERS[request.param](request, tmp_path) as ledger:
        yield ledger


@pytest.fixture(params=[pytest.param(pair, id="-".join(pair)) for pair in QUICK] + LATER)
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Both]:
    """One that was lived in, moved into the other."""
    old, new = request.param
    with LEDGERS[old](request, tmp_path) as source, LEDGERS[new](request, tmp_path / "new") as target:
        live(source)
        move(source, target)
        yield source, target


def test_whatever_is_asked_the_other_ledger_answers_alike(both: Both) -> None:
    lived_in, other = both
    assert everything(other) == everything(lived_in)
    assert other.deliveries_of(OTHER.id) == lived_in.deliveries_of(OTHER.id)
    assert rows_of(other) == rows_of(lived_in)
    assert other.picture() is None


def test_what_a_dead_sender_had_claimed_is_abandoned_under_the_next_lease(both: Both) -> None:
    lived_in, other = both
    with lived_in.lease("a", NO_WAIT) as old, other.lease("a", NO_WAIT) as new:
        assert old
        assert new
        assert new.epoch == old.epoch
        assert [row.id for row in other.abandoned(new)] == [WAITING.id]


def test_the_audit_trail_goes_on_with_its_own_numbers_and_hashes(both: Both) -> None:
    lived_in, other = both
    assert other.chain() == lived_in.chain()
    for ledger in (lived_in, other):
        ledger.apply(Change(events=(event("went on"),)))
    assert list(other.sealed()) == list(lived_in.sealed())
    assert (verify(other).events, verify(other).breaks) == (EVENTS + 1, ())


def test_work_goes_on_with_revisions_and_order_as_they_were(both: Both) -> None:
    lived_in, other = both
    stored = other.finding(Finding.id_for(UID))
    assert stored
    with pytest.raises(ConflictingWrite):
        other.apply(Change(findings=(replace(stored, revision=1),)))
    later = delivery(occurrence=3)
    for ledger in (lived_in, other):
        ledger.apply(Change(findings=(stored,), deliveries=(later,)))
    assert other.deliveries_of(stored.id)[-1] == later
    assert everything(other) == everything(lived_in)


def test_an_empty_ledger_has_nothing_to_move(ledger: Ledger) -> None:
    assert rows_of(ledger) == []
    ledger.fill(())
    assert rows_of(ledger) == []


@pytest.mark.parametrize("used", ["written to", "led", "paused"])
def test_a_ledger_is_only_filled_while_nobody_has_used_it(ledger: Ledger, used: str) -> None:
    if used == "written to":
        ledger.apply(Change(facts=(facts(),)))
    elif used == "led":
        with ledger.lease("a daemon that was too early", NO_WAIT):
            pass
    else:
        ledger.pause(PAUSE, event("paused"))
    before = rows_of(ledger)
    with pytest.raises(LedgerError, match="not empty"):
        ledger.fill([Row("facts", facts(a_uid(1)))])
    assert rows_of(ledger) == before


def test_what_breaks_off_leaves_the_ledger_empty(transactional: Ledger) -> None:
    ledger = transactional

    def rows() -> Iterator[Row]:
        yield from (Row("facts", facts(a_uid(n))) for n in range(1200))
        raise ConfigError("cut off")

    with pytest.raises(ConfigError, match="cut off"):
        ledger.fill(rows())
    assert rows_of(ledger) == []
    ledger.fill([Row("facts", facts())])
    assert list(ledger.view().facts) == [UID]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_daemon_that_starts_amid_an_import_waits_for_the_whole(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []

    def start(ledger: Ledger) -> None:
        with ledger.lease("early", NO_WAIT) as lease:
            assert lease
            seen.append((lease.epoch, len(ledger.view().facts)))

    with LEDGERS[kind](request, tmp_path) as ledger:
        early = threading.Thread(target=start, args=(ledger,))

        def rows() -> Iterator[Row]:
            yield Row("epoch", 7)
            early.start()
            yield from (Row("facts", facts(a_uid(n))) for n in range(1200))

        ledger.fill(rows())
        early.join()
    assert seen == [(8, 1200)]


def test_a_dump_is_of_one_moment_whatever_is_written_meanwhile(transactional: Ledger) -> None:
    ledger = transactional
    ledger.apply(Change(facts=tuple(facts(a_uid(n)) for n in range(3000)), findings=(OTHER,)))
    with ledger.dump() as dump:
        next(dump.rows)
        ledger.apply(Change(facts=(facts(),), findings=(replace(OTHER, revision=1),), snoozes=WHOLE.snoozes))
        rest = list(dump.rows)
    assert len(rest) == 3000
    assert [row.value.revision for row in rest if row.kind == "findings"] == [1]


def test_whether_somebody_holds_the_lease_can_be_asked_without_taking_it(ledger: Ledger) -> None:
    assert not ledger.held()
    with ledger.lease("a", NO_WAIT) as lease:
        assert lease
        assert ledger.held()
    assert not ledger.held()
    assert [row.value for row in rows_of(ledger)] == [lease.epoch]
