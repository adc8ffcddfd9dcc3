"""Printing: tables for people, JSON and CSV for machines, all of it redacted."""

import io
import json
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.cells import cell_len, set_cell_size
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from app import spreadsheet
from app.telemetry import redactor

STYLES = {
    "ok": "green",
    "exempt": "blue",
    "inactive": "dim",
    "unknown": "yellow",
    "warn": "yellow",
    "ticket": "dark_orange",
    "final": "red",
    "deactivate": "bold red",
    "delete": "bold red",
}
ROOM = 40  # columns that a sentence needs beside its row


def console(stderr: bool = False) -> Console:
    """Wide enough not to cut when nobody looks at it."""
    out = sys.stderr if stderr else sys.stdout
    return Console(file=out, width=None if out.isatty() else 160, highlight=False, soft_wrap=False)


def echo(text: str) -> None:
    click.echo(redactor(text))


def warn(text: str) -> None:
    click.echo(redactor(text), err=True)


def to_file(path: Path, text: str) -> None:
    """Raises `click.FileError` (exit code 2)."""
    try:
        path.write_text(redactor(text), "utf-8")
    except OSError as error:
        raise click.FileError(str(path), error.strerror) from None


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    style: int | None = None,
    whole: Collection[str] = (),
    sentence: bool = False,
    out: Console | None = None,
) -> None:
    """``style`` is the column whose word colours its row's cell; those in ``whole`` are not broken.

    With ``sentence`` the last column holds one: it goes below its row where it would be squeezed.
    """
    out, cells = out or console(), [[redactor(cell) for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    if sentence and out.width - sum(widths[:-1]) - 2 * len(widths) < min(ROOM, widths[-1]):
        _in_lines(out, title, columns, cells, widths[:-1])
        return
    grid = Table(title=title, title_justify="left", title_style="bold", header_style="bold", box=None)
    for name in columns:
        grid.add_column(name, overflow="fold", no_wrap=name in whole)
    for row in cells:
        colour = STYLES.get(row[style], "red") if style is not None else ""
        grid.add_row(*(Text(cell, colour if at == style else "") for at, cell in enumerate(row)))
    out.print(grid)


def _in_lines(
    out: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int]
) -> None:
    """Each row in line with the others, where there is room for that, and its sentence below."""
    fits = sum(widths) + 2 * len(widths) <= out.width
    out.print(Text(title, "bold"))
    for row, style in [(columns, "bold"), *((row, "") for row in rows)]:
        cells = map(set_cell_size, row, widths) if fits else filter(None, row[:-1])
        out.print(hanging(f" {'  '.join(cells)}".rstrip(), 1, style))
        if row[-1] and not style:
            out.print(hanging(f"    {row[-1]}", 4, "dim"))


def hanging(text: str, indent: int, style: str = "") -> RenderableType:
    """``text``, whose further lines begin ``indent`` columns in, as far as its own beginning of so many."""
    grid = Table.grid()
    grid.add_column(width=indent)
    grid.add_column(overflow="fold")
    grid.add_row(Text(text[:indent], style), Text(text[indent:], style))
    return grid


def as_json(data: Any) -> None:
    echo(json.dumps(data, indent=2, ensure_ascii=False, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    with streamed("csv", columns) as write:
        for row in rows:
            write(row)


@contextmanager
def streamed(form: str, columns: Sequence[str]) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Prints each row as it comes, as CSV or as one JSON list: a fleet's rows needn't fit in memory."""
    if form == "json":
        yield from _json_rows()
    else:
        yield from _csv_rows(columns)


def _json_rows() -> Iterator[Callable[[Mapping[str, Any]], None]]:
    before = "["

    def write(row: Mapping[str, Any]) -> None:
        nonlocal before
        body = json.dumps(row, indent=2, ensure_ascii=False, default=_plain)
        # Not by `textwrap.indent`: it takes U+2028 inside a text for the end of a line.
        indented = body.replace("\n", "\n  ")
        click.echo(redactor(f"{before}\n  {indented}"), nl=False)
        before = ","

    yield write
    click.echo("[]" if before == "[" else "\n]")


def _csv_rows(columns: Sequence[str]) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    def line(cells: Iterable[object]) -> None:
        click.echo(redactor(spreadsheet.line(cells)), nl=False)

    line(columns)
    yield lambda row: line(_cell(row.get(name)) for name in columns)


def _cell(value: object) -> object:
    return _plain(value) if value is not None else ""


def date(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%d %H:%M}Z" if instant else ""


class Stderr(io.TextIOBase):
    """Stderr as it is at the moment: a bar takes its place while it is drawn, so that lines come above it."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()
