"""The SNS sink: one publication a finding, with attributes that subscriptions filter by."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from app.model import redact
from app.plan.notice import Notice
from app.plan.summary import RunSummary
from app.sinks import aws, wording
from app.sinks.base import TellingSink
from app.sinks.interface import Grouping, Message, Receipt
from app.sinks.posts import Post, closing, envelope
from app.sinks.sns.api import SnsApi
from app.sinks.sns.settings import SnsSettings
from app.sinks.tools import Tools
from app.sinks.waits import patiently

LARGEST_BODY = 250_000  # bytes: SNS takes 256 KiB, subject and attributes included
LONGEST_SUBJECT = 100  # ASCII characters


class SnsSink(TellingSink):
    """Delivered means: the topic has taken it. A machine was told, nobody in person: it never counts."""

    grouping: Grouping = "finding"
    tickets = True  # what it told is taken back by a closing

    def __init__(self, name: str, settings: SnsSettings, tools: Tools, client: Any = None) -> None:
        self.name = name
        self._settings = settings
        self._tools = tools
        self._api = SnsApi(name, client or aws.client("sns", settings.in_region, settings.timeout))

    def send(self, message: Message) -> Receipt:
        """A repeat has the same id in its body; a FIFO topic drops it itself within five minutes."""
        self._publish(Post("notice", message), self._tools.texts.title(message))
        return Receipt(self.name, False, {"alert": message.notices[0].finding_id})

    def resolve(self, notice: Notice, now: datetime) -> Receipt | None:
        """Also when nobody knows whether the notice arrived: subscribers ignore what they can't close."""
        post = closing(notice, now)
        self._publish(post, f"Resolved: {self._tools.texts.headline(notice)}")
        return Receipt(self.name, False, notice.refs)

    def report(self, summary: RunSummary) -> bool:
        """Every run, also one without news."""
        if self._settings.runs:
            self._publish(Post("run", run=summary), _subject(summary))
        return self._settings.runs

    def close(self) -> None:
        self._api.close()

    def _publish(self, post: Post, subject: str) -> None:
        request = {
            "TopicArn": self._settings.topic_arn,
            "Message": self._body(post),
            "Subject": as_subject(subject),
            "MessageAttributes": _attributes(post),
        }
        if self._settings.topic_arn.endswith(".fifo"):
            group = post.notices[0].finding_id if post.notices else post.event
            request |= {"MessageGroupId": group, "MessageDeduplicationId": post.id}
        patiently(lambda: self._publish_once(request), self._tools.waits)

    def _publish_once(self, request: dict[str, Any]) -> None:
        self._tools.waits.before_sending()
        self._api.publish(request)

    def _body(self, post: Post) -> str:
        text = self._json(post)
        if post.run is None or len(text.encode()) <= LARGEST_BODY:
            return text
        number = len(post.run.rows) + sum(len(alert.rows) for alert in post.run.alerts)
        left_out = f"{number} rows are left out: they are more than SNS takes"
        alerts = tuple(replace(alert, rows=()) for alert in post.run.alerts)
        return self._json(Post("run", run=replace(post.run, rows=(), alerts=alerts, warnings=(left_out,))))

    def _json(self, post: Post) -> str:
        return redact(json.dumps(envelope(post, self._tools.texts), ensure_ascii=False))


def _subject(summary: RunSummary) -> str:
    return f"Keysteward run: {summary.outcome}" if summary.is_run else "Keysteward: an alert between two runs"


def as_subject(text: str) -> str:
    """ASCII, on one line, of at most 100 characters (SNS, Publish): subjects of mails show it."""
    plain = wording.plain(text).replace("…", "..").encode("ascii", "replace").decode()
    printable = "".join(letter if letter.isprintable() else "?" for letter in plain)
    return printable if len(printable) <= LONGEST_SUBJECT else printable[: LONGEST_SUBJECT - 3] + "..."


def _attributes(post: Post) -> dict[str, dict[str, str]]:
    values: dict[str, str] = {"event": post.event}
    if post.notices:
        values |= {"urgency": post.notices[0].urgency, "account_id": post.notices[0].account_id}
    return {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}
