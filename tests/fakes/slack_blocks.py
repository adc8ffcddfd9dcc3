"""Block Kit as Slack checks it (docs.slack.dev/reference/block-kit): types, keys, lengths, unique ids."""

from collections.abc import Callable, Sequence
from typing import Any

Json = dict[str, Any]


def fault_of(blocks: Any) -> str:
    """Slack's word for what is wrong with a message's blocks; empty when nothing is."""
    if not isinstance(blocks, list) or len(blocks) > 50:
        return "invalid_blocks"
    if sum(len(str(block)) for block in blocks) > 13_200 + 100 * len(blocks):
        return "msg_blocks_too_long"
    ids = [block["block_id"] for block in blocks if "block_id" in block]
    unique = len(set(ids)) == len(ids)
    return "" if unique and all(map(_is_block, blocks)) else "invalid_blocks"


def is_view(view: Any) -> bool:
    """A modal: its title, its blocks (100 at most, and inputs among them)."""
    if not isinstance(view, dict) or view.get("type") != "modal" or not _plain(view.get("title"), 24):
        return False
    buttons = all(_plain(view[name], 24) for name in ("submit", "close") if name in view)
    private = len(view.get("private_metadata", "")) <= 3000 and len(view.get("callback_id", "")) <= 255
    return buttons and private and 0 < len(view["blocks"]) <= 100 and all(map(_is_view_block, view["blocks"]))


def _is_view_block(block: Any) -> bool:
    if block.get("type") != "input":
        return _is_block(block)
    return _plain(block.get("label"), 2000) and isinstance(block.get("element"), dict)


def _is_block(block: Any) -> bool:
    check = _BLOCKS.get(block.get("type"))
    named = 0 < len(block.get("block_id", "x")) <= 255
    return check is not None and named and check(block)


def _only(value: Json, *names: str) -> bool:
    return set(value) <= {"type", "block_id", *names}


def _header(block: Json) -> bool:
    return _only(block, "text") and _plain(block.get("text"), 150)


def _section(block: Json) -> bool:
    fields = block.get("fields", [])
    has_any = "text" in block or bool(fields)
    text = "text" not in block or _text(block["text"], 3000)
    listed = len(fields) <= 10 and all(_text(field, 2000) for field in fields)
    pressed = "accessory" not in block or _element(block["accessory"])
    return _only(block, "text", "fields", "accessory", "expand") and has_any and text and listed and pressed


def _context(block: Json) -> bool:
    elements = block.get("elements", [])
    return _only(block, "elements") and 0 < len(elements) <= 10 and all(_text(e, 3000) for e in elements)


def _actions(block: Json) -> bool:
    elements = block.get("elements", [])
    ids = [element.get("action_id") for element in elements]
    sized = 0 < len(elements) <= 25 and len(set(ids)) == len(ids)
    return _only(block, "elements") and sized and all(map(_element, elements))


def _element(element: Json) -> bool:
    check = _ELEMENTS.get(element.get("type", ""))
    return check is not None and 0 < len(element.get("action_id", "")) <= 255 and check(element)


def _button(button: Json) -> bool:
    known = _only(button, "action_id", "text", "value", "style", "confirm", "url", "accessibility_label")
    styled = button.get("style", "primary") in ("primary", "danger")
    sized = _plain(button.get("text"), 75) and len(button.get("value", "")) <= 2000
    return known and styled and sized and _confirm(button.get("confirm"))


def _overflow(menu: Json) -> bool:
    options = menu.get("options", [])
    values = [option.get("value") for option in options]
    sized = 0 < len(options) <= 5 and len(set(values)) == len(values)
    known = _only(menu, "action_id", "options", "confirm")
    return known and sized and all(map(_option, options)) and _confirm(menu.get("confirm"))


def _option(option: Json) -> bool:
    known = set(option) <= {"text", "value", "url"}
    return known and _plain(option.get("text"), 75) and 0 < len(option.get("value", "")) <= 150


def _confirm(confirm: Json | None) -> bool:
    if confirm is None:
        return True
    known = set(confirm) <= {"title", "text", "confirm", "deny", "style"}
    asked = _plain(confirm.get("title"), 100) and _text(confirm.get("text"), 300)
    return known and asked and _plain(confirm.get("confirm"), 30) and _plain(confirm.get("deny"), 30)


def _plain(text: Any, limit: int) -> bool:
    return isinstance(text, dict) and text.get("type") == "plain_text" and _text(text, limit)


def _text(text: Any, limit: int) -> bool:
    own: Sequence[str] = ("emoji",) if text.get("type") == "plain_text" else ("verbatim",)
    known = text.get("type") in ("plain_text", "mrkdwn") and set(text) <= {"type", "text", *own}
    return known and isinstance(text.get("text"), str) and 0 < len(text["text"]) <= limit


_BLOCKS: dict[Any, Callable[[Json], bool]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "divider": _only,
}
_ELEMENTS: dict[str, Callable[[Json], bool]] = {"button": _button, "overflow": _overflow}
