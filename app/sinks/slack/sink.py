"""The Slack sink: a direct message to the owner, or a post in a channel.

It posts to the user's id, which opens the direct message with chat:write alone. Only the search after an
ambiguous post needs im:write and im:history; without them the message is posted once more.
"""

from typing import Any

from app.errors import Ambiguous, Permanent, RecipientUnreachable, Transient
from app.plan.summary import RunSummary
from app.sinks.base import TellingSink
from app.sinks.interface import Message, Receipt
from app.sinks.presses import Handler, Listening
from app.sinks.secrets import required
from app.sinks.slack.api import MissingScope, SlackApi, ThreadGone
from app.sinks.slack.blocks import pages
from app.sinks.slack.kit import Page
from app.sinks.slack.people import People
from app.sinks.slack.settings import SlackSettings
from app.sinks.slack.team import summary_pages
from app.sinks.slack.thread import Thread, find, found_at, newest_root, references
from app.sinks.tools import Tools
from app.sinks.tree import optional

EVENT = "keysteward_notice"


class SlackSink(TellingSink):
    """One workspace. A digest is one message; later ones go to the thread of the first."""

    def __init__(self, name: str, settings: SlackSettings, tools: Tools) -> None:
        self.name = name
        self._settings = settings
        self._texts = tools.texts
        token = required(name, "token", settings.token)
        self._api = SlackApi(token, settings.base_url, settings.timeout, tools.waits)
        self._people = People(self._api)

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
        thread = self._thread(message, target)
        try:
            self._tell_all(message, thread, target)
        except RecipientUnreachable:
            if target != message.recipient:
                self._people.refused(message.recipient, target, message.now)
            raise
        refs = {**references(message, target), "channel": thread.channel, "ts": thread.ts or ""}
        counts = self._settings.counts is not False
        return Receipt(message.recipient, counts, refs, at=found_at(thread))

    def report(self, summary: RunSummary) -> bool:
        """One post a run, with what is long in its thread. Alerts go to `channel` where there is no other."""
        channel = self._settings.summary_channel
        if channel is None or not self._settings.wants(summary):
            channel, summary = channel or self._settings.channel, summary.urgent()
            if channel is None or not summary.alerts:
                return False
        thread = Thread(channel)
        for page in summary_pages(summary, self._texts):
            self._post(thread, self._body(thread, page, {}))
        return True

    def _target(self, message: Message) -> str:
        """What to post to: a channel as it stands, or the id of the user with this address."""
        if "@" not in message.recipient:
            return message.recipient
        mine = (n.refs for n in message.notices if n.refs.get("to") == message.recipient)
        earlier = next((refs["user"] for refs in mine if refs.get("user")), "")
        return self._people.find(message.recipient, earlier, message.now)

    def _tell_all(self, message: Message, thread: Thread, target: str) -> None:
        for page in pages(message, self._texts, pressable=self._settings.app_token is not None):
            if not thread.begun or not thread.told.issuperset(page.findings):
                self._tell(message, thread, page, target)

    def _tell(self, message: Message, thread: Thread, page: Page, target: str) -> None:
        """Posts a page; a thread that is gone before anything stands in it is replaced by a new one."""
        metadata = {"message_id": message.id, "findings": list(page.findings)}
        try:
            self._post(thread, self._body(thread, page, metadata))
        except (ThreadGone, RecipientUnreachable):
            if thread.begun or not thread.earlier:
                raise
            thread.channel, thread.ts, thread.earlier = target, None, False
            self._post(thread, self._body(thread, page, metadata))

    def _post(self, thread: Thread, body: dict[str, Any]) -> None:
        answer = self._write(thread, body)
        thread.channel = optional(answer, "channel") or thread.channel
        thread.ts = thread.ts or optional(answer, "ts") or None
        thread.begun, thread.at = True, ""

    def _write(self, thread: Thread, body: dict[str, Any]) -> dict[str, Any]:
        """Once the first page stands, any failure leaves half a message: look before sending again."""
        try:
            return self._api.write("chat.postMessage", **body)
        except Ambiguous as error:
            raise Ambiguous(str(error), error.retry_after, findable=not thread.blind) from None
        except Transient as error:
            if not thread.begun:
                raise
            text = f"{error} (a part of the message has arrived)"
            raise Ambiguous(text, error.retry_after, findable=not thread.blind) from None

    def _body(self, thread: Thread, page: Page, metadata: dict[str, Any]) -> dict[str, Any]:
        """A reply that matters is shown in the conversation too: in an old thread it would be missed."""
        body = {
            "channel": thread.channel,
            "text": page.text,
            "blocks": list(page.blocks),
            "metadata": {"event_type": EVENT, "event_payload": metadata} if metadata else None,
            "unfurl_links": False,
            "unfurl_media": False,
            "thread_ts": thread.ts,
            "reply_broadcast": True if thread.earlier and page.loud and not thread.begun else None,
            "username": self._settings.username,
            "icon_emoji": self._settings.icon_emoji,
        }
        return {key: value for key, value in body.items() if value is not None}

    def _thread(self, message: Message, target: str) -> Thread:
        """Where it goes: to what an earlier attempt left, to the latest thread, or to one of its own.

        Raises `Ambiguous` while Slack can't be asked whether an earlier attempt arrived.
        """
        found, blind = None, False
        try:
            found = find(self._api, message, target) if message.maybe_sent else None
        except (MissingScope, Permanent):
            blind = True
        except Transient as error:
            raise Ambiguous(str(error), error.retry_after) from None
        thread = found or newest_root(message, target) or Thread(target)
        thread.blind = blind
        return thread
