"""CSV that a spreadsheet may open."""

import csv
import io

import pytest

from app.spreadsheet import cell, line


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_what_a_spreadsheet_would_run_is_told_to_be_text(start: str) -> None:
    assert cell(f"{start}HYPERLINK()") == f"'{start}HYPERLINK()"


@pytest.mark.parametrize("value", ["plain", "a=b", "", 7, -7])
def test_other_values_stay_as_they_are(value: object) -> None:
    assert cell(value) == value


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("between", ["\r", "\n", "\r\n", ",", '"'])
def test_no_cell_ends_where_its_writer_wants_it_to(between: str, end: str) -> None:
    """Behind a lone CR would begin a row of its own, with a formula."""
    written = line([f"harmless{between}=1+1", "x"], end)
    assert written.endswith(f",x{end}")
    assert list(csv.reader(io.StringIO(written, newline=""))) == [[f"harmless{between}=1+1", "x"]]
    assert written.startswith('"harmless')
