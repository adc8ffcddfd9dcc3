"""Slack's incoming webhooks: one URL that posts to one channel, for teams without an app.

It knows no people, no threads and no ids: a long digest is several posts, and nothing can be looked up
afterwards. The failures are those of docs.slack.dev/messaging/sending-messages-using-incoming-webhooks.
"""

from typing import Any
from urllib.error import URLError

from slack_sdk.webhook import WebhookClient, WebhookResponse

from app.errors import Ambiguous, KeystewardError, Permanent, Transient
from app.plan.summary import RunSummary
from app.sinks.base import TellingSink
from app.sinks.interface import Message, Receipt
from app.sinks.secrets import required
from app.sinks.slack.api import NEVER_ARRIVED, UNREADABLE, silent
from app.sinks.slack.blocks import pages
from app.sinks.slack.kit import Page
from app.sinks.slack.pace import Pace
from app.sinks.slack.settings import SlackSettings
from app.sinks.slack.team import summary_pages
from app.sinks.tools import Tools
from app.sinks.waits import patiently, retry_after

WEBHOOK = "incoming webhook"
# An operator can mend these, and then the same message goes through.
_REMEDIES = {
    "no_service": "the webhook was removed: create a new one",
    "no_active_hooks": "the webhook was switched off: create a new one",
    "no_team": "the webhook's workspace is gone: create a new one",
    "team_disabled": "the webhook's workspace is gone: create a new one",
    "invalid_token": "check the webhook's URL",
    "channel_not_found": "the webhook's channel is gone: create a new one",
    "channel_is_archived": "unarchive the webhook's channel, or create a new webhook",
    "action_prohibited": "ask the workspace's administrators to allow the webhook",
    "posting_to_general_channel_denied": "ask the workspace's administrators to allow the webhook",
}


class SlackWebhookSink(TellingSink):
    """Everything goes to the webhook's channel, whoever owns the key: by default that counts for nobody."""

    def __init__(self, name: str, settings: SlackSettings, tools: Tools) -> None:
        self.name = name
        self._settings = settings
        self._tools = tools
        self._pace = Pace(tools.waits)
        url = required(name, "webhook_url", settings.webhook_url)
        timeout: Any = settings.timeout  # handed on to urlopen, which takes fractions too
        self._client = WebhookClient(url, timeout=timeout, retry_handlers=[], logger=silent())

    @property
    def fallback(self) -> str:
        """Where it all goes: who says that this counts has its receipts accepted as the fallback's."""
        return self._settings.channel or "the webhook's channel"

    def send(self, message: Message) -> Receipt:
        """Delivered means: Slack said "ok" to every page. Raises as `Sink` says, but knows no recipients."""
        pressable = self._settings.app_token is not None
        for number, page in enumerate(pages(message, self._tools.texts, pressable=pressable)):
            self._post(page, begun=number > 0)
        return Receipt(self.fallback, self._settings.counts is True)

    def report(self, summary: RunSummary) -> bool:
        """Alerts only: the channel is not one that asked for summaries."""
        found = summary_pages(summary.urgent(), self._tools.texts) if summary.alerts else ()
        for number, page in enumerate(found):
            self._post(page, begun=number > 0)
        return bool(summary.alerts)

    def _post(self, page: Page, *, begun: bool) -> None:
        body = {
            "text": page.text,
            "blocks": list(page.blocks),
            "unfurl_links": False,
            "unfurl_media": False,
            "username": self._settings.username,
            "icon_emoji": self._settings.icon_emoji,
        }
        body = {key: value for key, value in body.items() if value is not None}
        try:
            patiently(lambda: self._call(body), self._tools.waits)
        except Transient as error:
            if not begun or isinstance(error, Ambiguous):
                raise
            text = f"{error} (a part of the message has arrived)"
            raise Ambiguous(text, error.retry_after, findable=False) from None

    def _call(self, body: dict[str, Any]) -> None:
        self._pace.wait(WEBHOOK, WEBHOOK)
        self._tools.waits.before_sending()
        try:
            answer = self._client.send_dict(body)
        except URLError as error:
            raise _unheard(uncertain=not isinstance(error.reason, NEVER_ARRIVED)) from None
        except UNREADABLE:
            raise _unheard(uncertain=True) from None
        if answer.status_code == 429:
            raise self._too_many(answer)
        if answer.status_code != 200 or answer.body.strip() != "ok":
            raise _meaning(answer)

    def _too_many(self, answer: WebhookResponse) -> Transient:
        wait = retry_after(answer.headers.get("Retry-After"))
        if wait:
            self._pace.close(WEBHOOK, wait)
        return Transient("Slack webhook: too many requests; tried again later", wait)


def _meaning(answer: WebhookResponse) -> KeystewardError:
    """Of any answer but 200 "ok". Only known bodies are quoted: it may be a proxy that speaks."""
    status, word = answer.status_code, answer.body.strip()
    if word in _REMEDIES:
        return Transient(f"Slack webhook: {word}; {_REMEDIES[word]}")
    if status >= 500:
        return Transient(f"Slack webhook: HTTP {status}; tried again later, see status.slack.com")
    if status in (403, 404, 410):
        return Transient(f"Slack webhook: HTTP {status}; check the webhook's URL")
    if status == 400:
        return Permanent("Slack webhook: HTTP 400, refused; check the templates and the `username`")
    return _unheard(uncertain=True)


def _unheard(*, uncertain: bool) -> Transient:
    if uncertain:
        return Ambiguous("Slack webhook: no usable answer, it may have arrived", findable=False)
    return Transient("Slack webhook: it can't be reached; check the network and status.slack.com")
