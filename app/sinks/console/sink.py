"""The console sink: each message as its reader would see it, in Slack or as a ticket in Jira."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from rich.console import Console, RenderableType

from app.plan.notice import Notice
from app.plan.summary import RunSummary
from app.sinks.base import TellingSink
from app.sinks.console.looks import Looks
from app.sinks.interface import Grouping, Message, Receipt
from app.sinks.texts import Texts


class ConsoleSink(TellingSink):
    """Prints to ``console``. With ``look="jira"`` it behaves like the Jira sink: one ticket a finding."""

    def __init__(
        self,
        name: str,
        console: Console,
        texts: Texts,
        counts: bool = False,
        look: Literal["slack", "jira"] = "slack",
    ) -> None:
        self.name = name
        self.tickets = look == "jira"
        self.grouping: Grouping = "finding" if self.tickets else "owner"
        self._looks = Looks(texts)
        self._console = console
        self._counts = counts
        self._tickets = 0
        self._closed: set[str] = set()

    def send(self, message: Message) -> Receipt:
        """Delivered once it is printed."""
        refs = self._as_ticket(message) if self.tickets else self._as_message(message)
        return Receipt(message.recipient, self._counts, refs)

    def resolve(self, notice: Notice, now: datetime) -> Receipt | None:
        key = notice.refs.get("key")
        if not self.tickets or not key:
            return None
        self._closed.add(key)
        self._print(self._looks.ticket_event(key, "closed", notice, now))
        return Receipt(notice.owner, False, notice.refs)

    def report(self, summary: RunSummary) -> bool:
        """Alerts only: whoever watches the console sees the rest."""
        for alert in summary.alerts:
            self._print(self._looks.alert(alert, summary.at))
        return bool(summary.alerts)

    def _as_message(self, message: Message) -> Mapping[str, str]:
        self._print(self._looks.slack_message(message))
        return {}

    def _as_ticket(self, message: Message) -> Mapping[str, str]:
        notice = message.notices[0]
        key = notice.refs.get("key")
        if not key:
            key = self._next_key()
            self._print(self._looks.ticket(key, notice, message))
        else:
            event: Literal["reopened", "commented"] = "reopened" if key in self._closed else "commented"
            self._closed.discard(key)
            self._print(self._looks.ticket_event(key, event, notice, message.now))
        return {"key": key}

    def _next_key(self) -> str:
        self._tickets += 1
        return f"KEYS-{self._tickets}"

    def _print(self, shown: RenderableType) -> None:
        self._console.print(shown)
