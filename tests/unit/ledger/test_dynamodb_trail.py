"""The audit trail in DynamoDB: read as a stream, cut at its old end, and what tampering with it shows."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice

import pytest

from app.errors import LedgerError, StaleLease
from app.ledger.chain import CUT, Link
from app.ledger.dynamodb import control, keys
from app.ledger.dynamodb.address import Address
from app.ledger.dynamodb.items import item, raw
from app.ledger.dynamodb.ledger import ledger_over
from app.ledger.dynamodb.pages import Page, Rows, join, split
from app.ledger.interface import Lease
from app.ledger.verify import verify
from app.plan.record import Change
from tests.fakes.dynamodb import FakeDynamodb
from tests.fakes.dynamodb_faults import Death, dies, meanwhile, process
from tests.fakes.dynamodb_stories import LEASE, Story, met, table_with
from tests.fakes.ledger_rows import DAY, NOW, event, facts, run

BEFORE = NOW - 90 * DAY  # of what else is pruned
KEPT_FROM = NOW - 400 * DAY


def trail(*ages: int) -> FakeDynamodb:
    """A change of two events at each age in days, and a run today."""
    at = [NOW - age * DAY for age in ages]
    changes = [Change(events=(event(str(one), one), event(f"{one} too", one))) for one in at]
    return table_with(*changes, Change(run=run(NOW)))


def kept(table: FakeDynamodb) -> list[int]:
    return [one.seq for one in process(table).sealed()]


def marked(table: FakeDynamodb) -> list[int]:
    """The first numbers of the pages that DynamoDB is going to remove."""
    return [int(sk) for pk, sk in sorted(table.items) if "expires_at" in table.items[pk, sk]]


def after_expiry(table: FakeDynamodb) -> FakeDynamodb:
    return FakeDynamodb({key: item for key, item in table.items.items() if "expires_at" not in item})


# --- a stream --------------------------------------------------------------------------------------


def test_the_trail_is_not_read_whole_by_who_asks_for_its_beginning_or_its_end() -> None:
    table = FakeDynamodb(page=100)
    ledger = process(table)
    ledger.apply(Change(events=tuple(event(str(number)) for number in range(1_000))))
    for number in range(300):
        ledger.apply(Change(events=(event(str(number)),)))
    table.requests.clear()
    assert [one.seq for one in islice(ledger.sealed(), 2)] == [1, 2]
    assert [one.seq for one in ledger.sealed(1_299)] == [1_299, 1_300]
    assert table.requests.count("query") <= 4


def test_it_is_read_from_any_number_on() -> None:
    table = trail(3, 2, 1)
    for since in range(-1, 9):
        assert [one.seq for one in process(table).sealed(since)] == [n for n in range(1, 7) if n >= since]


def test_what_is_not_filed_yet_is_read_too() -> None:
    table = trail(1)
    _, ledger = met(table, _commit_of(table) + 1, dies, lasts=True)
    with suppress(Death):
        ledger.apply(Change(events=(event("unfiled"),)))
    assert keys.events(3) not in table.items
    assert kept(table) == [1, 2, 3]
    assert [one.seq for one in process(table).sealed(3)] == [3]
    assert [one.what for one in process(table).events()][-1] == "unfiled"
    assert verify(process(table)).events == 3


def _commit_of(table: FakeDynamodb) -> int:
    copy = table.copy()
    ledger = process(copy)
    copy.requests.clear()
    ledger.apply(Change(events=(event("unfiled"),)))
    return copy.requests.index("update_item")


# --- cut at its old end ----------------------------------------------------------------------------


def test_what_is_older_than_the_url_says_is_cut_and_told_of_and_only_that_expires() -> None:
    table = trail(500, 450, 399, 1)
    assert process(table).prune(BEFORE, LEASE) == {"deliveries": 0, "findings": 0, "runs": 0, "events": 4}
    assert kept(table) == [5, 6, 7, 8, 9]
    assert marked(table) == [1, 3]
    *_, told = process(table).events()
    assert (told.what, told.at, told.data["seq"]) == (CUT, NOW, 4)
    assert process(table).chain().anchor == Link(4, told.data["hash"])
    for one in (table, after_expiry(table)):
        assert (verify(process(one)).events, verify(process(one)).breaks) == (5, ())


def test_dynamodb_removes_it_a_day_after_it_was_cut() -> None:
    table = trail(500, 1)
    process(table).prune(BEFORE, LEASE)
    assert table.items[keys.events(1)]["expires_at"] == {"N": str(int((NOW + DAY).timestamp()))}


def test_an_old_event_behind_a_young_one_stays() -> None:
    table = trail(500, 1, 500)
    process(table).prune(BEFORE, LEASE)
    assert kept(table)[0] == 3
    assert marked(table) == [1]


def test_a_trail_that_is_old_as_a_whole_goes_but_for_what_tells_of_it() -> None:
    table = trail(600, 500)
    assert process(table).prune(BEFORE, LEASE)["events"] == 4
    assert [event.what for event in process(table).events()] == [CUT]
    assert verify(process(after_expiry(table))).breaks == ()
    process(table).apply(Change(events=(event("next"),)))
    assert kept(table) == [5, 6]


def test_nothing_is_cut_or_told_where_nothing_is_old_or_no_run_has_come() -> None:
    young, no_run = trail(399, 1), table_with(Change(events=(event("old", NOW - 500 * DAY),)))
    for table in (young, no_run):
        before = dict(table.items)
        assert process(table).prune(BEFORE, LEASE)["events"] == 0
        assert table.items == before


def test_without_audit_days_events_are_kept_for_ever() -> None:
    table = trail(5_000, 1)
    ledger = ledger_over(table, Address("ledger"))
    assert "events" not in ledger.prune(BEFORE, LEASE)
    assert kept(table) == [1, 2, 3, 4]


def test_a_later_cut_begins_where_the_one_before_ended() -> None:
    table = trail(500, 399, 1)
    process(table).prune(BEFORE, LEASE)
    process(table).apply(Change(run=run(NOW + 30 * DAY)))
    assert process(table).prune(BEFORE, LEASE)["events"] == 2
    assert (kept(table), marked(table)) == ([5, 6, 7, 8], [1, 3])
    assert verify(process(after_expiry(table))).breaks == ()


def test_a_verification_during_which_the_trail_is_cut_finds_it_whole() -> None:
    table = trail(500, 499, 1)
    for at in range(8):
        now = table.copy()
        _, ledger = met(now, at, meanwhile(now, lambda other: other.prune(BEFORE, LEASE)))
        assert verify(ledger).breaks == ()
        assert kept(now)[0] == 5


def test_who_has_lost_the_lease_cuts_nothing() -> None:
    table = trail(500, 1)
    before = dict(table.items)
    with pytest.raises(StaleLease):
        process(table).prune(BEFORE, Lease(7))
    assert table.items == before


def test_a_death_at_any_request_of_a_cut_leaves_a_whole_trail_and_the_next_one_completes_it() -> None:
    story = Story([lambda ledger: ledger.prune(BEFORE, LEASE)], trail(500, 450, 1))
    for table, _ in story.deaths():
        for one in (table, after_expiry(table)):
            assert verify(process(one)).breaks == ()
        process(table).prune(BEFORE, LEASE)
        assert (kept(table)[0], marked(table)) == (5, [1, 3])
        assert verify(process(after_expiry(table))).breaks == ()


# --- tampering -------------------------------------------------------------------------------------


def rows_of(table: FakeDynamodb, key: tuple[str, str]) -> Rows:
    return join([item(table.items[key])])


def put(table: FakeDynamodb, key: tuple[str, str], rows: Rows) -> None:
    """As somebody does who knows the shape."""
    (one,) = split(Page(key, rows), item(table.items[key]).seq)
    table.items[key] = {**raw(one), "latest": {"S": "2026"}}


def altered(table: FakeDynamodb) -> None:
    rows = rows_of(table, keys.events(3))
    put(table, keys.events(3), {n: text.replace("keysteward", "nobody") for n, text in rows.items()})


def a_row_less(table: FakeDynamodb) -> None:
    put(table, keys.events(3), {"4": rows_of(table, keys.events(3))["4"]})


def a_page_less(table: FakeDynamodb) -> None:
    del table.items[keys.events(3)]


def end_cut_off(table: FakeDynamodb) -> None:
    del table.items[keys.events(5)]


def head_lost(table: FakeDynamodb) -> None:
    put(table, keys.CONTROL, {})


def head_back(table: FakeDynamodb) -> None:
    rows, known = rows_of(table, keys.CONTROL), rows_of(table, keys.events(3))
    put(table, keys.CONTROL, {**rows, control.CHAIN: f'{{"seq":4,"hash":"{known["4"].split()[0]}"}}'})


def anchor_moved(table: FakeDynamodb) -> None:
    rows, known = rows_of(table, keys.CONTROL), rows_of(table, keys.events(1))
    put(table, keys.CONTROL, {**rows, control.ANCHOR: f'{{"seq":2,"hash":"{known["2"].split()[0]}"}}'})


@pytest.mark.parametrize(
    ("tamper", "breaks"),
    [
        (altered, [("altered", 3, 4)]),
        (a_row_less, [("missing", 3, 3)]),
        (a_page_less, [("missing", 3, 4)]),
        (end_cut_off, [("cut", 5, 6)]),
        (head_lost, [("head", 6, 6)]),
        (head_back, [("added", 5, 6)]),
        (anchor_moved, [("anchor", 3, 3)]),
    ],
)
def test_it_is_found(tamper: Callable[[FakeDynamodb], None], breaks: Sequence[tuple[str, int, int]]) -> None:
    table = trail(3, 2, 1)
    tamper(table)
    found = verify(process(table)).breaks
    assert [(broken.kind, broken.first, broken.last) for broken in found] == [*breaks]


@pytest.mark.parametrize(
    ("tamper", "says"), [(head_lost, "lost its head"), (head_back, "goes on behind its head")]
)
def test_no_event_is_written_over_a_cut_that_it_would_hide(
    tamper: Callable[[FakeDynamodb], None], says: str
) -> None:
    table = trail(3, 2, 1)
    tamper(table)
    with pytest.raises(LedgerError, match=f"{says}: see `keysteward history --verify`"):
        process(table).apply(Change(facts=(facts(),), events=(event("next"),)))
    assert (process(table).view().facts, len(process(table).events())) == ({}, 6)


@pytest.mark.parametrize("text", ["", "x", "no numbers here"])
def test_a_row_that_is_no_event_is_a_damaged_ledger(text: str) -> None:
    table = trail(3, 2, 1)
    put(table, keys.events(3), {"x": text})
    with pytest.raises(LedgerError, match="holds a page that is damaged: restore the table from its backup"):
        verify(process(table))


def test_a_page_whose_row_has_an_older_number_is_read_once() -> None:
    table = trail(3, 2, 1)
    put(table, keys.events(5), {"1": rows_of(table, keys.events(1))["1"]})
    assert kept(table) == [1, 2, 3, 4, 1]
