"""How each type of sink is shown: the one place that knows what the sinks call their texts.

Adapters are imported when they are shown, as in the registry.
"""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rich.console import Console, RenderableType

from app.sinks import wording
from app.sinks.console.looks import Looks
from app.sinks.interface import Message
from app.sinks.preview.jira import Ticket, jira_page
from app.sinks.preview.page import preformatted
from app.sinks.preview.slack import slack_page
from app.sinks.texts import Texts


@dataclass(frozen=True, slots=True)
class Shown:
    """One message and the sink that would send it; ``settings`` are of the sink's own model.

    A message whose first notice carries a ticket's key in its ``refs`` is a later one on that ticket.
    """

    message: Message
    settings: Any
    texts: Texts

    @property
    def key(self) -> str:
        return self.message.notices[0].refs.get("key", "")


@dataclass(frozen=True, slots=True)
class View:
    """``tickets``: it says something when a finding is resolved, too."""

    terminal: Callable[[Shown], RenderableType]
    html: Callable[[Shown], str]
    tickets: Callable[[Any], bool] = lambda settings: False


def view_of(settings: Any) -> View:
    """How a sink of these settings is shown; of a type that has no looks of its own, its data."""
    return VIEWS.get(settings.type, View(_data, lambda shown: preformatted("Preview", _data(shown))))


# --- Slack -----------------------------------------------------------------------------------------


def _slack_terminal(shown: Shown) -> RenderableType:
    return Looks(shown.texts).slack_message(shown.message)


def _slack_html(shown: Shown) -> str:
    from app.sinks.slack.blocks import pages

    settings = shown.settings
    pressable = settings.app_token is not None or settings.token is None
    posts = [page.blocks for page in pages(shown.message, shown.texts, pressable=pressable)]
    return slack_page(posts, shown.message.now, settings.username, settings.icon_emoji)


# --- Jira ------------------------------------------------------------------------------------------


def _jira_terminal(shown: Shown) -> RenderableType:
    looks, notice = Looks(shown.texts), shown.message.notices[0]
    if not shown.key:
        grouping: Any = getattr(shown.settings, "group_by", "finding")
        return looks.ticket(f"{_project(shown.settings)}-123", notice, shown.message, grouping)
    event: Literal["closed", "commented"] = "closed" if notice.kind == "resolved" else "commented"
    return looks.ticket_event(shown.key, event, notice, shown.message.now)


def _project(settings: Any) -> str:
    return str(getattr(settings, "project", "KEYS"))  # the console's looks have no project


def _jira_html(shown: Shown) -> str:
    from app.sinks.jira import markup, text

    notices, settings, texts = shown.message.notices, shown.settings, shown.texts
    grouping, notice = settings.group_by, notices[0]
    due = f"{wording.day(notice.act_at)}" if notice.act_at and notice.kind == "warning" else ""
    fields = {"Due date": due, "Priority": settings.priority.get(notice.stage, "")}
    described = text.description(grouping, notices, texts)
    said = text.comment(grouping, notices, texts)
    home = text.group_label(grouping, shown.message)
    ticket = Ticket(
        key=shown.key or f"{settings.project}-123",
        issue_type=settings.issue_type,
        summary=text.summary(grouping, notices, texts),
        description="" if shown.key else markup.to_adf(described),
        assignee=shown.message.recipient,
        labels=(*text.labels(home, notices), *settings.labels),
        fields={name: value for name, value in fields.items() if value},
        done=notice.kind == "resolved",
        comment=markup.to_adf(said) if shown.key else "",
    )
    return jira_page(ticket, shown.message.now)


# --- mail ------------------------------------------------------------------------------------------


def _mail_terminal(shown: Shown) -> str:
    from app.sinks.email.text import as_text, compose

    mail = compose(shown.message, shown.settings.from_, shown.texts)
    heads = "\n".join(f"{name}: {mail[name]}" for name in ("From", "To", "Subject"))
    return f"{heads}\n\n{as_text(shown.message, shown.texts)}"


def _mail_html(shown: Shown) -> str:
    from app.sinks.email.text import as_html

    return as_html(shown.message, shown.texts)


# --- the rest --------------------------------------------------------------------------------------


def _console_terminal(shown: Shown) -> RenderableType:
    return (_jira_terminal if shown.settings.look == "jira" else _slack_terminal)(shown)


def _console_html(shown: Shown) -> str:
    paper = Console(file=io.StringIO(), width=104, record=True, highlight=False)
    paper.print(_console_terminal(shown))
    return paper.export_html(inline_styles=True)


def _post(shown: Shown) -> str:
    from app.sinks.posts import Post
    from app.sinks.webhook.presets import body

    post = Post("resolved" if shown.message.notices[0].kind == "resolved" else "notice", shown.message)
    form: Any = getattr(shown.settings, "format", "keysteward")  # SNS publishes the same envelope
    return json.dumps(json.loads(body(form, post, shown.texts, "***")), indent=2, ensure_ascii=False)


def _data(shown: Shown) -> str:
    notices = [notice.to_json() for notice in shown.message.notices]
    return json.dumps(notices, indent=2, ensure_ascii=False)


_POST = View(_post, lambda shown: preformatted("Webhook", _post(shown)), lambda settings: True)
VIEWS: Mapping[str, View] = {
    "slack": View(_slack_terminal, _slack_html),
    "jira": View(_jira_terminal, _jira_html, lambda settings: True),
    "webhook": _POST,
    "sns": _POST,
    "email": View(_mail_terminal, _mail_html),
    "console": View(_console_terminal, _console_html, lambda settings: settings.look == "jira"),
}
