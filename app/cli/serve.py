"""The daemon: cycles on schedule beside the web server. Imported only for it: one cycle does without."""

import logging
import threading
import time
from datetime import timedelta
from typing import NoReturn

from app import __version__
from app.bootstrap import Service, answers
from app.cli.ears import Ears
from app.cli.reload import ConfigSource, Renewal, schedule_of
from app.cli.signals import leave, stop_on_signals, wait_until, wake_on_hangup
from app.service.daemon import Daemon, Setup
from app.service.dossier import LedgerDossiers
from app.service.pause import LivePause
from app.service.refusal import tell_refusal
from app.service.reload import ConfigStatus, Reloader, Watch, watching
from app.service.snapshot import Health, Snapshot, SnapshotHolder
from app.sinks.prometheus.collector import SnapshotCollector, build_registry
from app.telemetry import log_fields
from app.web.app import create_app
from app.web.server import serve
from app.web.signin import sign_in

log = logging.getLogger("keysteward")

# SIGTERM to the end: an orchestrator kills after 30 s by default, a person waits less gladly.
STOP_WITHIN = timedelta(seconds=8)


def run_daemon(service: Service, source: ConfigSource) -> NoReturn:
    now, mode = service.clock.now(), service.config.mode.value
    first = Snapshot(version=__version__, mode=mode, started_at=now)
    serve_until_stopped(service, first, source=source)
    leave()


def serve_until_stopped(
    service: Service, first: Snapshot, listen: str | None = None, source: ConfigSource | None = None
) -> None:
    """Cycles on schedule and answers over HTTP until SIGTERM or SIGINT. ``listen`` overrides the config's.

    ``source`` is what the config is read from again when it changes; None: it never does.
    """
    config, status = service.config, ConfigStatus(service.clock.now())
    holder = SnapshotHolder(first, service.pulse.sweep, (LivePause(service.ledger.paused), status))
    health = Health(time.monotonic, service.ledger.paused, config_loaded=True, remarks=status.remarks)
    calls = service.sessions.calls.snapshot
    collector = SnapshotCollector(holder.get, service.counters, calls, config.metrics.user_label)
    daemon = Daemon(service.parts(), schedule_of(config), holder, health, service.counters)
    web = create_app(
        holder,
        health,
        build_registry(collector),
        public_page=config.http.public_page,
        clock=service.clock,
        dossiers=LedgerDossiers(service.ledger, lambda: daemon.parts.policy, service.clock.now),
        sign_in=sign_in(config.http.auth),
    )
    server = serve(web, listen or config.http.listen)
    stop_on_signals(service.stop)
    daemon.start()
    ears = Ears()
    ears.attend(service.sinks, answers(service, daemon.parts))
    if source:
        _reload(Renewal(service, source, holder, collector, ears), daemon, status)
    log.info("serving", **log_fields(listen=listen or config.http.listen))
    wait_until(service.stop)
    log.info("stopping")
    ears.close()
    ended = daemon.stop(STOP_WITHIN)
    server.stop()
    log.info("stopped", **log_fields(cleanly=ended))


def _reload(renewal: Renewal, daemon: Daemon, status: ConfigStatus) -> None:
    """Reads the config again from now on: when it has changed, and on SIGHUP."""
    reloader: Reloader[Setup] = Reloader(
        Watch(renewal.source.digest),
        status,
        renewal.service.clock,
        renewal.digest,
        renewal.load,
        daemon.renew,
        lambda faults: tell_refusal(daemon.parts, faults),
    )
    daemon.newest = reloader.newest
    wake = threading.Event()
    wake_on_hangup(wake)
    watching(reloader.look, wake, renewal.service.stop)
