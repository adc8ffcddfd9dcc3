"""The daemon's config, read again while it runs: what of the service is made anew, and what goes on."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from app.bootstrap import Service, answers, build_sinks, read_again, reconnect
from app.cli.ears import Ears
from app.config.load import check_config
from app.config.schema import Config
from app.config.watched import fingerprint
from app.errors import LedgerError
from app.service.daemon import Schedule, Setup
from app.service.parts import Parts
from app.service.refusal import note_reload
from app.service.snapshot import SnapshotHolder
from app.sinks.interface import Closing
from app.sinks.prometheus.collector import SnapshotCollector
from app.telemetry import log_fields

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """Where the config was read from when the service started, and is read from again."""

    path: Path | None  # None: there is no file
    env: Mapping[str, str]
    digest: str  # of what was read then (`fingerprint`)


@dataclass
class Renewal:
    """Makes the setup of a newly read config ready, and brings it into force. ``service`` is in force now."""

    service: Service
    source: ConfigSource
    holder: SnapshotHolder
    collector: SnapshotCollector
    ears: Ears

    def digest(self) -> str:
        return fingerprint(self.source.path, self.source.env, self.service.config)

    def load(self) -> Setup:
        """Raises `ConfigError`, also when a sink lacks its secret. What is in force has not changed then."""
        now, path, env = self.service.clock.now(), self.source.path, self.source.env
        config = read_again(path, env, now, self.service.config)
        new = renewed(self.service, config)
        for doubt in check_config(path, env, now=now):
            log.warning("config", **log_fields(doubt=str(doubt)))
        parts = new.parts()
        return Setup(parts, schedule_of(config), lambda: self._enter(new, parts))

    def _enter(self, new: Service, parts: Parts) -> None:
        old, self.service = self.service, new
        logging.getLogger().setLevel(new.config.log_level.upper())
        self.collector.user_label = new.config.metrics.user_label
        self.holder.update(lambda last: replace(last, mode=new.config.mode.value))
        self.ears.attend(new.sinks, answers(new, parts))
        _retire(old, new)
        if new.config.ledger_url != old.config.ledger_url:
            log.warning("the ledger's new login is used after a restart")
        try:
            note_reload(parts)
        except LedgerError as error:
            log.warning("the reload is not in the audit trail", **log_fields(reason=str(error)))


def renewed(service: Service, config: Config) -> Service:
    """``service`` under another config. Raises `ConfigError`, with nothing changed.

    What the config leaves as it was goes on: the ledger, the counts, sessions with AWS, and sinks with all
    they know of rates and people.
    """
    same = config.scan == service.config.scan
    sessions = service.sessions if same else reconnect(service.sessions, config.scan)
    sinks = {
        name: service.sinks[name] if _is_as_it_was(service, config, name) else sink
        for name, sink in build_sinks(config, service.ledger).items()
    }
    new = replace(service, config=config, sessions=sessions, sinks=sinks)
    new.pulse = service.pulse
    return new


def _is_as_it_was(service: Service, config: Config, name: str) -> bool:
    """Whose texts are the user's own is made anew: they may have changed."""
    own_texts = config.templates or service.config.templates
    unchanged = service.config.sinks.get(name) == config.sinks[name]
    return name in service.sinks and unchanged and not own_texts


def _retire(old: Service, new: Service) -> None:
    """Hangs up what ``old`` doesn't share with its successor."""
    for name, sink in old.sinks.items():
        if new.sinks.get(name) is not sink and isinstance(sink, Closing):
            sink.close()
    if new.sessions is not old.sessions:
        old.sessions.close()


def schedule_of(config: Config) -> Schedule:
    wanted = config.schedule
    return Schedule(wanted.every, wanted.spread, wanted.cron, wanted.timezone)
