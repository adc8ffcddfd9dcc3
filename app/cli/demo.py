"""``keysteward demo``: the whole ladder on a fake organization, then the status page."""

import logging
import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from app import __version__
from app.errors import ConfigError
from app.service.picture import picture
from app.service.preview import preview
from app.sinks.snapshot import Snapshot

if TYPE_CHECKING:
    from app.demo.walk import Walk
    from app.service.run_once import RunReport

INTRO = """\
[bold]Keysteward {version}: seven weeks in a minute[/]
A fake AWS organization runs inside this process. The rest is real: accounts are scanned through assumed \
roles, the policy decides, a SQLite ledger remembers, and keys are deactivated over there. The first message \
of each kind is shown as its reader sees it.
"""
WIDTH = 100


@click.command()
@click.option("--once", is_flag=True, help="End after the walk instead of serving the status page.")
@click.option("--all-messages", is_flag=True, help="Show every message, not the first of each kind.")
@click.option(
    "--listen",
    metavar="HOST:PORT",
    default="127.0.0.1:8080",
    show_default=True,
    help="Where the status page answers.",
)
def demo(once: bool, all_messages: bool, listen: str) -> int:
    """Walk a fake organization through the whole ladder.

    Then serve its status page. Needs no AWS account.
    """
    if not once:
        _check_free(listen)
    try:
        from app.demo.aws import fake_aws
        from app.demo.walk import prepare, temporary_folder
    except ModuleNotFoundError as error:
        raise ConfigError(f'keysteward: demo needs {error.name}: pip install "keysteward[demo]"') from None
    logging.basicConfig(level=logging.CRITICAL)
    console = Console(width=WIDTH if not sys.stdout.isatty() else None, highlight=False)
    started = time.monotonic()
    console.print(INTRO.format(version=__version__), width=min(console.width, WIDTH))
    denied: set[str] = set()
    with temporary_folder() as folder, fake_aws(denied):
        walk = prepare(Path(folder), console, all_messages, datetime.now(UTC))
        denied.add(walk.organization.ids["legacy-billing"])
        report = walk.run(console)
        judged = preview(walk.service.parts()).plan.judged
        walk.timeline.close(judged, walk.service.ledger.view().findings.values())
        seconds = timedelta(seconds=round(time.monotonic() - started))
        console.print(f"\nWalked 49 days in {seconds}. The ledger was {folder}/ledger.db")
        if not once:
            _serve(walk, report, console, listen)
        walk.service.ledger.close()
    return 0


def _check_free(listen: str) -> None:
    """Before the walk, so that nobody waits a minute to be told."""
    from app.web.server import check_free

    try:
        check_free(listen)
    except ConfigError as error:
        raise ConfigError(f"{str(error).removeprefix('http.listen: ')}, by --listen HOST:PORT") from None


def _serve(walk: "Walk", report: "RunReport", console: Console, listen: str) -> None:
    from app.cli.serve import serve_until_stopped

    walk.clock.go()
    first = picture(walk.service.parts(), report, Snapshot(version=__version__, started_at=walk.clock.now()))
    console.print(
        f"\nThe service goes on: status page http://{listen}/, metrics at /metrics, health at /healthz"
    )
    console.print("Ctrl-C ends it.")
    serve_until_stopped(walk.service, first, listen)
    os._exit(0)  # a scheduler's thread must not keep the terminal
