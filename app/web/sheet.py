"""A table of any rows: filtered, searched, ordered, cut into pages, and written as CSV. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Generic, TypeVar

from app import spreadsheet
from app.service.snapshot import Snapshot
from app.web.query import Query

PAGE_SIZE = 50

Row = TypeVar("Row")
Getter = Callable[[Row], Any]


@dataclass(frozen=True, slots=True)
class Sheet(Generic[Row]):
    """What a table is made of. ``rows`` gives them in the table's own order.

    ``exact`` filters compare whole values, ``loose`` ones look for a part; both without regard to case.
    ``searched`` are the columns that a search looks into.
    """

    name: str  # in addresses and in the names of downloads
    rows: Callable[[Snapshot], Sequence[Row]]
    columns: Mapping[str, Getter[Row]]
    exact: Mapping[str, Callable[[Row, Snapshot], str]] = field(default_factory=dict)
    loose: Mapping[str, Callable[[Row], str]] = field(default_factory=dict)
    searched: tuple[str, ...] = ()

    @property
    def filters(self) -> tuple[str, ...]:
        return (*self.exact, *self.loose)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of a table. ``number`` counts from 1; ``total`` are the rows of all pages."""

    rows: Sequence[Row]
    number: int
    pages: int
    total: int

    @property
    def first(self) -> int:
        return (self.number - 1) * PAGE_SIZE + 1 if self.total else 0

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1 if self.total else 0


def selected(sheet: Sheet[Row], snapshot: Snapshot, query: Query) -> Sequence[Row]:
    """The rows that ``query`` means, in its order."""
    rows = [row for row in sheet.rows(snapshot) if _passes(sheet, row, snapshot, query)]
    if query.text:
        words = query.text.casefold().split()
        rows = [row for row in rows if _has(sheet, row, words)]
    return _ordered(rows, sheet.columns[query.sort], query.descending) if query.sort else rows


def page_of(rows: Sequence[Row], number: int) -> Page[Row]:
    """Page ``number``, or the last one where there are fewer: the table may have shrunk meanwhile."""
    pages = max(-(-len(rows) // PAGE_SIZE), 1)
    number = min(number, pages)
    begin = (number - 1) * PAGE_SIZE
    return Page(rows[begin : begin + PAGE_SIZE], number, pages, len(rows))


def _passes(sheet: Sheet[Row], row: Row, snapshot: Snapshot, query: Query) -> bool:
    for name, wanted in query.filters.items():
        if name in sheet.exact:
            if sheet.exact[name](row, snapshot).casefold() != wanted.casefold():
                return False
        elif wanted.casefold() not in sheet.loose[name](row).casefold():
            return False
    return True


def _has(sheet: Sheet[Row], row: Row, words: Iterable[str]) -> bool:
    text = "\n".join(str(sheet.columns[name](row)) for name in sheet.searched).casefold()
    return all(word in text for word in words)


def _ordered(rows: Iterable[Row], value: Getter[Row], descending: bool) -> list[Row]:
    """What has no value comes last, whichever way round; equal ones keep the table's own order."""
    known: list[tuple[Any, Row]] = []
    blank: list[Row] = []
    for row in rows:
        found = value(row)
        if found is None or found == "":
            blank.append(row)
        else:
            known.append((found.casefold() if isinstance(found, str) else found, row))
    known.sort(key=lambda pair: pair[0], reverse=descending)
    return [row for _, row in known] + blank


def records(sheet: Sheet[Row], rows: Iterable[Row]) -> list[dict[str, Any]]:
    """For JSON: every column by its name."""
    return [{name: value(row) for name, value in sheet.columns.items()} for row in rows]


def csv_text(sheet: Sheet[Row], rows: Iterable[Row]) -> str:
    """With a line of names. Times in ISO 8601, UTC; what is not known is empty."""
    getters = sheet.columns.values()
    lines = (spreadsheet.line(_text(value(row)) for value in getters) for row in rows)
    return spreadsheet.line(sheet.columns) + "".join(lines)


def _text(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date) else value
