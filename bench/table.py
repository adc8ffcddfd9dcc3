"""The results as tables: on the terminal, as Markdown, and as JSON."""

import json
import os
import platform
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from bench.claims import Result, Results, claims
from bench.runners import Row

COLUMNS = ("", "wall", "CPU", "peak", "calls", "CPU a call", "wall x", "calls x", "due keys")
WIDTH = 130


def console() -> Console:
    """Wide enough for the tables, whatever it writes to."""
    return Console(width=max(WIDTH, Console().width), highlight=False)


def show(console: Console, result: Result) -> None:
    table = Table(*COLUMNS, title=f"{result.scenario.name}: {result.scenario.conditions}", box=SIMPLE)
    for cells in _rows(result):
        table.add_row(*cells)
    console.print(table)
    for row in result.rows.values():
        console.print(f"  {row.runner}: {_actions(row)}", style="dim")
        if row.cost.exit:
            console.print(
                f"  {row.runner} ended with {row.cost.exit}: {row.cost.said}", style="red", markup=False
            )


def show_claims(console: Console, results: Results) -> None:
    for name, seconds in results.micro.items():
        console.print(f"CPU of one call on a warm client, {name}: {seconds * 1e6:.0f} µs")
    for claim in claims(results):
        mark = "[green]holds[/]" if claim.holds else "[red]fails[/]"
        console.print(f"{mark}  {claim.text}: {claim.value:.3g} (at most {claim.most:.3g})")


def save(results: Results, folder: Path, name: str) -> Path:
    """`NAME.md` and `NAME.json`; returns the former."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(_data(results), indent=1))
    page = folder / f"{name}.md"
    page.write_text("\n".join(_page(results)) + "\n")
    return page


def _rows(result: Result) -> Iterator[tuple[str, ...]]:
    for row in result.rows.values():
        cost, calls = row.cost, row.calls
        throttled = f" ({calls.throttled:,} throttled)" if calls.throttled else ""
        yield (
            row.runner,
            f"{cost.wall:.1f} s",
            f"{cost.cpu:.1f} s",
            f"{cost.peak_mb:.0f} MiB",
            f"{calls.total:,}{throttled}",
            f"{row.cpu_a_call * 1e6:,.0f} µs",
            *_beside(row, result.rows.get("steady")),
            str(row.verdict or "none") + (f" (exit {cost.exit})" if cost.exit else ""),
        )


def _beside(row: Row, ours: Row | None) -> tuple[str, str]:
    """How many times Keysteward's wall and calls in steady state."""
    if ours is None:
        return "", ""
    return f"{row.cost.wall / ours.cost.wall:.1f}", f"{row.calls.total / max(1, ours.calls.total):.1f}"


def _actions(row: Row) -> str:
    """``3 iam:GetCredentialReport, …``, most first."""
    counted = sorted(row.calls.by_action.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{number:,} {action.partition(':')[2]}" for action, number in counted)


def _page(results: Results) -> Iterator[str]:
    yield f"{machine()}."
    for result in results.scenarios.values():
        yield from ("", f"### {result.scenario.name}: {result.scenario.conditions}", "")
        yield from _markdown(COLUMNS, _rows(result))
        yield ""
        yield from (f"- {row.runner}: {_actions(row)}" for row in result.rows.values())
    if results.micro:
        yield from ("", "### One call on a warm client", "")
        yield from _markdown(("", "CPU"), ((name, f"{s * 1e6:.0f} µs") for name, s in results.micro.items()))
    yield from ("", "### What must show", "")
    rows = ((c.text, f"{c.value:.3g}", f"{c.most:.3g}", "yes" if c.holds else "no") for c in claims(results))
    yield from _markdown(("", "measured", "at most", "holds"), rows)


def _markdown(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    columns = tuple(columns)
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _data(results: Results) -> dict[str, object]:
    return {
        "machine": machine(),
        "scenarios": {
            name: {"scenario": asdict(r.scenario), "rows": {key: asdict(row) for key, row in r.rows.items()}}
            for name, r in results.scenarios.items()
        },
        "micro": results.micro,
        "claims": [claim._asdict() | {"holds": claim.holds} for claim in claims(results)],
    }


def machine() -> str:
    system, python = f"{platform.system()} {platform.machine()}", platform.python_version()
    return f"{os.cpu_count()} cores, {system}, Python {python}, boto3 {version('boto3')}"
