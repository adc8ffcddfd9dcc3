"""CSV as a spreadsheet may safely open it. Names of users, tags and accounts are written by other people."""

import csv
import io
from collections.abc import Iterable

# What makes a cell a formula, also behind a tab or the end of a line (OWASP, "CSV Injection").
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def cell(value: object) -> object:
    """A text that a spreadsheet would run as a formula is told to be text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def line(cells: Iterable[object], end: str = "\n") -> str:
    out = io.StringIO()
    csv.writer(out).writerow(map(cell, cells))  # its own CR LF makes it quote a cell with a lone CR, too
    return out.getvalue().removesuffix("\r\n") + end
