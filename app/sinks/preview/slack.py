"""A Slack message as a page: the very blocks that are posted, in Slack's looks.

Blocks and elements: docs.slack.dev/reference/block-kit. What isn't drawn here is named in its place.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from app.sinks.preview.mrkdwn import EMOJI, mrkdwn, plain_text
from app.sinks.preview.page import page

Block = Mapping[str, Any]


def slack_page(
    posts: Sequence[Sequence[Block]], at: datetime, username: str | None, icon_emoji: str | None
) -> str:
    """``posts`` are the message and the replies in its thread, each a list of blocks."""
    who = username or "Keysteward"
    icon = EMOJI.get((icon_emoji or "").strip(":"), escape(who[:1].upper()))
    drawn = [_post(blocks, who, icon, at) for blocks in posts]
    replies = f"{len(drawn) - 1} {'reply' if len(drawn) == 2 else 'replies'}"
    more = (
        f'<div class="replies">{replies}</div><div class="thread">{"".join(drawn[1:])}</div>'
        if drawn[1:]
        else ""
    )
    return page(f"{who} in Slack", "slack", drawn[0] + more)


def _post(blocks: Sequence[Block], who: str, icon: str, at: datetime) -> str:
    top = (
        f'<span class="who">{escape(who)}</span><span class="app">APP</span>'
        f'<span class="time">{at:%H:%M}</span>'
    )
    body = "".join(map(draw, blocks))
    return f'<div class="message"><div class="icon">{icon}</div><div class="body">{top}{body}</div></div>'


def draw(block: Block) -> str:
    """One block or element as HTML."""
    kind = str(block.get("type"))
    drawn = _DRAWN.get(kind)
    return drawn(block) if drawn else f'<div class="unknown">{escape(kind)}: not drawn here</div>'


def _text(text: Block) -> str:
    if text["type"] == "mrkdwn":
        return mrkdwn(text["text"])
    return plain_text(text["text"], text.get("emoji", True))


def _header(block: Block) -> str:
    return f'<div class="header">{_text(block["text"])}</div>'


def _section(block: Block) -> str:
    text = f"<div>{_text(block['text'])}</div>" if "text" in block else ""
    fields = "".join(f"<div>{_text(field)}</div>" for field in block.get("fields", ()))
    beside = f"<div>{draw(block['accessory'])}</div>" if "accessory" in block else ""
    below = f'<div class="fields">{fields}</div>' if fields else ""
    return f'<div class="section"><div>{text}{below}</div>{beside}</div>'


def _context(block: Block) -> str:
    inner = "".join(f"<span>{draw(element)}</span>" for element in block["elements"])
    return f'<div class="context">{inner}</div>'


def _actions(block: Block) -> str:
    return f'<div class="actions">{"".join(map(draw, block["elements"]))}</div>'


def _button(element: Block) -> str:
    style = element.get("style", "")
    known = style if style in ("primary", "danger") else ""
    return f'<span class="button {known}">{_text(element["text"])}</span>'


def _overflow(element: Block) -> str:
    options = " · ".join(_text(option["text"]) for option in element["options"])
    return f'<span class="button">⋯ <span class="menu">{options}</span></span>'


_DRAWN: Mapping[str, Callable[[Block], str]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "divider": lambda block: "<hr>",
    "actions": _actions,
    "button": _button,
    "overflow": _overflow,
    "mrkdwn": _text,
    "plain_text": _text,
}
