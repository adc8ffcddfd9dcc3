"""A ledger moves into a table of DynamoDB and out of it; cut short, it is nobody's until that is mended."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from app.errors import LedgerError
from app.ledger.dynamodb.address import Address
from app.ledger.dynamodb.journal import HEAD
from app.ledger.dynamodb.ledger import ledger_over
from app.ledger.dynamodb.seat import Chair
from app.ledger.dynamodb.table import Table
from app.ledger.dynamodb.waits import Waits
from app.ledger.interface import Ledger
from app.ledger.memory import MemoryLedger
from app.ledger.moving import Row
from app.ledger.tenure import VACANT
from app.ledger.verify import verify
from app.plan.record import Change
from tests.fakes.dynamodb import FakeDynamodb
from tests.fakes.ledger_life import EVENTS, OTHER, live, move, rows_of
from tests.fakes.ledger_rows import UID, WHOLE, a_uid, event, facts
from tests.fakes.ledger_use import everything

NO_WAITS = Waits(sleep=lambda seconds: None)


class Cut(Exception):
    """The process dies here."""


class Mortal(FakeDynamodb):
    """Dies at its ``dies_at``-th request from now on."""

    dies_at = 0

    def call(self, operation: str, **params: Any) -> Mapping[str, Any]:
        self.dies_at -= 1
        if self.dies_at == 0:
            raise Cut
        return super().call(operation, **params)


def opened(wire: FakeDynamodb) -> Ledger:
    return ledger_over(wire, Address("ledger"), waits=NO_WAITS)


@pytest.fixture
def wire() -> Mortal:
    return Mortal()


@pytest.fixture
def source() -> Ledger:
    ledger = MemoryLedger()
    live(ledger)
    return ledger


def many(number: int) -> list[Row]:
    return [Row("facts", facts(a_uid(n))) for n in range(number)]


def test_in_and_out_again_it_is_the_same(source: Ledger, wire: Mortal) -> None:
    table, last = opened(wire), MemoryLedger()
    move(source, table)
    move(table, last)
    assert everything(opened(wire)) == everything(source) == everything(last)
    assert rows_of(opened(wire)) == rows_of(source) == rows_of(last)


def test_it_goes_on_where_the_other_was(source: Ledger, wire: Mortal) -> None:
    move(source, opened(wire))
    for ledger in (source, opened(wire)):
        known = ledger.finding(OTHER.id)
        assert known
        ledger.apply(Change(findings=(known,), events=(event("went on"),), run=WHOLE.run))
    assert rows_of(opened(wire)) == rows_of(source)
    assert (verify(opened(wire)).events, verify(opened(wire)).breaks) == (EVENTS + 1, ())


def test_an_import_that_dies_at_any_request_is_made_again_with_the_same_file(source: Ledger) -> None:
    asked = Mortal()
    move(source, opened(asked))
    for dies_at in range(1, len(asked.requests) + 1, 5):
        wire = Mortal()
        table = opened(wire)
        wire.dies_at = dies_at
        try:
            move(source, table)
        except Cut:
            wire.dies_at = 0
            assert_it_is_empty_or_nobodys(wire)
            move(source, opened(wire))
        wire.dies_at = 0
        assert rows_of(opened(wire)) == rows_of(source), dies_at
        assert everything(opened(wire)) == everything(source), dies_at


def assert_it_is_empty_or_nobodys(wire: Mortal) -> None:
    if "importing" in wire.items[HEAD]:
        with pytest.raises(LedgerError, match="was begun and not finished"):
            rows_of(opened(wire))
    else:
        assert rows_of(opened(wire)) == []


def test_an_unfinished_import_is_not_gone_on_with_by_another_file(source: Ledger, wire: Mortal) -> None:
    table = opened(wire)

    def breaks_off() -> Iterator[Row]:
        yield from many(1200)
        raise Cut

    with pytest.raises(Cut):
        table.fill(breaks_off())
    with pytest.raises(LedgerError, match="rows of another import"), source.dump() as dump:
        table.fill(dump.rows)
    with pytest.raises(LedgerError, match="was begun and not finished"):
        table.view()


def test_whoever_was_writing_when_an_import_began_is_refused(wire: Mortal) -> None:
    late, table = opened(wire), opened(wire)

    def rows() -> Iterator[Row]:
        yield from many(600)
        with pytest.raises(LedgerError, match="was begun and not finished"):
            late.apply(Change(facts=(facts(),)))
        yield Row("snoozes", WHOLE.snoozes[0])

    table.fill(rows())
    assert (len(late.view().facts), UID in late.view().facts) == (600, False)


def test_an_export_that_is_written_into_is_refused(wire: Mortal) -> None:
    table = opened(wire)
    others = [f"{number:012}" for number in range(300)]
    table.apply(Change(facts=tuple(facts(f"{one}/AKIA", account_id=one) for one in others)))
    with pytest.raises(LedgerError, match="stop the service, and export again"), table.dump() as dump:
        next(dump.rows)
        table.apply(Change(facts=tuple(facts(f"{one}/AKIA", account_id=one, user="x") for one in others)))
        list(dump.rows)


def test_two_imports_at_once_end_as_one(source: Ledger, wire: Mortal) -> None:
    one, other = opened(wire), opened(wire)

    def interrupted() -> Iterator[Row]:
        with source.dump() as dump:
            yield from dump.rows
        move(source, other)

    with pytest.raises(LedgerError, match="another import"):
        one.fill(interrupted())
    assert rows_of(opened(wire)) == rows_of(source)


class Meeting(FakeDynamodb):
    """At its ``meets_at``-th request from now on a replica takes the lease, which it saw vacant before."""

    meets_at = 0
    taken: int | None = None

    def call(self, operation: str, **params: Any) -> Mapping[str, Any]:
        self.meets_at -= 1
        if self.meets_at == 0:
            self.taken = Chair(Table(self, "ledger", NO_WAITS)).take(VACANT, "beat", "a")
        return super().call(operation, **params)


def test_no_replica_takes_the_lease_of_a_ledger_that_is_being_filled() -> None:
    asked = Meeting()
    opened(asked).fill(many(2))
    for meets_at in range(1, len(asked.requests) + 1):
        wire = Meeting()
        table = opened(wire)
        wire.meets_at, wire.taken = meets_at, None
        try:
            table.fill(many(2))
        except LedgerError:
            continue
        assert wire.taken is None, meets_at


class Forgetful(FakeDynamodb):
    """The answer to the last request of an import is lost: the SDK sends that again."""

    def call(self, operation: str, **params: Any) -> Mapping[str, Any]:
        if "REMOVE importing" in str(params.get("UpdateExpression")):
            super().call(operation, **params)
        return super().call(operation, **params)


def test_an_import_whose_last_answer_was_lost_is_whole() -> None:
    table = opened(Forgetful())
    table.fill(many(2))
    assert len(table.view().facts) == 2


def test_a_table_that_was_used_is_refused(source: Ledger, wire: Mortal) -> None:
    table = opened(wire)
    table.apply(Change(snoozes=(replace(WHOLE.snoozes[0], reason="mine"),)))
    before = rows_of(table)
    with pytest.raises(LedgerError, match="not empty"):
        move(source, table)
    assert rows_of(opened(wire)) == before
