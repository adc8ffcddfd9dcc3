"""A mail as text, and as simple HTML that reads well on a phone."""

from email.message import EmailMessage
from html import escape

from app.plan.notice import Notice
from app.sinks import wording
from app.sinks.interface import Message
from app.sinks.texts import Texts

_COLOURS = {"critical": "#b42318", "warning": "#b54708", "info": "#475467"}
_FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;color:#101828"
_CARD = "border:1px solid #d0d5dd;border-radius:8px;padding:12px 16px;margin:12px 0"


def compose(message: Message, sender: str, texts: Texts) -> EmailMessage:
    """One mail. Its Message-ID is the message's own, so that mailboxes drop a repeat."""
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = message.recipient
    mail["Subject"] = wording.clip(
        texts.line("mail_subject", message=message, notices=message.notices, notice=message.notices[0]), 150
    )
    mail["Date"] = message.now
    mail["Message-ID"] = f"<{message.id}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(as_text(message, texts))
    mail.add_alternative(as_html(message, texts), subtype="html")
    return mail


def as_text(message: Message, texts: Texts) -> str:
    steps = [f"{number}. {step}" for number, step in enumerate(texts.steps(message.notices), start=1)]
    how = "\n".join(["How to rotate:", *steps]) if steps else ""
    parts = [texts.why_you(message), *(_finding_text(n, texts) for n in message.notices), how]
    return "\n\n".join(filter(None, parts)) + "\n"


def as_html(message: Message, texts: Texts) -> str:
    steps = "".join(f"<li>{escape(step)}</li>" for step in texts.steps(message.notices))
    how = f"<h3>How to rotate</h3><ol>{steps}</ol>" if steps else ""
    why = f"<p>{escape(texts.why_you(message))}</p>" if message.is_fallback else ""
    cards = "".join(_finding_html(n, texts) for n in message.notices)
    viewport = '<meta name="viewport" content="width=device-width,initial-scale=1">'
    title = f'<h2 style="font-size:18px">{escape(texts.title(message))}</h2>'
    body = f'<body style="{_FONT};max-width:600px;margin:auto;padding:8px">{title}{why}{cards}{how}</body>'
    return f"<!doctype html><html><head>{viewport}</head>{body}</html>"


def _finding_text(notice: Notice, texts: Texts) -> str:
    rows = [f"  {label}: {value}" for label, value in [*texts.facts(notice), *_rest(notice, texts)]]
    return "\n".join([texts.headline(notice), *rows])


def _finding_html(notice: Notice, texts: Texts) -> str:
    colour = _COLOURS[notice.urgency]
    label = '<td style="color:#475467;padding:2px 12px 2px 0;vertical-align:top">'
    rows = "".join(
        f"<tr>{label}{escape(name)}</td><td>{escape(value)}</td></tr>"
        for name, value in [*texts.facts(notice), *_rest(notice, texts)]
    )
    headline = f'<b style="color:{colour}">{escape(texts.headline(notice))}</b>'
    table = f'<table style="font-size:14px;margin-top:8px;border-spacing:0">{rows}</table>'
    return f'<div style="{_CARD};border-left:4px solid {colour}">{headline}{table}</div>'


def _rest(notice: Notice, texts: Texts) -> list[tuple[str, str]]:
    rows = [("Why", notice.reason), ("Ticket", notice.ticket), ("Undo", texts.undo(notice))]
    return [(label, wording.plain(text)) for label, text in [*rows, ("Finding", notice.finding_id)] if text]
