"""What a table may be asked for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from app.web.query import BadQuery, Query, parse

FILTERS = ("state", "due")
COLUMNS = ("user", "due_at")


def parsed(**parameters: str | list[str]) -> Query:
    return parse(MultiDict(parameters), FILTERS, COLUMNS)


def test_nothing_asked_is_the_first_page_of_everything() -> None:
    assert parsed() == Query()
    assert parsed(q=" ", state="", sort="", page="") == Query()


def test_everything_can_be_asked_at_once() -> None:
    asked = parsed(q=" ci ", state="warn", due="2026-11-27", sort="-due_at", page="3")
    assert asked == Query("ci", {"state": "warn", "due": "2026-11-27"}, "due_at", True, 3)


@pytest.mark.parametrize(
    ("parameters", "fault"),
    [
        ({"page": "0"}, "page: should be a number from 1 on"),
        ({"page": "-1"}, "page: should be"),
        ({"page": "²"}, "page: should be"),
        ({"page": "9" * 30}, "page: should be"),
        ({"sort": "secret"}, "sort: should be one of user, due_at, or one of these behind a minus"),
        ({"sort": "--user"}, "sort: should be"),
        ({"stat": "warn"}, 'there is no parameter "stat", did you mean "state"?'),
        ({"state": ["warn", "final"]}, "state: is given more than once"),
        ({"q": "x" * 201}, "q: should have 200 characters at the most"),
        ({"due": "tomorrow"}, "due: should be a day such as 2026-11-27"),
        ({"x" * 5_000: "1"}, 'there is no parameter "xxxxxxxx'),
    ],
)
def test_what_cant_be_meant_is_said(parameters: dict[str, str | list[str]], fault: str) -> None:
    with pytest.raises(BadQuery, match=f"^{fault.replace('?', '[?]')}"):
        parsed(**parameters)


def test_links_keep_what_was_asked_and_begin_again_at_the_first_page() -> None:
    asked = parsed(q="ci", state="warn", sort="user", page="3")
    assert asked.link() == {"q": "ci", "state": "warn", "sort": "user"}
    assert asked.link(page="4")["page"] == "4"
    assert asked.sorted_by("due_at")["sort"] == "due_at"


def test_the_same_column_again_turns_the_order_round() -> None:
    up = parsed(sort="user")
    down = parsed(**up.sorted_by("user"))
    assert (up.direction("user"), down.direction("user"), up.direction("due_at")) == (
        "ascending",
        "descending",
        "none",
    )
    assert parsed(**down.sorted_by("user")) == up


NAMES = st.sampled_from(["q", "sort", "page", *FILTERS]) | st.text(max_size=12)
VALUES = st.text(max_size=230) | st.sampled_from(["1", "-user", "2026-02-30", "-", "0"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(NAMES, VALUES), max_size=6))
def test_any_parameters_are_understood_or_refused_and_links_lead_to_the_same(
    parameters: list[tuple[str, str]],
) -> None:
    try:
        asked = parse(MultiDict(parameters), FILTERS, COLUMNS)
    except BadQuery:
        return
    assert asked.page >= 1
    assert parse(MultiDict(asked.link(page=str(asked.page))), FILTERS, COLUMNS) == asked
