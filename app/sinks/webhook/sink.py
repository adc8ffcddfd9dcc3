"""The webhook sink: one signed POST a message."""

import base64
import hashlib
import hmac
from datetime import datetime

from app.plan.notice import Notice
from app.plan.summary import RunSummary
from app.sinks.base import TellingSink
from app.sinks.interface import Grouping, Message, Receipt
from app.sinks.posts import Post, closing
from app.sinks.secrets import required
from app.sinks.tools import Tools
from app.sinks.waits import patiently
from app.sinks.webhook.http import post as post_over_http
from app.sinks.webhook.presets import address, body
from app.sinks.webhook.settings import ALERTING, DEFAULT_URLS, WebhookSettings, signing_key


class WebhookSink(TellingSink):
    """Delivered means: the receiver said 2xx. A machine was told, nobody in person: it never counts."""

    tickets = True  # what it told is taken back by a closing

    def __init__(self, name: str, settings: WebhookSettings, tools: Tools) -> None:
        self.name = name
        self.grouping: Grouping = settings.group_by
        self._settings = settings
        self._tools = tools
        default = DEFAULT_URLS.get(settings.format)
        self._url = default if default and not settings.url else required(name, "url", settings.url)
        alerts = settings.format in ALERTING
        self._api_key = required(name, "api_key", settings.api_key) if alerts else ""
        self._signing_key = signing_key(settings.secret.get_secret_value()) if settings.secret else None

    def send(self, message: Message) -> Receipt:
        """A repeat of what may have arrived has the same webhook-id: receivers drop it."""
        self._post(Post("notice", message))
        alone = len(message.notices) == 1
        return Receipt(self.name, False, {"alert": message.notices[0].finding_id if alone else message.id})

    def resolve(self, notice: Notice, now: datetime) -> Receipt | None:
        """Also when nobody knows whether the notice arrived: receivers ignore what they can't close."""
        self._post(closing(notice, now))
        return Receipt(self.name, False, notice.refs)

    def report(self, summary: RunSummary) -> bool:
        """Machines get every run; a channel only those with news."""
        wanted = self._settings.runs and (summary.news or self._settings.format != "teams")
        if wanted:
            self._post(Post("run", run=summary))
        return wanted

    def _post(self, post: Post) -> None:
        settings = self._settings
        content = body(settings.format, post, self._tools.texts, self._api_key)
        url, headers = address(settings.format, self._url, post), self._headers(post, content)

        def once() -> None:
            self._tools.waits.before_sending()
            post_over_http(self.name, url, headers, content, settings.timeout)

        patiently(once, self._tools.waits)

    def _headers(self, post: Post, content: bytes) -> dict[str, str]:
        # Receivers refuse what is minutes old: a run may last longer, and a rehearsal has dates of its own.
        sent = str(int(self._tools.clock.now().timestamp()))
        ours = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": f"keysteward/{self._tools.version}",
            "webhook-id": post.id,
            "webhook-timestamp": sent,
        }
        if self._settings.format == "opsgenie":
            ours["Authorization"] = f"GenieKey {self._api_key}"
        if self._signing_key is not None:
            ours["webhook-signature"] = sign(self._signing_key, post.id, sent, content)
        return ours | {name: value.get_secret_value() for name, value in self._settings.headers.items()}


def sign(key: bytes, message_id: str, timestamp: str, content: bytes) -> str:
    """The header webhook-signature (standardwebhooks.com): over the id, the time and the very bytes."""
    signed = b".".join((message_id.encode(), timestamp.encode(), content))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
