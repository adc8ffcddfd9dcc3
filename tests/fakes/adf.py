"""Atlassian Document Format: what this project's documents may hold, and what they say."""

from typing import Any

# developer.atlassian.com/cloud/jira/platform/apis/document/structure: parent -> its children
_CHILDREN = {
    "doc": {"paragraph", "bulletList", "orderedList"},
    "bulletList": {"listItem"},
    "orderedList": {"listItem"},
    "listItem": {"paragraph", "bulletList", "orderedList"},
    "paragraph": {"text", "hardBreak"},
}
_KEYS = {
    "doc": {"type", "version", "content"},
    "text": {"type", "text", "marks"},
    "hardBreak": {"type"},
}
_MARKS = {"code", "strong", "em"}


def faults(node: Any, parent: str = "") -> list[str]:
    """What is wrong with a document; empty when it may be sent."""
    if not isinstance(node, dict) or "type" not in node:
        return [f"{parent}: not a node"]
    kind = node["type"]
    found = [f"{kind}: {key}" for key in node.keys() - _KEYS.get(kind, {"type", "content"})]
    if not parent and (kind != "doc" or node.get("version") != 1):
        found.append("a document begins with doc, version 1")
    if parent and kind not in _CHILDREN.get(parent, set()):
        found.append(f"{kind} in {parent}")
    return [*found, *_leaf_faults(node), *_inner_faults(node)]


def _leaf_faults(node: dict[str, Any]) -> list[str]:
    if node["type"] != "text":
        return []
    marks = {mark.get("type") for mark in node.get("marks", ())}
    empty = ["text: empty"] if not node.get("text") else []
    return [*empty, *(f"mark {mark}" for mark in marks - _MARKS)]


def _inner_faults(node: dict[str, Any]) -> list[str]:
    inner = node.get("content", [])
    empty = [f"{node['type']}: empty"] if node["type"] in ("bulletList", "orderedList", "listItem") else []
    if not inner:
        return empty
    return [fault for child in inner for fault in faults(child, node["type"])]


def text(node: Any) -> str:
    """What a reader sees: paragraphs parted by blank lines, items with their signs."""
    return "\n\n".join(_block(child) for child in node["content"])


def _block(node: dict[str, Any]) -> str:
    sign = {"bulletList": "* ", "orderedList": "# "}.get(node["type"])
    if sign:
        return "\n".join(sign + "".join(map(_block, item["content"])) for item in node["content"])
    return "".join(child.get("text", "\n") for child in node.get("content", ()))
