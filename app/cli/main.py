"""The entry point: one place that turns errors into one clear line and an exit code."""

import gc
import os
import sys
from collections.abc import Mapping
from importlib import import_module

import click

from app import __version__
from app.errors import ConfigError, CouldNotStart, KeystewardError, LedgerError, Paused
from app.model import redact
from app.service.lookup import AmbiguousKey, NotFound
from app.telemetry import redactor

DONE, PARTLY, WRONG, NO_START = 0, 1, 2, 3
EXIT_CODES: Mapping[int, str] = {
    DONE: "done; held acts, a standby's `run --once` and SIGTERM are no failures",
    PARTLY: "done in part: an account or a delivery failed, which stderr names, and the rest was done; "
    "or what was asked for is not there",
    WRONG: "the config or the command line is wrong; nothing was done",
    NO_START: "it could not start, or could not reach its ledger",
}
# Python's defaults (700, 10, 10) take a fifth of a scan's CPU, to find next to nothing that is cyclic.
COLLECT_AFTER = (50_000, 20, 100)


# Each command's module and its name there, imported when the command is asked for (click's lazy loading,
# https://click.palletsprojects.com/en/stable/complex/#lazily-loading-subcommands).
COMMANDS: Mapping[str, tuple[str, str]] = {
    "approve": ("app.cli.approve", "approve"),
    "check-config": ("app.cli.check", "check"),
    "deliveries": ("app.cli.deliveries", "deliveries"),
    "demo": ("app.cli.demo", "demo"),
    "explain": ("app.cli.look", "explain"),
    "history": ("app.cli.history", "history"),
    "iam-policy": ("app.cli.check", "iam_policy"),
    "ledger": ("app.cli.ledger", "ledger"),
    "owners": ("app.cli.owners", "owners"),
    "pause": ("app.cli.change", "pause"),
    "plan": ("app.cli.look", "plan"),
    "preview": ("app.cli.preview", "preview"),
    "report": ("app.cli.report", "report"),
    "restore": ("app.cli.change", "restore"),
    "resume": ("app.cli.change", "resume"),
    "run": ("app.cli.run", "run"),
    "scan": ("app.cli.look", "scan"),
    "schema": ("app.cli.check", "schema"),
    "snooze": ("app.cli.change", "snooze"),
    "unsnooze": ("app.cli.change", "unsnooze"),
}


class LazyGroup(click.Group):
    """Knows its commands by name and imports the module of the one that is wanted."""

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, attribute = COMMANDS[name]
        command: click.Command = getattr(import_module(module), attribute)
        return command


@click.group(
    cls=LazyGroup,
    commands={name: click.Command(name) for name in COMMANDS},  # for lists and for "did you mean"
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, message="keysteward %(version)s")
def cli() -> None:
    """Keeps watch over long-lived AWS access keys: warns, tickets, deactivates, deletes.

    Exit codes: 0 done, 1 done in part, 2 the config or command line is wrong, 3 could not start.
    """


def main() -> None:
    """Runs the command line and exits."""
    gc.set_threshold(*COLLECT_AFTER)
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        code = 130
    except click.ClickException as error:
        code = _usage(error)
    except KeystewardError as error:
        code = _failed(error)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = DONE
    sys.exit(code if isinstance(code, int) else DONE)


def _usage(error: click.ClickException) -> int:
    message = redact(error.format_message())
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(message, err=True)
        return WRONG
    hint = ""
    if isinstance(error, click.UsageError) and error.ctx:
        hint = f" (see {error.ctx.command_path} --help)"
    click.echo(f"keysteward: {message}{hint}", err=True)
    return WRONG


def _failed(error: KeystewardError) -> int:
    lines = redactor(str(error))
    click.echo(lines if isinstance(error, ConfigError) else f"keysteward: {lines}", err=True)
    if isinstance(error, ConfigError | AmbiguousKey):
        return WRONG
    if isinstance(error, Paused | NotFound):
        return PARTLY
    return NO_START if isinstance(error, LedgerError | CouldNotStart) else PARTLY
