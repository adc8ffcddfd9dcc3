"""Slack's mrkdwn as HTML: bold, italics, strikes, code, links, quotes and emoji names.

Source: docs.slack.dev/messaging/formatting-message-text.
"""

import re
from collections.abc import Callable
from html import escape, unescape

from app.sinks.preview.page import link

EMOJI = {
    "red_circle": "🔴",
    "large_orange_circle": "🟠",
    "large_yellow_circle": "🟡",
    "large_green_circle": "🟢",
    "large_blue_circle": "🔵",
    "white_circle": "⚪",
    "heavy_check_mark": "✔️",
    "white_check_mark": "✅",
    "warning": "⚠️",
    "key": "🔑",
    "lock": "🔒",
    "unlock": "🔓",
    "bulb": "💡",
    "eyes": "👀",
    "zzz": "💤",
    "hourglass": "⌛",
    "calendar": "📆",
    "ticket": "🎫",
    "wave": "👋",
    "rotating_light": "🚨",
    "no_entry": "⛔",
    "arrows_counterclockwise": "🔄",
    "leftwards_arrow_with_hook": "↩️",
    "bar_chart": "📊",
    "information_source": "ℹ️",
}
_MARKS = re.compile(
    r"```(?P<block>.+?)```"
    r"|`(?P<code>[^`\n]+)`"
    r"|<(?P<link>[^<>]+)>"
    r"|(?<![\w*])\*(?P<bold>[^*\n]+)\*(?![\w*])"
    r"|(?<!\w)_(?P<italic>[^_\n]+)_(?!\w)"
    r"|(?<![\w~])~(?P<strike>[^~\n]+)~(?!\w)"
    r"|:(?P<emoji>[a-z0-9_+-]+):",
    re.DOTALL,
)


def mrkdwn(text: str) -> str:
    """``text`` as Slack takes it: &, < and > are entities in it."""
    lines = "<br>".join(_inline(text).split("\n"))
    return re.sub(r"(?:^|(?<=<br>))&gt; ?(.*?)(?=<br>|$)", r'<span class="quote">\1</span>', lines)


def plain_text(text: str, emoji: bool) -> str:
    shown = escape(text)
    return re.sub(r":([a-z0-9_+-]+):", lambda m: _emoji(m[1]), shown) if emoji else shown


def _inline(text: str) -> str:
    parts, at = [], 0
    for mark in _MARKS.finditer(text):
        kind = str(mark.lastgroup)
        parts += [_text(text[at : mark.start()]), _DRAWN[kind](mark[kind])]
        at = mark.end()
    return "".join([*parts, _text(text[at:])])


def _text(text: str) -> str:
    return escape(unescape(text))


def _emoji(name: str) -> str:
    return EMOJI.get(name, f":{name}:")


def _link(inner: str) -> str:
    """``url|label``, ``@U123``, ``#C123|name`` or ``!date^…|what it says``."""
    target, _, label = inner.partition("|")
    if target.startswith(("@", "#", "!")):
        shown = label or target.removeprefix("!")
        return f'<span class="mention">{_text(shown)}</span>'
    return link(_text(label or target), unescape(target))


_DRAWN: dict[str, Callable[[str], str]] = {
    "block": lambda text: f"<pre>{_text(text)}</pre>",
    "code": lambda text: f"<code>{_text(text)}</code>",
    "link": _link,
    "bold": lambda text: f"<b>{_inline(text)}</b>",
    "italic": lambda text: f"<i>{_inline(text)}</i>",
    "strike": lambda text: f"<s>{_inline(text)}</s>",
    "emoji": _emoji,
}
