"""A replica: the real service in a forked child, its time dilated, its orders on a line.

What a daemon's scheduler calls is called here at a word, so that a round decides when its days begin; the
watch over a silent leader is the replica's own.
"""

import json
import os
import select
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn, cast

import botocore.session
from botocore.config import Config as SdkConfig

from app.bootstrap import Service, read_again, read_config, sink_tools
from app.cli.reload import renewed
from app.config.schema import Config
from app.errors import ConfigError, KeystewardError
from app.inventory.api import Pace
from app.inventory.sessions import Limits, Sessions
from app.ledger.interface import Lease, Ledger
from app.ledger.open import open_ledger
from app.model import Mode
from app.service import changes
from app.service.approve import approve
from app.service.parts import Parts
from app.service.pause import unless_paused
from app.service.retry import retry_failed
from app.service.run_once import run_once
from app.sinks.interface import Sink
from app.sinks.registry import sink_type
from app.telemetry import configure_logging
from tests.chaos.clock import PACE, TERM, ReplicaClock, TimeMachine, monotonic, real, sleep

# What the service imports only when it is needed.
LATE = (
    "app.ledger.dynamodb.ledger",
    "app.ledger.postgres",
    "app.ledger.sqlite",
    "app.sinks.check_texts",
    "app.sinks.jira.sink",
    "app.sinks.slack.sink",
    "jinja2.sandbox",
    "sqlalchemy.dialects.postgresql.psycopg",
)
WATCH_EVERY = max(1.0, 0.15 * PACE)  # service seconds; the daemon's own is 1 s


class DilatedSessions(Sessions):
    """Its time-outs are service seconds."""

    def _config(self, name: str) -> SdkConfig:
        config: Any = super()._config(name)
        wait = SdkConfig(connect_timeout=real(config.connect_timeout), read_timeout=real(config.read_timeout))
        return cast(SdkConfig, config.merge(wait))


class DilatedLedger:
    """`Ledger` whose lease tells service seconds."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    @contextmanager
    def lease(self, holder: str, wait: timedelta) -> Iterator[Lease | None]:
        with self._ledger.lease(holder, wait / PACE) as lease:
            yield lease and Lease(lease.epoch, lambda: lease.remaining() * PACE)


@dataclass(frozen=True)
class Body:
    """What a child does, over what it inherits from the zygote."""

    machine: TimeMachine
    hub: Any = field(default_factory=botocore.session.Session)

    def warm(self) -> None:
        """What every start would read from disk, read once."""
        for module in LATE:
            import_module(module)
        loader = self.hub.get_component("data_loader")
        for service in ("iam", "sts", "dynamodb"):
            loader.load_service_model(service, "service-2")
            loader.load_service_model(service, "endpoint-rule-set-1")
        for name in ("partitions", "endpoints", "sdk-default-configuration"):
            loader.load_data(name)

    def __call__(self, settings: dict[str, Any], line: socket.socket) -> NoReturn:
        code = 70
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a person's Ctrl-C is the worker's
            os.environ.update(settings["env"])
            with Path(settings["log"]).open("a") as log:
                os.dup2(log.fileno(), 2)
                configure_logging("warning", json=False, stream=log)
                code = _obeyed(self, settings, line)
        except KeystewardError as error:  # no ledger to begin with: whoever starts replicas starts it again
            code = _refused(error, line)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)


def _refused(error: KeystewardError, line: socket.socket) -> int:
    told = {"order": "start", "outcome": "refused", "said": str(error)}
    with suppress(OSError):
        line.sendall(json.dumps(told).encode() + b"\n")
    return 3


def _obeyed(body: Body, settings: dict[str, Any], line: socket.socket) -> int:
    setup = build(body, settings)
    if settings.get("command"):
        return _command(setup.parts, settings["command"], line)
    Turns(setup, line).run()
    return 0


def build(body: Body, settings: dict[str, Any]) -> "Setup":
    """As `app/bootstrap.py` does it, with dilated time."""
    clock, stop = ReplicaClock(body.machine, settings["place"]), threading.Event()
    path = Path(settings["config"])
    read = path.read_bytes()
    config = read_config(path, os.environ, Path("/"), clock.now())
    limits = Limits(connections=config.scan.concurrency)
    pace = Pace(stop=stop, sleep=lambda seconds: stop.wait(real(seconds)), monotonic=monotonic)
    true_time = lambda: body.machine.now().timestamp()  # noqa: E731 - days that pass at a word, too
    sessions = DilatedSessions(limits, pace, clock=clock, elapsed=true_time, hub=body.hub)
    term = timedelta(seconds=real(TERM))
    ledger = cast(Ledger, DilatedLedger(open_ledger(config.ledger_url, create=False, term=term)))
    service = Service(config, clock, sessions, ledger, _sinks(config, ledger), stop=stop)
    return Setup(path, read, service, settings["name"])


def _sinks(config: Config, ledger: Ledger) -> dict[str, Sink]:
    if config.mode is Mode.OBSERVE:
        return {}
    tools = sink_tools(config, unless_paused(ledger))
    tools = replace(tools, waits=replace(tools.waits, sleep=sleep, monotonic=monotonic))
    settings: dict[str, Any] = dict(config.sinks)
    return {name: sink_type(its.type).build(name, its, tools) for name, its in settings.items()}


@dataclass
class Setup:
    """What is in force. ``read``: the config's file as it was last read."""

    path: Path
    read: bytes
    service: Service
    holder: str

    def __post_init__(self) -> None:
        self.parts = self._parts()

    def renew(self) -> None:
        """Before each cycle, as `app/cli/reload.py` does it: a broken config changes nothing."""
        present = self.path.read_bytes()
        if present == self.read:
            return
        self.read, old = present, self.service
        try:
            config = read_again(self.path, os.environ, old.clock.now(), old.config)
        except ConfigError:
            return
        self.service = replace(renewed(old, config), sinks=_sinks(config, old.ledger))
        self.parts = self._parts()

    def _parts(self) -> Parts:
        return replace(self.service.parts(), holder=self.holder, monotonic=monotonic)


@dataclass
class Turns:
    """Does what it is told, one order after the other, and watches in between."""

    setup: Setup
    line: socket.socket

    def run(self) -> None:
        self._tell(order="start", outcome="ready")
        while True:
            heard, _, _ = select.select([self.line], [], [], real(WATCH_EVERY))
            if not heard:
                self._watch()
                continue
            orders = self.line.recv(4096).decode().split()
            if not orders or orders[-1] == "quit":
                return
            self._turn(orders[-1])

    def _watch(self) -> None:
        try:
            orphaned = self.setup.parts.ledger.orphaned()
        except KeystewardError:
            return  # tried again in a moment
        if orphaned:
            self._turn("watch")

    def _turn(self, order: str) -> None:
        """Whatever happens inside, the next one comes."""
        try:
            told = self._retry() if order == "retry" else self._cycle()
        except KeystewardError as error:
            told = {"outcome": "failed", "failures": [str(error)]}
        except Exception:
            told = {"outcome": "broken", "failures": [traceback.format_exc()]}
        self._tell(order=order, **told)

    def _cycle(self) -> dict[str, Any]:
        self.setup.renew()
        report = run_once(self.setup.parts)
        return {"outcome": report.outcome, "failures": report.failures}

    def _retry(self) -> dict[str, Any]:
        retry_failed(self.setup.parts)
        return {"outcome": "retried", "failures": []}

    def _tell(self, **told: Any) -> None:
        self.line.sendall(json.dumps(told).encode() + b"\n")


def _command(parts: Parts, command: list[str], line: socket.socket) -> int:
    """What a person does on a command line beside the replicas; says what came of it."""
    verb, key, by = command[0], command[1], "ann@example.com"
    week = timedelta(days=7)
    known: dict[str, Callable[[], str]] = {
        "pause": lambda: changes.pause(parts, by, "chaos"),
        "resume": lambda: changes.resume(parts, by),
        "snooze": lambda: changes.snooze(parts, key, week, by, "chaos"),
        "restore": lambda: changes.restore(parts, key, by, "chaos"),
        "approve": lambda: _approved(parts, by),
    }
    try:
        told = {"outcome": "done", "said": known[verb]()}
    except KeystewardError as error:
        told = {"outcome": "refused", "said": str(error)}
    line.sendall(json.dumps(told).encode() + b"\n")
    return 0


def _approved(parts: Parts, by: str) -> str:
    """The plan that the brake held last."""
    held = max(parts.ledger.held_plans(), key=lambda plan: plan.last_held_at, default=None)
    return approve(parts, held.id, by, "chaos").plan.short if held else "no plan is held"
