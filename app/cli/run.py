"""``keysteward run``: the daemon, one cycle, or a rehearsal."""

import logging
import os
import signal
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import TextIO, cast

import click

from app import __version__
from app.bootstrap import Service, open_rehearsal, open_service, start_listening
from app.cli.options import at_option, config_option, doubts, load
from app.cli.progress import shown
from app.cli.show import Stderr, echo, warn
from app.config.schema import Config
from app.model import Coverage
from app.service.daemon import Daemon, Schedule
from app.service.run_once import RunReport, run_once
from app.service.snapshot import Health, Snapshot, SnapshotHolder
from app.sinks.prometheus.collector import SnapshotCollector, build_registry
from app.telemetry import configure_logging, log_fields
from app.web.app import create_app
from app.web.server import serve

log = logging.getLogger("keysteward")

EXIT = {"success": 0, "standby": 0, "partial": 1, "failed": 3}
# SIGTERM to the end: an orchestrator kills after 30 s by default, a person waits less gladly.
STOP_WITHIN = timedelta(seconds=8)


@click.command()
@click.option("--once", is_flag=True, help="Run one cycle and exit.")
@at_option("Rehearse one cycle at this instant: needs AWS_ENDPOINT_URL and a ledger of its own.")
@config_option
def run(once: bool, at: datetime | None, config_path: Path | None) -> int:
    """Run the service: scan on a schedule, tell people, act. With --once, one cycle."""
    config = load(config_path)
    configure_logging(config.log_level, json=not sys.stderr.isatty(), stream=cast(TextIO, Stderr()))
    service = open_rehearsal(config, at) if at else open_service(config)
    log.info("keysteward starts", **log_fields(version=__version__, mode=config.mode.value))
    for doubt in doubts(config_path):
        log.warning("config", **log_fields(doubt=doubt))
    return _once(service) if once or at else _daemon(config, service)


def _once(service: Service) -> int:
    _on_signals(service.stop)
    with shown(service.pulse, logged=True):
        report = run_once(service.parts())
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


def _on_signals(stop: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())


def _daemon(config: Config, service: Service) -> int:
    now = service.clock.now()
    serve_until_stopped(service, Snapshot(version=__version__, mode=config.mode.value, started_at=now))
    _leave()
    return 0


def serve_until_stopped(service: Service, first: Snapshot, listen: str | None = None) -> None:
    """Cycles on schedule and answers over HTTP until SIGTERM or SIGINT. ``listen`` overrides the config's."""
    config = service.config
    holder = SnapshotHolder(first, service.pulse.sweep)
    health = Health(time.monotonic, service.ledger.paused, config_loaded=True)
    calls = service.sessions.calls.snapshot
    collector = SnapshotCollector(holder.get, service.counters, calls, config.metrics.user_label)
    page = config.http.public_page
    web = create_app(holder, health, build_registry(collector), public_page=page, clock=service.clock)
    server = serve(web, listen or config.http.listen)
    daemon = Daemon(service.parts(), schedule_of(config), holder, health, service.counters)
    _on_signals(service.stop)
    daemon.start()
    listening = start_listening(service, daemon.parts)
    log.info("serving", **log_fields(listen=listen or config.http.listen))
    service.stop.wait()
    log.info("stopping")
    for ear in listening:
        ear.close()
    ended = daemon.stop(STOP_WITHIN)
    server.stop()
    log.info("stopped", **log_fields(cleanly=ended))


def schedule_of(config: Config) -> Schedule:
    wanted = config.schedule
    return Schedule(wanted.every, wanted.spread, wanted.cron, wanted.timezone)


def _leave() -> None:
    """Exits now: a thread that hangs in a vendor's call must not keep the process past its time."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()

    os._exit(0)


COMMANDS = (run,)
