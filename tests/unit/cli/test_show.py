"""Tables for people, on terminals of any width."""

import io

import pytest
from rich.console import Console

from app.cli import show

COLUMNS = ("What", "User", "Key", "Why")
WHY = "Rule 'default', stage 'deactivate' (age 90 days or unused 45 days): created 307 days ago, never used"
ROWS = [["observed: deactivate", "old.contractor", "…U25F", WHY], ["observed: warn", "ann", "…LLBR", ""]]


def printed(width: int, rows: list[list[str]] = ROWS) -> list[str]:
    out = Console(file=io.StringIO(), width=width)
    show.table("Plan", COLUMNS, rows, sentence=True, out=out)
    assert isinstance(out.file, io.StringIO)
    return [line.rstrip() for line in out.file.getvalue().splitlines()]


def test_a_sentence_goes_below_its_row_where_it_would_be_squeezed() -> None:
    assert printed(80) == [
        "Plan",
        " What                  User            Key",
        " observed: deactivate  old.contractor  …U25F",
        "    Rule 'default', stage 'deactivate' (age 90 days or unused 45 days): created",
        "    307 days ago, never used",
        " observed: warn        ann             …LLBR",
    ]


def test_a_sentence_stays_beside_its_row_where_there_is_room() -> None:
    wide = printed(160)
    assert wide[1].split() == list(COLUMNS)
    assert wide[2].endswith(f"…U25F  {WHY}")


def test_rows_that_do_not_fit_either_are_lines_of_text() -> None:
    assert printed(36, ROWS[:1]) == [
        "Plan",
        " What  User  Key",
        " observed: deactivate",
        " old.contractor  …U25F",
        "    Rule 'default', stage",
        "    'deactivate' (age 90 days or",
        "    unused 45 days): created 307",
        "    days ago, never used",
    ]


def test_a_short_sentence_stays_beside_its_row() -> None:
    assert printed(60, [["warn", "ann", "…LLBR", "due"]])[2] == " warn  ann   …LLBR  due"


@pytest.mark.parametrize("width", [40, 160])
def test_a_cell_injects_no_markup(width: int) -> None:
    assert any("[bold]ann[/]" in line for line in printed(width, [["warn", "[bold]ann[/]", "…LLBR", "[/]"]]))


def test_a_table_without_rows_is_its_head() -> None:
    assert printed(80, []) == ["Plan", " What  User  Key  Why"]
