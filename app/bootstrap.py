"""The composition root: the only place where concrete classes meet."""

import os
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import BaseModel, SecretStr

from app.accounts.combined import CombinedAccounts
from app.accounts.contacts import ContactCache, WithContacts
from app.accounts.current import CurrentAccount
from app.accounts.interface import AccountList, AccountSource
from app.accounts.organizations import OrganizationAccounts, Selection
from app.accounts.remembered import RememberedAccounts
from app.accounts.static import StaticAccounts
from app.clock import Clock, FixedClock, SystemClock
from app.config.accounts import OrganizationSettings
from app.config.asks import asks_for_account_tags, asks_for_units, own_keys
from app.config.audit import AuditSettings
from app.config.load import find_config, load_config
from app.config.owners import wanted_contacts
from app.config.schema import Config, ScanSettings
from app.errors import ConfigError, KeystewardError, LedgerError, NoLedger
from app.inventory.actor import IamKeyActor
from app.inventory.api import Pace
from app.inventory.callers import CloudTrailCallers
from app.inventory.iam import IamScanner
from app.inventory.scan import Fleet
from app.inventory.secrets import read_secret, value_at
from app.inventory.sessions import Limits as AwsLimits
from app.inventory.sessions import Sessions
from app.inventory.users import IamLiveReader
from app.ledger.interface import Archive, Ledger
from app.ledger.memory import MemoryLedger
from app.ledger.open import open_ledger
from app.ledger.s3 import S3Archive
from app.model import Mode
from app.service.parts import Parts
from app.service.pause import unless_paused
from app.service.press import Limits, handler
from app.service.pulse import Pulse
from app.sinks.interface import Sink
from app.sinks.presses import Handler
from app.sinks.registry import sink_type
from app.telemetry import Counters, redactor

if TYPE_CHECKING:
    from app.sinks.tools import Tools

REHEARSAL_ADVICE = "a rehearsal runs against a stand-in for AWS: set AWS_ENDPOINT_URL to it"


@dataclass
class Service:
    """Everything one process shares: the config, the sessions with AWS, the ledger, the sinks."""

    config: Config
    clock: Clock
    sessions: Sessions
    ledger: Ledger
    sinks: Mapping[str, Sink] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)
    stop: threading.Event = field(default_factory=threading.Event)
    rehearsal: bool = False
    contacts: ContactCache = field(default_factory=ContactCache)
    pulse: Pulse = field(init=False)

    def __post_init__(self) -> None:
        self.pulse = Pulse(self.sessions.calls.total, self.clock)

    def parts(self) -> Parts:
        """What one run is made of."""
        accounts = RememberedAccounts(ConfiguredAccounts(self.config, self.sessions, self.contacts))
        return Parts(
            policy=self.config.policy(),
            limits=self.config.limits(),
            clock=self.clock,
            ledger=self.ledger,
            accounts=accounts,
            known_account=accounts.get,
            fleet=Fleet(IamScanner(self.sessions), self.config.scan.concurrency, self.sessions.pace),
            reader=IamLiveReader(self.sessions),
            actor=IamKeyActor(self.sessions),
            hub=self.sessions.identity,
            sinks=self.sinks,
            callers=CloudTrailCallers(self.sessions) if self.config.evidence.callers else None,
            archive=_archive(self.config.audit),
            aws_clock=None if self.rehearsal else self.sessions.aws_clock,
            counts=self.counters,
            progress=self.pulse,
            stop=self.stop,
            holder=f"{socket.gethostname()}:{os.getpid()}",
            config_hash=self.config.hash,
            own_keys=own_keys(self.config),
            shown_characters=self.config.shown_characters,
        )


@dataclass(frozen=True)
class ConfiguredAccounts:
    """`AccountSource` by the config. Who the hub is gets asked only when the list is wanted."""

    config: Config
    sessions: Sessions
    contacts: ContactCache

    def list(self) -> AccountList:
        source = self._source()
        wanted = wanted_contacts(self.config.policy().owners)
        if wanted:
            hub = self.sessions.identity().account_id
            source = WithContacts(source, self.sessions.contacts(), wanted, hub, self.contacts)
        return source.list()

    def _source(self) -> AccountSource:
        wanted = self.config.accounts
        by_hand = tuple(account.domain() for account in wanted.static)
        if wanted.organization:
            return CombinedAccounts(self._organization(wanted.organization), by_hand)
        return StaticAccounts(by_hand) if by_hand else CurrentAccount(self._whoami)

    def _whoami(self) -> tuple[str, str]:
        hub = self.sessions.identity()
        return hub.account_id, hub.partition

    def _organization(self, wanted: OrganizationSettings) -> OrganizationAccounts:
        hub = self.sessions.identity()
        selection = Selection(
            role_name=wanted.role_name,
            actor_role_name=wanted.actor_role_name,
            external_id=wanted.external_id,
            include_ous=frozenset(wanted.include_ous),
            exclude_ous=frozenset(wanted.exclude_ous),
            exclude_accounts=frozenset(wanted.exclude_accounts),
            with_units=asks_for_units(self.config),
            with_tags=asks_for_account_tags(self.config),
        )
        api = self.sessions.organizations()
        return OrganizationAccounts(api, selection, hub.account_id, hub.partition)


def read_config(option: Path | None, env: Mapping[str, str], cwd: Path, now: datetime) -> Config:
    """The effective config. Raises `ConfigError`. Its secrets are masked in every log from here on."""
    return read_again(find_config(option, env, cwd), env, now, None)


def read_again(path: Path | None, env: Mapping[str, str], now: datetime, running: Config | None) -> Config:
    """The same from the file at ``path``, and no other; beside the config that is in force, if one is."""
    config = load_config(path, env, now=now, resolver=secret_from_aws, running=running)
    for secret in _secrets(config):
        redactor.add(secret)
    return config


def _secrets(config: Config) -> list[str]:
    found = _passwords(config.ledger_url) + config.http.secrets
    for settings in config.sinks.values():
        assert isinstance(settings, BaseModel)  # noqa: S101 - the config's validator made it one
        for name in type(settings).model_fields:
            value = getattr(settings, name)
            values = value.values() if isinstance(value, Mapping) else [value]
            found += [secret.get_secret_value() for secret in values if isinstance(secret, SecretStr)]
    return found


def _passwords(url: str) -> list[str]:
    """Of a ledger: as its URL has it, and as it is."""
    parts = urlsplit(url)
    found = [parts.password or "", *parse_qs(parts.query).get("password", ())]
    return [form for password in found for form in (password, unquote(password))]


def secret_from_aws(reference: str) -> str:
    """Reads ``NAME`` or ``NAME#KEY`` from AWS Secrets Manager with the hub's credentials."""
    name, _, key = reference.partition("#")
    try:
        text = read_secret(name)
        return value_at(key, text) if key else text
    except KeystewardError as error:
        raise ConfigError(f"the secret {name} can't be read: {error}") from None
    except Exception as error:
        raise ConfigError(f"the secret {name} can't be read: {type(error).__name__}") from None


def _archive(wanted: AuditSettings) -> Archive | None:
    s3 = wanted.s3
    return S3Archive(s3.bucket, s3.prefix, s3.retain, s3.lock, s3.region) if s3 else None


def build_sinks(config: Config, ledger: Ledger) -> dict[str, Sink]:
    """The configured sinks; none in `observe`, which tells nobody anything."""
    if config.mode is Mode.OBSERVE:
        return {}
    tools = sink_tools(config, unless_paused(ledger))
    return {name: _build_sink(name, settings, tools) for name, settings in config.sinks.items()}


def answers(service: Service, parts: Parts) -> Handler:
    """What becomes of presses of buttons."""
    wanted = service.config.buttons
    return handler(parts, Limits(frozenset(wanted.admins), wanted.restore_within))


def sink_tools(config: Config, before_sending: Callable[[], None] = lambda: None) -> "Tools":
    """What every sink is handed: how to wait, and the user's texts."""
    from app.sinks.texts import Texts
    from app.sinks.tools import Tools
    from app.sinks.waits import Waits

    return Tools(Waits(before_sending=before_sending), Texts(config.templates))


def _build_sink(name: str, settings: Any, tools: "Tools") -> Sink:
    return sink_type(settings.type).build(name, settings, tools)


def connect(scan: ScanSettings) -> tuple[Sessions, threading.Event]:
    """Sessions with AWS, and the event that ends all their waiting."""
    stop = threading.Event()
    return Sessions(_aws_limits(scan), Pace(stop=stop)), stop


def reconnect(sessions: Sessions, scan: ScanSettings) -> Sessions:
    """New ones in the place of ``sessions``: counts and the end of all waiting are the same."""
    return Sessions(_aws_limits(scan), sessions.pace, calls=sessions.calls)


def _aws_limits(scan: ScanSettings) -> AwsLimits:
    return AwsLimits(connections=scan.concurrency, per_second=scan.requests_per_second)


def open_service(config: Config) -> Service:
    """A service for real: refuses a ledger of rehearsals. Raises `ConfigError` or `LedgerError`."""
    sessions, stop = connect(config.scan)
    ledger = open_ledger(config.ledger_url, term=config.lease)
    if ledger.rehearsal():
        raise ConfigError("ledger: it belongs to rehearsals (run --at): name another for normal runs")
    return Service(config, SystemClock(), sessions, ledger, build_sinks(config, ledger), stop=stop)


def open_rehearsal(config: Config, at: datetime) -> Service:
    """A service at a made-up instant. It needs a stand-in for AWS and a ledger of its own."""
    sessions, stop = connect(config.scan)
    if not sessions.endpoint_overridden():
        raise ConfigError(f"run --at: {REHEARSAL_ADVICE}")
    ledger = open_ledger(config.ledger_url, term=config.lease)
    try:
        ledger.mark_rehearsal(at)
    except LedgerError as error:
        raise ConfigError(f"run --at: {error}") from None
    sinks = build_sinks(config, ledger)
    return Service(config, FixedClock(at), sessions, ledger, sinks, stop=stop, rehearsal=True)


def open_for_change(config: Config, at: datetime | None) -> Service:
    """For commands that change something. In a ledger of rehearsals, now is its last run.

    Raises `NoLedger` where there is none.
    """
    sessions, stop = connect(config.scan)
    ledger = open_ledger(config.ledger_url, create=False, term=config.lease)
    rehearsal = ledger.rehearsal()
    if at and not rehearsal:
        raise ConfigError("--at: only in a ledger of rehearsals (run --at)")
    last = ledger.frame().last_run if rehearsal else None
    clock: Clock = FixedClock(at or (last.at if last else rehearsal)) if rehearsal else SystemClock()
    return Service(config, clock, sessions, ledger, stop=stop, rehearsal=rehearsal is not None)


def open_for_looking(config: Config, at: datetime | None) -> Service:
    """For commands that write nothing: the ledger is read where there is one."""
    sessions, stop = connect(config.scan)
    try:
        ledger: Ledger = open_ledger(config.ledger_url, create=False, term=config.lease)
    except NoLedger:
        ledger = MemoryLedger()
    clock: Clock = FixedClock(at) if at else _clock_of(ledger)
    return Service(config, clock, sessions, ledger, _sinks_without_secrets(config), stop=stop, rehearsal=True)


def _clock_of(ledger: Ledger) -> Clock:
    last = ledger.frame().last_run if ledger.rehearsal() else None
    return FixedClock(last.at) if last else SystemClock()


def _sinks_without_secrets(config: Config) -> dict[str, Sink]:
    """What looking ahead needs of the sinks: a missing token is no obstacle to that."""
    if config.mode is Mode.OBSERVE:
        return {}
    found, tools = {}, sink_tools(config)
    for name, settings in config.sinks.items():
        try:
            found[name] = _build_sink(name, settings, tools)
        except ConfigError:
            continue
    return found
