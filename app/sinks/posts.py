"""What machines are told, as one JSON envelope (docs/webhooks.md): the same for webhooks and SNS."""

from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from app.plan.notice import Notice
from app.plan.summary import RunSummary
from app.sinks.interface import Message
from app.sinks.texts import Texts

SCHEMA = "keysteward.event/1"
# What only this service has a use for: the rest of `Notice` is the documented form.
INTERNAL = frozenset({"refs", "siblings", "next_owners", "snoozable"})

EventName = Literal["notice", "resolved", "run"]


@dataclass(frozen=True, slots=True)
class Post:
    """One thing to tell: a message (a closing too is one), or a run."""

    event: EventName
    message: Message | None = None
    run: RunSummary | None = None

    @property
    def id(self) -> str:
        """Lasts over retries, so that receivers drop repeats. Holds no full stop (Standard Webhooks)."""
        if self.message:
            return self.message.id
        assert self.run  # noqa: S101 - it is one or the other
        return f"run-{self.run.at.astimezone(UTC):%Y%m%dT%H%M%SZ}"

    @property
    def notices(self) -> tuple[Notice, ...]:
        return self.message.notices if self.message else ()

    @property
    def sent_at(self) -> datetime:
        """The present instant; of a run, the run's own."""
        if self.message:
            return self.message.now
        assert self.run  # noqa: S101
        return self.run.at


def closing(notice: Notice, now: datetime) -> Post:
    """Says that a finding is resolved: once an episode."""
    ended = replace(notice, kind="resolved")
    name = f"{notice.finding_id}-{notice.episode}-resolved"
    return Post("resolved", Message(name, notice.owner, (ended,), now))


def envelope(post: Post, texts: Texts) -> dict[str, Any]:
    """The documented form: every key is always there."""
    message = post.message
    return {
        "schema": SCHEMA,
        "id": post.id,
        "event": post.event,
        "sent_at": post.sent_at.isoformat(),
        "recipient": message.recipient if message else "",
        "is_fallback": message.is_fallback if message else False,
        "notices": [_public(notice, texts) for notice in post.notices],
        "run": post.run.to_json() if post.run else None,
    }


def _public(notice: Notice, texts: Texts) -> dict[str, Any]:
    said = replace(notice, headline=texts.headline(notice), reason=texts.reason(notice))
    return {name: value for name, value in said.to_json().items() if name not in INTERNAL}


def cards(post: Post, texts: Texts) -> list[dict[str, Any]]:
    """Each notice as people read it, for templates that are read by people in the end."""
    return [
        {
            **asdict(notice),
            "headline": texts.headline(notice),
            "reason": texts.reason(notice),
            "facts": texts.facts(notice),
            "undo": texts.undo(notice),
            "steps": texts.steps([notice]),
        }
        for notice in post.notices
    ]
