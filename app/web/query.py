"""What a table is asked for by GET parameters: filters, search, order and page. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Protocol

from app.config.lint import did_you_mean

LONGEST_VALUE = 200  # characters
LAST_PAGE = 1_000_000
SEARCH, SORT, PAGE = "q", "sort", "page"


class BadQuery(ValueError):
    """A parameter that can't be meant: a sentence that says what would be right."""


class Arguments(Protocol):
    """A request's parameters, as werkzeug's MultiDict has them."""

    def lists(self) -> Iterable[tuple[str, list[str]]]: ...


@dataclass(frozen=True, slots=True)
class Query:
    """``sort`` names a column; empty: the table's own order. Pages count from 1."""

    text: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)
    sort: str = ""
    descending: bool = False
    page: int = 1

    @property
    def order(self) -> str:
        return f"-{self.sort}" if self.descending else self.sort

    @property
    def narrows(self) -> bool:
        return bool(self.text or self.filters)

    def link(self, **changes: str) -> dict[str, str]:
        """The parameters of this query with ``changes``; from its first page on unless ``page`` is given."""
        mine = {SEARCH: self.text, **self.filters, SORT: self.order, **changes}
        return {name: value for name, value in mine.items() if value}

    def sorted_by(self, name: str) -> dict[str, str]:
        """Ascending first, then the other way round."""
        return self.link(sort=f"-{name}" if self.order == name else name)

    def direction(self, name: str) -> Literal["ascending", "descending", "none"]:
        """As `aria-sort` says it."""
        if name != self.sort:
            return "none"
        return "descending" if self.descending else "ascending"


def parse(arguments: Arguments, filters: Collection[str], columns: Collection[str]) -> Query:
    """Raises `BadQuery`. An empty parameter counts as not given: forms send those."""
    given = {name: _one(name, values) for name, values in arguments.lists()}
    _known(given, filters)
    sort = given.get(SORT, "")
    if sort.removeprefix("-") not in ("", *columns):
        raise BadQuery(f"sort: should be one of {', '.join(columns)}, or one of these behind a minus")
    return Query(
        text=given.get(SEARCH, ""),
        filters={name: _checked(name, given[name]) for name in filters if given.get(name)},
        sort=sort.removeprefix("-"),
        descending=sort.startswith("-") and sort != "-",
        page=_page(given.get(PAGE) or "1"),
    )


def _one(name: str, values: list[str]) -> str:
    said = {value.strip() for value in values} - {""}
    if len(said) > 1:
        raise BadQuery(f"{_short(name)}: is given more than once")
    value = next(iter(said), "")
    if len(value) > LONGEST_VALUE:
        raise BadQuery(f"{_short(name)}: should have {LONGEST_VALUE} characters at the most")
    return value


def _known(given: Collection[str], filters: Collection[str]) -> None:
    """A misspelt filter would show everything as if it were filtered."""
    known = [*filters, SEARCH, SORT, PAGE]
    for name in given:
        if name not in known:
            raise BadQuery(f'there is no parameter "{_short(name)}"{did_you_mean(name, known)}')


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:40]}…"


def _page(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 7 and 1 <= int(text) <= LAST_PAGE):
        raise BadQuery("page: should be a number from 1 on")
    return int(text)


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise BadQuery("due: should be a day such as 2026-11-27") from None


_CHECKS: Mapping[str, Callable[[str], str]] = {"due": _day}


def _checked(name: str, value: str) -> str:
    return _CHECKS[name](value) if name in _CHECKS else value
