"""Tables: filtered, searched, ordered, cut into pages, and written as CSV."""

import csv
import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.model import AccountState
from app.service.snapshot import FindingRow, Snapshot
from app.web.query import Query
from app.web.sheet import PAGE_SIZE, csv_text, page_of, records, selected
from app.web.sheets import ACCOUNTS, FINDINGS, SHEETS
from tests.fakes.pictures import NOW, PROD, TEST, finding, picture

ROW_DAY = NOW + timedelta(days=9)
ROWS = (
    finding(1, user="Zoe", state="warn", owner="zoe@example.com", due_at=ROW_DAY),
    finding(2, user="adam", state="final", rule="strict", due_at=NOW - timedelta(days=3)),
    finding(3, user="bea", state="final", account="test", account_id=TEST, due_at=None),
    finding(
        4,
        user="ci",
        state="ticket",
        kind="signing_certificate",
        reason="=1+1",
        due_at=NOW + timedelta(days=9),
    ),
)
SNAPSHOT = Snapshot(taken_at=NOW, findings=ROWS)


def numbers(**asked: Any) -> list[int]:
    """Which of the rows are answered, in which order."""
    sort = asked.pop("sort", "")
    query = Query(asked.pop("q", ""), asked, sort.removeprefix("-"), sort.startswith("-"))
    return [int(row.finding_id[-1]) for row in selected(FINDINGS, SNAPSHOT, query)]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [2, 4, 1, 3]),
        ({"state": "FINAL"}, [2, 3]),
        ({"state": "fin"}, []),
        ({"rule": "strict"}, [2]),
        ({"kind": "signing_certificate"}, [4]),
        ({"account": "tes"}, [3]),
        ({"account": TEST}, [3]),
        ({"owner": "ZOE@"}, [1]),
        ({"state": "final", "account": "prod"}, [2]),
        ({"q": "adam"}, [2]),
        ({"q": "final platform"}, []),
        ({"q": "older ADAM"}, [2]),
        ({"q": "KS-0000000003"}, [3]),
        ({"due": "2026-11-29"}, [4, 1]),
        ({"due": "2026-11-20"}, [2]),  # it is overdue
        ({"sort": "user"}, [2, 3, 4, 1]),
        ({"sort": "-user"}, [1, 4, 3, 2]),
        ({"sort": "due_at"}, [2, 4, 1, 3]),
        ({"sort": "-due_at"}, [4, 1, 2, 3]),  # what has no day comes last both ways
        ({"sort": "created", "state": "final"}, [3, 2]),
    ],
)
def test_rows_are_filtered_and_ordered(asked: dict[str, str], found: list[int]) -> None:
    assert numbers(**asked) == found


def test_accounts_come_failing_first_then_the_stalest() -> None:
    accounts = (
        AccountState("1", "fresh", NOW),
        AccountState("2", "stale", NOW - timedelta(days=2)),
        AccountState("3", "new", None),
        AccountState("4", "failing", NOW, "denied", NOW - timedelta(days=1)),
        AccountState("5", "failing longer", NOW, "denied", NOW - timedelta(days=2)),
    )
    snapshot = Snapshot(accounts=accounts)
    order = [row.account_id for row in selected(ACCOUNTS, snapshot, Query())]
    assert order == ["5", "4", "2", "1", "3"]
    failing = selected(ACCOUNTS, snapshot, Query(filters={"status": "failing"}))
    assert [row.account_id for row in failing] == ["5", "4"]


@pytest.mark.parametrize(
    ("rows", "number", "shown"),
    [
        (0, 1, (1, 1, 0, 0)),
        (PAGE_SIZE, 1, (1, 1, 1, PAGE_SIZE)),
        (PAGE_SIZE + 1, 2, (2, 2, PAGE_SIZE + 1, PAGE_SIZE + 1)),
        (PAGE_SIZE + 1, 900, (2, 2, PAGE_SIZE + 1, PAGE_SIZE + 1)),
    ],
)
def test_a_page_beyond_the_last_is_the_last(rows: int, number: int, shown: tuple[int, ...]) -> None:
    page = page_of(range(rows), number)
    assert (page.number, page.pages, page.first, page.last) == shown


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 5 * PAGE_SIZE))
def test_all_pages_together_are_the_table_and_none_is_larger_than_a_page(rows: int) -> None:
    table = list(range(rows))
    pages = [page_of(table, number + 1).rows for number in range(page_of(table, 1).pages)]
    assert [row for page in pages for row in page] == table
    assert max(map(len, pages)) <= PAGE_SIZE


def test_csv_has_every_column_and_no_formula() -> None:
    text = csv_text(FINDINGS, selected(FINDINGS, SNAPSHOT, Query(filters={"kind": "signing_certificate"})))
    row = next(csv.DictReader(io.StringIO(text)))
    assert row["reason"] == "'=1+1"
    assert row["due_at"] == "2026-11-29T12:00:00+00:00"
    assert (row["snoozed_until"], row["exposed"]) == ("", "false")
    assert list(row) == list(FindingRow.__dataclass_fields__)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_any_name_comes_back_from_the_csv_and_never_as_a_formula(name: str) -> None:
    sheet = replace(FINDINGS, rows=lambda _: (finding(1, user=name),))
    text = csv_text(sheet, sheet.rows(SNAPSHOT))
    cell = next(csv.DictReader(io.StringIO(text, newline="")))["user"]
    assert cell.removeprefix("'") == name.removeprefix("'") or cell == name
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_every_table_is_written_with_the_columns_that_it_can_be_sorted_by() -> None:
    for sheet in SHEETS.values():
        rows = sheet.rows(picture())
        assert rows, sheet.name
        header = next(csv.reader(io.StringIO(csv_text(sheet, rows))))
        assert header == list(sheet.columns) == list(records(sheet, rows)[0])
        assert set(sheet.searched) <= set(header)
        assert selected(sheet, picture(), Query(text=rows[0].account)), sheet.name
        for name in header:
            assert len(selected(sheet, picture(), Query(sort=name))) == len(rows)


def test_accounts_are_told_by_number_of_credentials() -> None:
    state = AccountState(PROD, "prod", NOW, counts={"ok": 7, "warn": 2}, root_keys=1)
    assert records(ACCOUNTS, [state])[0]["credentials"] == 9
