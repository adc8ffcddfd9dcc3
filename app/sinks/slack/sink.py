"""The Slack sink: a direct message to the owner, or a post in a channel.

It posts to the user's id, which opens the direct message with chat:write alone. Only the search after an
ambiguous post needs im:write and im:history; without them the message is posted once more.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.errors import Ambiguous, Permanent, RecipientLeft, Transient
from app.sinks.base import TellingSink
from app.sinks.interface import Message, Receipt
from app.sinks.presses import Handler, Listening
from app.sinks.secrets import required
from app.sinks.slack.api import MissingScope, SlackApi
from app.sinks.slack.blocks import Page, pages
from app.sinks.slack.settings import SlackSettings
from app.sinks.tools import Tools
from app.sinks.waits import Waits

EVENT = "keysteward_notice"
USER_LIFETIME = timedelta(hours=6)
SECONDS_PER_POST = 1.0  # docs.slack.dev: about one message a second and channel


class SlackSink(TellingSink):
    """One workspace. A digest is one message, with replies in its thread when it is long."""

    def __init__(self, name: str, settings: SlackSettings, tools: Tools) -> None:
        self.name = name
        self._settings = settings
        self._texts = tools.texts
        token = required(name, "token", settings.token)
        self._api = SlackApi(token, settings.base_url, settings.timeout, tools.waits)
        self._pace = _Pace(tools.waits)
        self._users: dict[str, tuple[datetime, str]] = {}

    def listen(self, handler: Handler) -> Listening | None:
        """Hears buttons over Socket Mode; None without an app token: messages then have no buttons."""
        if self._settings.app_token is None:
            return None
        from app.sinks.slack.socket import SlackSocket  # its websocket client is only needed here

        token = self._settings.app_token.get_secret_value().strip()
        return SlackSocket(token, self._settings.base_url, self._settings.timeout, self._api, handler)

    @property
    def fallback(self) -> str | None:
        return self._settings.channel

    def send(self, message: Message) -> Receipt:
        """Delivered means: every page has arrived. Raises as `Sink` says."""
        target = self._target(message)
        thread = self._find(message, target) if message.maybe_sent else None
        thread = thread or _Thread(target)
        for page in pages(message, self._texts):
            if not thread.told.issuperset(page.findings) or thread.ts is None:
                self._post(message, thread, page)
        refs = {"channel": thread.channel, "ts": thread.ts or ""}
        return Receipt(message.recipient, self._settings.counts, refs)

    def _target(self, message: Message) -> str:
        """What to post to: a channel as it stands, or the id of the user with this address."""
        return self._user(message.recipient, message.now) if "@" in message.recipient else message.recipient

    def _user(self, email: str, now: datetime) -> str:
        known = self._users.get(email)
        if known and now - known[0] < USER_LIFETIME:
            return known[1]
        user = self._api.read("users.lookupByEmail", email=email).get("user", {})
        if user.get("deleted"):
            raise RecipientLeft(f"{email} is deactivated in Slack; the next owner is asked")
        self._users[email] = (now, user["id"])
        return str(user["id"])

    def _post(self, message: Message, thread: "_Thread", page: Page) -> None:
        self._pace.wait(thread.channel)
        body = self._body(message, thread, page)
        answer = _after_first(thread, lambda: self._api.write("chat.postMessage", **body))
        thread.channel = answer.get("channel", thread.channel)
        thread.ts = thread.ts or answer.get("ts", "")

    def _body(self, message: Message, thread: "_Thread", page: Page) -> dict[str, Any]:
        payload = {"message_id": message.id, "findings": list(page.findings)}
        body = {
            "channel": thread.channel,
            "text": page.text,
            "blocks": list(page.blocks),
            "metadata": {"event_type": EVENT, "event_payload": payload},
            "unfurl_links": False,
            "unfurl_media": False,
            "thread_ts": thread.ts,
            "username": self._settings.username,
            "icon_emoji": self._settings.icon_emoji,
        }
        return {key: value for key, value in body.items() if value is not None}

    def _find(self, message: Message, target: str) -> "_Thread | None":
        """What an earlier attempt left, where the scopes allow looking; `Ambiguous` while Slack is down."""
        try:
            return self._look(message.id, target)
        except (MissingScope, Permanent):
            return None
        except Transient as error:
            raise Ambiguous(str(error), error.retry_after) from None

    def _look(self, message_id: str, target: str) -> "_Thread | None":
        direct = target.startswith(("U", "W"))
        channel = self._direct_channel(target) if direct else target
        recent = self._messages("conversations.history", message_id, channel=channel)
        first = next((m for m in recent if m.get("thread_ts", m["ts"]) == m["ts"]), None)
        if first is None:
            return None
        replies = self._messages("conversations.replies", message_id, channel=channel, ts=first["ts"])
        told = {finding for m in [first, *replies] for finding in _payload(m).get("findings", ())}
        return _Thread(channel, first["ts"], told)

    def _direct_channel(self, user: str) -> str:
        return str(self._api.read("conversations.open", users=user)["channel"]["id"])

    def _messages(self, method: str, message_id: str, **params: str) -> list[dict[str, Any]]:
        answer = self._api.read(method, include_all_metadata=True, limit=100, **params)
        return [m for m in answer.get("messages", ()) if _payload(m).get("message_id") == message_id]


@dataclass(slots=True)
class _Thread:
    """Where a message's pages go, and what has arrived there already."""

    channel: str
    ts: str | None = None
    told: set[str] = field(default_factory=set)


def _payload(message: dict[str, Any]) -> dict[str, Any]:
    return dict(message.get("metadata", {}).get("event_payload", {}))


def _after_first(thread: _Thread, post: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Once the first page stands, any failure leaves half a message: look before sending again."""
    try:
        return post()
    except Transient as error:
        if thread.ts is None or isinstance(error, Ambiguous):
            raise
        raise Ambiguous(f"{error} (a part of the message has arrived)", error.retry_after) from None


class _Pace:
    """Spaces the posts of each channel; safe to share between threads."""

    def __init__(self, waits: Waits) -> None:
        self._waits = waits
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}

    def wait(self, channel: str) -> None:
        with self._lock:
            now = self._waits.monotonic()
            at = max(now, self._next.get(channel, now))
            self._next[channel] = at + SECONDS_PER_POST
        if at > now:
            self._waits.sleep(at - now)
