"""The commands with their options, as click knows them, and the exit codes."""

import inspect
from collections.abc import Iterator

import click

from app.cli.main import COMMANDS, EXIT_CODES, cli
from app.reference.markdown import code, prose, table


def commands() -> Iterator[str]:
    """The lines of the commands' part."""
    yield "## Commands\n"
    yield "Each takes `-h` and `--help`. Data goes to stdout, everything else to stderr.\n"
    for name in sorted(COMMANDS):
        command = cli.get_command(click.Context(cli), name)
        if command:
            yield from _command(command, f"keysteward {name}", "###")
    yield from exit_codes()


def exit_codes() -> Iterator[str]:
    yield "## Exit codes\n"
    yield from table(("Code", "Meaning"), ((str(number), text) for number, text in EXIT_CODES.items()))


def _command(command: click.Command, name: str, mark: str) -> Iterator[str]:
    ctx = click.Context(command, info_name=name)
    yield f"{mark} {name}\n"
    yield f"{_help(command)}\n"
    pieces = " ".join(command.collect_usage_pieces(ctx))
    yield f"```text\n{name} {pieces}\n```\n"
    rows = [_option(param, ctx) for param in command.params if isinstance(param, click.Option)]
    if rows:
        yield from table(("Option", "What it does"), rows)
    if isinstance(command, click.Group):
        for below, inner in sorted(command.commands.items()):
            yield from _command(inner, f"{name} {below}", f"{mark}#")


def _help(command: click.Command) -> str:
    paragraphs = inspect.cleandoc(command.help or "").replace("\b\n", "").split("\n\n")
    return "\n\n".join(map(prose, paragraphs))


def _option(param: click.Option, ctx: click.Context) -> tuple[str, str]:
    names, text = param.get_help_record(ctx) or ("", "")
    return code(names), prose(text)
