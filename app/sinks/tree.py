"""Reading JSON of another's making: whatever it holds, a value of the wanted type comes out, and no error."""

from typing import Any

LONGEST = 3_000  # characters of any value that is kept


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


def optional(tree: object, *path: str | int) -> str:
    """The text that stands there, as one line of what can be shown; empty when there is none."""
    found = part(tree, *path)
    return shown(found) if isinstance(found, str) else ""


def listed(tree: object, *path: str | int) -> list[object]:
    """The list that stands there; empty when there is none."""
    found = part(tree, *path)
    return found if isinstance(found, list) else []


def shown(text: str) -> str:
    """One line, without control characters and halves of characters: safe to write down and to send."""
    return "".join(letter for letter in " ".join(text[:LONGEST].split()) if letter.isprintable())
