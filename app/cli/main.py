"""The entry point: one place that turns errors into one clear line and an exit code."""

import os
import sys

import click

from app import __version__
from app.cli import change, check, demo, look, owners, preview, run
from app.errors import ConfigError, CouldNotStart, KeystewardError, LedgerError, Paused
from app.model import redact
from app.service.lookup import AmbiguousKey, NotFound
from app.telemetry import redactor

DONE, PARTLY, WRONG, NO_START = 0, 1, 2, 3


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="keysteward %(version)s")
def cli() -> None:
    """Keeps watch over long-lived AWS access keys: warns, tickets, deactivates, deletes.

    Exit codes: 0 done, 1 done in part, 2 the config or command line is wrong, 3 could not start.
    """


for module in (run, look, owners, preview, change, check, demo):
    for command in module.COMMANDS:
        cli.add_command(command)


def main() -> None:
    """Runs the command line and exits."""
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
