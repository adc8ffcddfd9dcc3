"""Seven weeks of the service's life, a day at a time, and the daemon that goes on from there."""

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from app.bootstrap import Service, connect
from app.config.load import load_config
from app.config.schema import Config
from app.demo.fleet import Organization
from app.demo.mailbox import Mailbox
from app.demo.timeline import Timeline
from app.ledger.open import open_ledger
from app.service import changes
from app.service.run_once import RunReport, run_once
from app.sinks.console.sink import ConsoleSink
from app.sinks.texts import Texts

DAYS = 49
ON_CALL = "on-call@example.com"


class DemoClock:
    """Stands still during a simulated day; after the walk it goes on from there at its natural pace."""

    def __init__(self, instant: datetime, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._instant, self._monotonic = instant, monotonic
        self._since: float | None = None

    def now(self) -> datetime:
        passed = 0.0 if self._since is None else self._monotonic() - self._since
        return self._instant + timedelta(seconds=passed)

    def set(self, instant: datetime) -> None:
        self._instant = instant

    def go(self) -> None:
        self._since = self._monotonic()


@dataclass
class Walk:
    """The demo's parts: the real service over a fake AWS, with a clock and a console of its own."""

    start: datetime
    organization: Organization
    service: Service
    clock: DemoClock
    mailboxes: Mapping[str, Mailbox]
    timeline: Timeline
    _events: int = 0

    def run(self, console: Console) -> RunReport:
        """The whole walk; returns the last day's report."""
        bar = Progress(
            TextColumn("[bold]Simulating"),
            BarColumn(),
            TextColumn("day {task.completed:.0f} of {task.total:.0f}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        with bar:
            for day in bar.track(range(DAYS), description="walk"):
                report = self._day(day)
        return report

    def _day(self, day: int) -> RunReport:
        now = self.start + timedelta(days=day)
        self.clock.set(now)
        self.timeline.begin(day)
        self.organization.work(now)
        self._people(day, now)
        report = run_once(self.service.parts())
        self._tell(report)
        return report

    def _people(self, day: int, now: datetime) -> None:
        """What people do meanwhile."""
        script: Mapping[int, Callable[[], None]] = {
            6: lambda: self._rotates("maria.gomez", now),
            9: lambda: self._rotates("ann.lee", now),
            19: lambda: self._restores("ci-deploy", "the nightly release failed: it still used this key"),
            29: lambda: self._rotates("ci-deploy", now),
        }
        if day in script:
            script[day]()

    def _rotates(self, name: str, now: datetime) -> None:
        self.organization.rotate(name, now)
        self.timeline.people(f"{name} made a new key and deleted the old one")

    def _restores(self, name: str, reason: str) -> None:
        self.timeline.people(f"the on-call runs: keysteward restore {name} --reason '{reason}'")
        changes.restore(self.service.parts(), name, ON_CALL, reason)

    def _tell(self, report: RunReport) -> None:
        events = list(self.service.ledger.events())
        heard = [item for mailbox in self.mailboxes.values() for item in mailbox.heard]
        for mailbox in self.mailboxes.values():
            mailbox.heard.clear()
        self.timeline.users.update((item.notice.finding_id, item.notice.user) for item in heard)
        self.timeline.heard(heard)
        self.timeline.events(events[self._events :])
        self._events = len(events)
        self.timeline.report(report)


def prepare(folder: Path, console: Console, everything: bool, today: datetime) -> Walk:
    """Puts the parts together: what `bootstrap.py` does, with the demo's clock and sinks.

    The walk ends ``today``, so that the service can go on from there in real time.
    """
    start = today - timedelta(days=DAYS - 1)
    config = _config(folder, start)
    sessions, stop = connect(config.scan)
    ledger = open_ledger(config.ledger_url)
    ledger.mark_rehearsal(start)
    clock = DemoClock(start)
    timeline = Timeline(console, start)
    mailboxes = {name: _mailbox(name, timeline, everything) for name in config.sinks}
    service = Service(config, clock, sessions, ledger, mailboxes, stop=stop, rehearsal=True)
    return Walk(start, Organization(start), service, clock, mailboxes, timeline)


def _config(folder: Path, start: datetime) -> Config:
    path = folder / "config.yaml"
    text = files("app.demo").joinpath("policy.yaml").read_text()
    path.write_text(f"{text}ledger: sqlite:///{folder / 'ledger.db'}\n")
    return load_config(path, {}, now=start)


def _mailbox(name: str, timeline: Timeline, everything: bool) -> Mailbox:
    console = timeline.console
    inner = ConsoleSink(name, console, Texts(), counts=True, look="jira" if name == "jira" else "slack")
    return Mailbox(inner, console, timeline.heading, everything)


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="keysteward-demo-")
