"""The daemon: cycles on schedule beside the web server. Imported only for it: one cycle does without."""

import logging
import time
from datetime import timedelta
from typing import NoReturn

from app import __version__
from app.bootstrap import Service, start_listening
from app.cli.signals import leave, stop_on_signals
from app.config.schema import Config
from app.service.daemon import Daemon, Schedule
from app.service.snapshot import Health, Snapshot, SnapshotHolder
from app.sinks.prometheus.collector import SnapshotCollector, build_registry
from app.telemetry import log_fields
from app.web.app import create_app
from app.web.server import serve

log = logging.getLogger("keysteward")

# SIGTERM to the end: an orchestrator kills after 30 s by default, a person waits less gladly.
STOP_WITHIN = timedelta(seconds=8)


def run_daemon(service: Service) -> NoReturn:
    now, mode = service.clock.now(), service.config.mode.value
    serve_until_stopped(service, Snapshot(version=__version__, mode=mode, started_at=now))
    leave()


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
    stop_on_signals(service.stop)
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
