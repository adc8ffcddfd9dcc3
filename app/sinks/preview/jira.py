"""A ticket as a page, in Jira's looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from app.sinks.preview.adf import adf
from app.sinks.preview.page import page
from app.sinks.preview.wiki import wiki

_OPENED_WITH = '<p class="muted">As it was when the ticket was opened.</p>'

Text = str | Mapping[str, Any]  # wiki text (Data Center, REST v2) or a document (Cloud, REST v3)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the page shows. ``fields`` are further ones, by their names.

    ``description`` is empty when an earlier notice has written it, and this one only comments.
    """

    key: str
    issue_type: str
    summary: str
    description: Text
    assignee: str
    labels: Sequence[str]
    fields: Mapping[str, str]
    done: bool = False
    comment: Text = ""


def jira_page(ticket: Ticket, at: datetime) -> str:
    crumbs = f"{ticket.key.rpartition('-')[0]} / {ticket.key}"
    top = (
        f'<div class="crumbs"><span class="type">✓</span>{escape(ticket.issue_type)} · {escape(crumbs)}</div>'
    )
    described = _drawn(ticket.description) if ticket.description else _OPENED_WITH
    said = f'<h2>Description</h2><div class="text">{described}</div>{_comment(ticket, at)}'
    main = f"{top}<h1>{escape(ticket.summary)}</h1>{said}"
    body = f'<div class="ticket"><div>{main}</div><div>{_details(ticket)}</div></div>'
    return page(f"{ticket.key} in Jira", "jira", body)


def _details(ticket: Ticket) -> str:
    status = '<div class="status done">DONE</div>' if ticket.done else '<div class="status">TO DO</div>'
    labels = "".join(f'<span class="label">{escape(label)}</span>' for label in ticket.labels)
    rows = {"Assignee": escape(ticket.assignee or "Unassigned")}
    rows |= {name: escape(value) for name, value in ticket.fields.items()}
    rows |= {"Labels": labels, "Reporter": "Keysteward"}
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in rows.items())
    return f'{status}<div class="panel-box"><h2>Details</h2><dl>{listed}</dl></div>'


def _comment(ticket: Ticket, at: datetime) -> str:
    if not ticket.comment:
        return ""
    who = f'<b>Keysteward</b> <span class="when">{at:%d %b %Y, %H:%M}</span>'
    return (
        f'<h2>Activity</h2><div class="comment"><div class="avatar">K</div>'
        f'<div>{who}<div class="text">{_drawn(ticket.comment)}</div></div></div>'
    )


def _drawn(text: Text) -> str:
    return wiki(text) if isinstance(text, str) else adf(text)
