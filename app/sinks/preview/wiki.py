"""Jira's wiki text as HTML, as far as tickets of ours use it.

Source: the "Text Formatting Notation Help" of any Jira site.
"""

import re
from collections.abc import Iterator
from html import escape
from itertools import groupby

from app.sinks.preview.page import link

_LISTS = {"*": "ul", "-": "ul", "#": "ol"}
_ITEM = re.compile(r"([*#-])\s")
_HEADING = re.compile(r"h([1-6])\.\s+(.*)")
_MARKS = re.compile(
    r"\\(?P<literal>[\\{}\[\]|!*~^_#+-])"
    r"|\{\{(?P<code>.+?)\}\}"
    r"|\[(?P<link>[^\[\]\n]+)\]"
    r"|(?<![\w*])\*(?P<bold>[^*\n]+)\*(?![\w*])"
    r"|(?<!\w)_(?P<italic>[^_\n]+)_(?!\w)"
)


def wiki(text: str) -> str:
    """Paragraphs, headings, lists, rules, code blocks; the rest stays text."""
    parts = re.split(r"\{(?:code|noformat)(?::[^}]*)?\}\n?", text)
    drawn = (f"<pre>{escape(part)}</pre>" if at % 2 else _prose(part) for at, part in enumerate(parts))
    return "".join(drawn)


def _prose(text: str) -> str:
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return "".join(part for paragraph in paragraphs for part in _paragraph(paragraph))


def _paragraph(text: str) -> Iterator[str]:
    for kind, lines in groupby(text.splitlines(), _kind):
        if kind in ("ul", "ol"):
            items = "".join(f"<li>{_inline(line.strip()[1:].strip())}</li>" for line in lines)
            yield f"<{kind}>{items}</{kind}>"
        elif kind == "p":
            yield f"<p>{'<br>'.join(map(_inline, lines))}</p>"
        else:
            yield from map(_single, lines)


def _kind(line: str) -> str:
    item = _ITEM.match(line.strip())
    if item:
        return _LISTS[item[1]]
    return "single" if line.strip() == "----" or _HEADING.match(line) else "p"


def _single(line: str) -> str:
    heading = _HEADING.match(line)
    return f"<h{heading[1]}>{_inline(heading[2])}</h{heading[1]}>" if heading else "<hr>"


def _inline(text: str) -> str:
    parts, at = [], 0
    for mark in _MARKS.finditer(text):
        parts += [
            escape(text[at : mark.start()]),
            _marked(str(mark.lastgroup), str(mark[mark.lastgroup or 0])),
        ]
        at = mark.end()
    return "".join([*parts, escape(text[at:])])


def _marked(kind: str, inner: str) -> str:
    if kind == "literal":
        return escape(inner)
    if kind == "code":
        return f"<code>{_inline(inner)}</code>"
    if kind == "link":
        label, _, url = inner.rpartition("|")
        return link(_inline(label) if label else escape(url), url)
    tag = "b" if kind == "bold" else "i"
    return f"<{tag}>{_inline(inner)}</{tag}>"
