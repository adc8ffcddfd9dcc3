"""``keysteward run``: the daemon, one cycle, or a rehearsal."""

import logging
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO, cast

import click

from app import __version__
from app.cli import opening
from app.cli.options import at_option, config_option
from app.cli.progress import shown
from app.cli.show import Stderr, echo, warn
from app.cli.signals import leave, stop_on_signals
from app.model import Coverage
from app.plan.brake import waits
from app.service.run_once import RunReport, run_once
from app.telemetry import configure_logging, log_fields

if TYPE_CHECKING:
    from app.bootstrap import Service

log = logging.getLogger("keysteward")

EXIT = {"success": 0, "standby": 0, "partial": 1, "failed": 3}


@click.command()
@click.option("--once", is_flag=True, help="Run one cycle and exit.")
@at_option("Rehearse one cycle at this instant: needs AWS_ENDPOINT_URL and a ledger of its own.")
@config_option
def run(once: bool, at: datetime | None, config_path: Path | None) -> NoReturn:
    """Run the service: scan on a schedule, tell people, act. With --once, one cycle."""
    config = opening.load(config_path)
    configure_logging(config.log_level, json=not sys.stderr.isatty(), stream=cast(TextIO, Stderr()))
    read = opening.fingerprint(config_path, config)  # before the ledger is opened, which may take its time
    service = opening.to_run(config, rehearse_at=at)
    log.info("keysteward starts", **log_fields(version=__version__, mode=config.mode.value))
    for doubt in opening.doubts(config_path):
        log.warning("config", **log_fields(doubt=doubt))
    if once or at:
        _once(service)
    from app.cli.reload import ConfigSource
    from app.cli.serve import run_daemon

    run_daemon(service, ConfigSource(opening.where(config_path), os.environ, read))


def _once(service: "Service") -> NoReturn:
    stop_on_signals(service.stop)
    leave(one_cycle(service))


def one_cycle(service: "Service") -> int:
    """Makes it and tells what came of it; returns the exit code."""
    with shown(service.pulse, logged=True):
        report = run_once(service.parts())
    _tell(report)
    service.ledger.close()
    return 0 if service.stop.is_set() else EXIT[report.outcome]  # stopped is no failure


def _tell(report: RunReport) -> None:
    if report.outcome == "standby":
        echo("Standby: another process holds the lease, nothing was done")
        return
    for text in report.warnings:
        warn(f"warning: {text}")
    for text in report.failures:
        warn(f"failed: {text}")
    if report.outcome == "failed":
        return  # nothing was planned
    if report.plan.braked:
        warn(waits(report.plan))
    guards = report.plan.held_by_guard()
    held = ", ".join(f"{number} by {guard}" for guard, number in sorted(guards.items()))
    acts = ", ".join(f"{number} {verb}" for verb, number in sorted(report.acted.items()))
    echo(
        f"{_read(report.coverage)}; {sum(report.delivered.values())} notices delivered; "
        f"acts: {acts or 'none'}; held: {held or 'none'}"
    )


def _read(coverage: Coverage) -> str:
    """``9,998 of 10,000 accounts (99.98 %) read, 2 failed``, and how, where that is out of the ordinary."""
    retried = f", {coverage.retried:,} tried again" if coverage.retried else ""
    resumed = f", {coverage.resumed:,} from before an interruption" if coverage.resumed else ""
    return f"{coverage.text} read, {coverage.unread:,} failed{retried}{resumed}"
