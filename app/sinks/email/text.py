"""A notice mail as text and as HTML: the words and the looks are templates, this picks what they show."""

from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Any

from app.plan.notice import Notice
from app.sinks import wording
from app.sinks.interface import Message
from app.sinks.texts import Texts, of_message

# Beyond so many keys a digest goes on as a table of one line each. Gmail cuts a mail off at 102 kB.
CARDS = 10


@dataclass(frozen=True, slots=True)
class Card:
    """One notice, its texts rendered. ``act`` is a label and a day, None when no date is named."""

    notice: Notice
    headline: str  # without the day that ``act`` shows above it
    act: tuple[str, str] | None
    when: str  # "in 7 days"
    todo: str
    facts: tuple[tuple[str, str], ...]
    callers: tuple[str, ...]
    advice: str
    undo: str


def compose(message: Message, sender: str, texts: Texts) -> EmailMessage:
    """One mail. Its Message-ID is the message's own, so that mailboxes drop a repeat."""
    notices = message.notices
    subject = texts.line("mail_subject", **of_message(message))
    values = mail_values(message, texts)
    mail = begin(sender, (message.recipient,), subject, message.now, message.id)
    if any(notice.urgency == "critical" for notice in notices):
        mail["Importance"] = "high"
    mail.set_content(_text(values, texts))
    mail.add_alternative(_html(values, texts), subtype="html")
    return mail


def begin(sender: str, to: tuple[str, ...], subject: str, now: datetime, id_: str) -> EmailMessage:
    """The head of a mail that nobody should answer by machine (RFC 3834; MS-OXCMAIL)."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Subject"] = wording.clip(subject, 150)
    mail["Date"] = now
    mail["Message-ID"] = f"<{id_}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    return mail


def as_text(message: Message, texts: Texts) -> str:
    return _text(mail_values(message, texts), texts)


def as_html(message: Message, texts: Texts) -> str:
    return _html(mail_values(message, texts), texts)


def _text(values: dict[str, Any], texts: Texts) -> str:
    return texts.render("mail.txt", **values) + "\n"


def _html(values: dict[str, Any], texts: Texts) -> str:
    return texts.render("mail.html", **values)


def mail_values(message: Message, texts: Texts) -> dict[str, Any]:
    """What mail.txt.j2 and mail.html.j2 are handed."""
    return {
        "message": message,
        "title": texts.title(message),
        "summary": texts.summary(message) if len(message.notices) > 1 else "",
        "why_you": texts.why_you(message),
        "cards": tuple(_card(notice, message.now, texts) for notice in message.notices[:CARDS]),
        "rest": message.notices[CARDS:],
        "steps": texts.steps(message.notices),
    }


def _card(notice: Notice, now: datetime, texts: Texts) -> Card:
    return Card(
        notice=notice,
        headline=texts.line("mail_headline", notice=notice),
        act=wording.act_line(notice),
        when=texts.line("mail_when", notice=notice, now=now),
        todo=texts.line("mail_todo", notice=notice),
        facts=tuple(texts.facts(notice, "mail_facts")),
        callers=texts.callers(notice),
        advice=texts.advice(notice),
        undo=texts.undo(notice),
    )
