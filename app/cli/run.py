"""``keysteward run``: the daemon, one cycle, or a rehearsal."""

import logging
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app import __version__
from app.cli import opening
from app.cli.options import at_option, config_option
from app.cli.show import echo, progress, warn
from app.cli.signals import stop_on_signals
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
def run(once: bool, at: datetime | None, config_path: Path | None) -> int:
    """Run the service: scan on a schedule, tell people, act. With --once, one cycle."""
    config = opening.load(config_path)
    configure_logging(config.log_level, json=not sys.stderr.isatty(), stream=sys.stderr)
    service = opening.to_run(config, rehearse_at=at)
    log.info("keysteward starts", **log_fields(version=__version__, mode=config.mode.value))
    for doubt in opening.doubts(config_path):
        log.warning("config", **log_fields(doubt=doubt))
    if once or at:
        return _once(service)
    from app.cli.serve import run_daemon

    return run_daemon(service)


def _once(service: "Service") -> int:
    stop_on_signals(service.stop)
    report = run_once(service.parts(progress()))
    _tell(report)
    service.ledger.close()
    return EXIT["success"] if service.stop.is_set() else EXIT[report.outcome]  # stopped is no failure


def _tell(report: RunReport) -> None:
    if report.outcome == "standby":
        echo("Standby: another process holds the lease, nothing was done")
        return
    for text in report.warnings:
        warn(f"warning: {text}")
    for text in report.failures:
        warn(f"failed: {text}")
    guards = Counter(f"{h.guard}" for h in report.plan.held)
    held = ", ".join(f"{number} by {guard}" for guard, number in sorted(guards.items()))
    acts = ", ".join(f"{number} {verb}" for verb, number in sorted(report.acted.items()))
    accounts = report.accounts
    echo(
        f"{accounts.get('success', 0)} accounts scanned, {accounts.get('failed', 0)} failed; "
        f"{sum(report.delivered.values())} notices delivered; acts: {acts or 'none'}; held: {held or 'none'}"
    )
