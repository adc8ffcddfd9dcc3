"""The demo's sinks: the console sink, with an ear for the timeline and an eye for what to show in full."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from rich.console import Console

from app.plan.notice import Notice
from app.plan.summary import RunSummary
from app.sinks.console.sink import ConsoleSink
from app.sinks.interface import Grouping, Message, Receipt

T = TypeVar("T")


@dataclass(frozen=True)
class Heard:
    """One notice that was delivered, or one ticket that was closed."""

    sink: str
    what: str  # the stage's name, or "closed"
    notice: Notice
    ticket: str = ""


@dataclass
class Mailbox:
    """A `Sink`: shows the first message of each kind whole, and remembers all of them."""

    inner: ConsoleSink
    console: Console
    heading: Callable[[], None]  # the day's, printed before its first message
    everything: bool = False
    heard: list[Heard] = field(default_factory=list)
    _shown: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.name = self.inner.name
        self.grouping: Grouping = self.inner.grouping
        self.tickets, self.insists = self.inner.tickets, self.inner.insists

    @property
    def fallback(self) -> str | None:
        return self.inner.fallback

    def send(self, message: Message) -> Receipt:
        worst = message.notices[0]
        receipt = self._perhaps_shown(worst.kind, worst.stage, lambda: self.inner.send(message))
        for notice in message.notices:
            self.heard.append(Heard(self.name, notice.stage, notice, receipt.refs.get("key", "")))
        return receipt

    def resolve(self, notice: Notice, now: datetime) -> Receipt | None:
        receipt = self._perhaps_shown("resolved", "", lambda: self.inner.resolve(notice, now))
        if receipt:
            self.heard.append(Heard(self.name, "closed", notice, notice.refs.get("key", "")))
        return receipt

    def closed(self, now: datetime) -> frozenset[str]:
        return self.inner.closed(now)

    def report(self, summary: RunSummary) -> bool:
        """The timeline tells the same."""
        return False

    def _perhaps_shown(self, kind: str, stage: str, send: Callable[[], T]) -> T:
        hidden = not self.everything and (kind, stage) in self._shown
        self._shown.add((kind, stage))
        if not hidden:
            self.heading()
        self.console.quiet = hidden
        try:
            return send()
        finally:
            self.console.quiet = False
