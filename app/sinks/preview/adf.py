"""Atlassian Document Format as HTML.

Source: developer.atlassian.com/cloud/jira/platform/apis/document/structure. What isn't drawn shows its text.
"""

from collections.abc import Mapping
from html import escape
from typing import Any

from app.sinks.preview.page import link

Node = Mapping[str, Any]

_TAGS = {
    "paragraph": "p",
    "bulletList": "ul",
    "orderedList": "ol",
    "listItem": "li",
    "blockquote": "blockquote",
    "codeBlock": "pre",
    "table": "table",
    "tableRow": "tr",
    "tableHeader": "th",
    "tableCell": "td",
}
_MARKS = {"strong": "b", "em": "i", "code": "code", "strike": "s", "underline": "u"}
_EMPTY = {"rule": "<hr>", "hardBreak": "<br>"}


def adf(node: Node) -> str:
    """A document, or any node of one."""
    kind = str(node.get("type"))
    if kind == "text":
        return _text(node)
    if kind in _EMPTY:
        return _EMPTY[kind]
    inner = "".join(map(adf, node.get("content", ())))
    if kind == "heading":
        return f"<h{_level(node)}>{inner}</h{_level(node)}>"
    if kind == "panel":
        return f'<div class="panel {escape(str(node.get("attrs", {}).get("panelType", "")))}">{inner}</div>'
    tag = _TAGS.get(kind)
    return f"<{tag}>{inner}</{tag}>" if tag else inner


def _level(node: Node) -> int:
    return min(6, max(1, int(node.get("attrs", {}).get("level", 3))))


def _text(node: Node) -> str:
    drawn = escape(str(node["text"]))
    for mark in node.get("marks", ()):
        if mark["type"] == "link":
            drawn = link(drawn, str(mark["attrs"]["href"]))
        elif mark["type"] in _MARKS:
            tag = _MARKS[mark["type"]]
            drawn = f"<{tag}>{drawn}</{tag}>"
    return drawn
