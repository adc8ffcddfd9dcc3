"""Reading JSON of another's making: each value has the type and the form that it should have."""

import re
from typing import Any

LONGEST = 3_000  # characters: more stands in no value that Slack gives back (docs.slack.dev, Block Kit)
_ANY = re.compile(r"[^\ud800-\udfff]*")  # half a character can't be written down, nor sent


class Malformed(Exception):
    """A payload that none of our messages can have caused."""


def part(tree: object, *path: str | int) -> Any:
    """What stands there; None when nothing does."""
    for step in path:
        if isinstance(tree, dict):
            tree = tree.get(step)
        elif isinstance(tree, list) and isinstance(step, int) and step < len(tree):
            tree = tree[step]
        else:
            return None
    return tree


def text(tree: object, *path: str | int, form: re.Pattern[str] = _ANY) -> str:
    """The text that stands there, all of which has ``form``. Raises `Malformed`."""
    found = part(tree, *path)
    if not isinstance(found, str) or len(found) > LONGEST or not form.fullmatch(found):
        raise Malformed
    return found


def optional(tree: object, *path: str | int) -> str:
    """The text that stands there, without what can't be shown; empty when there is none."""
    found = part(tree, *path)
    words = " ".join(found[:LONGEST].split()) if isinstance(found, str) else ""
    return "".join(letter for letter in words if letter.isprintable())
