"""What an outsider saw: every request that reached AWS, Slack and Jira, and what people read in it."""

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from tests.chaos.clock import TimeMachine
from tests.fakes import adf
from tests.fakes.http import Request

Channel = Literal["aws", "slack", "jira"]
# The round's own template of a notice's facts (`company.py`): what people are told, in a form to compare.
FACTS = (
    "chaos: {{ notice.finding_id }} e{{ notice.episode }} {{ notice.stage }}/{{ notice.occurrence }} "
    '{{ notice.kind }} {{ notice.act or "-" }} {{ notice.act_at | json }} : {{ notice.headline }}'
)
_TOLD = re.compile(r'(KS-\w+) e(\d+) ([\w-]+)/(\d+) (\w+) ([\w-]+) (?:"([^"]+)"|null) : (.*)')
_DELETED_ON = re.compile(r"it will be deleted on (\d+ \w+ \d+)")


@dataclass(frozen=True, slots=True)
class Told:
    """One notice as its reader got it. ``names``: the day of the act that it warns of."""

    finding: str
    episode: int
    stage: str
    occurrence: int
    kind: str
    names: datetime | None

    @property
    def key(self) -> tuple[str, int, str, int, str]:
        return (self.finding, self.episode, self.stage, self.occurrence, self.kind)


@dataclass(frozen=True, slots=True)
class Seen:
    """One request that took effect. ``real`` is this machine's time, ``at`` the round's.

    ``arrived``: when it reached the door, by this machine's time; what is slow takes effect later.
    ``before``: the status of the key that it is about, until then.
    """

    real: float
    at: datetime
    arrived: float
    place: int
    life: int
    channel: Channel
    what: str
    subject: str  # the user and key, the channel, the ticket
    is_write: bool
    told: tuple[Told, ...] = ()
    before: str = ""

    @property
    def who(self) -> str:
        """As the ledger names a holder."""
        return f"{self.place}.{self.life}"


@dataclass
class Witness:
    """Remembers, in the order in which things took effect."""

    machine: TimeMachine
    seen: list[Seen] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(
        self,
        who: tuple[int, int],
        arrived: float,
        channel: Channel,
        what: str,
        subject: str,
        is_write: bool,
        told: tuple[Told, ...] = (),
        before: str = "",
    ) -> None:
        with self.lock:
            now = self.machine.now()
            about = Seen(time.time(), now, arrived, *who, channel, what, subject, is_write, told, before)
            self.seen.append(about)

    def writes(self) -> list[Seen]:
        with self.lock:
            return [it for it in self.seen if it.is_write]


def told_in_slack(body: dict[str, Any]) -> tuple[Told, ...]:
    return tuple(_read("\n".join(_texts(body.get("blocks", [])))))


def told_in_jira(request: Request) -> tuple[Told, ...]:
    """In a new ticket's description, or a comment."""
    body = request.body.get("body") or request.body.get("fields", {}).get("description")
    return tuple(_read(adf.text(body))) if body else ()


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("text"), str):
            yield node["text"]
        for inner in node.values():
            yield from _texts(inner)
    if isinstance(node, list):
        for inner in node:
            yield from _texts(inner)


def _read(text: str) -> Iterator[Told]:
    for found in _TOLD.finditer(text):
        finding, episode, stage, occurrence, kind, _, at, headline = found.groups()
        names = _promised(headline) if kind == "done" else at and datetime.fromisoformat(at)
        yield Told(finding, int(episode), stage, int(occurrence), kind, names or None)


def _promised(headline: str) -> datetime | None:
    """After a deactivation the day of the deletion is told in words."""
    found = _DELETED_ON.search(headline)
    return datetime.strptime(found[1], "%d %b %Y").replace(tzinfo=UTC) if found else None
