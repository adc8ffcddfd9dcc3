"""Commands in the middle of a sentence or a table: their names and options exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from app.cli.main import COMMANDS, cli
from tests.docs.blocks import name_of, prose

_SPAN = re.compile(r"`keysteward\s+([^`]+)`")
_SHARED = {"--help", "-h", "--version"}


def faults_in(page: Path) -> Iterator[str]:
    """``PAGE: …`` for each command or option that there isn't."""
    for span in _SPAN.findall(prose(page.read_text("utf-8"))):
        said = " ".join(span.split()).replace("\\|", "|")
        wrong = fault_of(said.split())
        if wrong:
            yield f"{name_of(page)}: `keysteward {said}`: {wrong}"


def fault_of(words: list[str]) -> str:
    """What is wrong with ``words``; ``a|b`` may stand for a choice. Empty: nothing."""
    names = [name for name in words[0].split("|") if not name.startswith(("-", "…"))]
    unknown = [name for name in names if name not in COMMANDS]
    if unknown:
        return f"there is no command {unknown[0]!r}"
    known = _SHARED.union(*(_options(cli.get_command(click.Context(cli), name), words) for name in names))
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    return f"there is no option {min(given - known)}" if given - known else ""


def _options(command: click.Command | None, words: list[str]) -> set[str]:
    assert command
    parts = [command]
    if isinstance(command, click.Group):
        parts += [part for name, part in command.commands.items() if name in words[1:2]]
    return {option for part in parts for parameter in part.params for option in parameter.opts}
