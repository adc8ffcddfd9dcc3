"""Jira's answers, checked where they come in: what has another shape is no answer.

Everything here raises ValueError, TypeError or LookupError then, which `api.py` translates.
"""

import re
from typing import Any

from app.sinks.tree import optional, part

Json = dict[str, Any]

_KEY = re.compile(r"[A-Z][A-Z0-9_]*-[1-9]\d{0,18}", re.ASCII)
_ID = re.compile(r"\d{1,18}", re.ASCII)
# The fields that are asked for, each with its type where it isn't null.
_FIELDS: dict[str, type | tuple[type, ...]] = {
    "summary": str,
    "status": dict,
    "assignee": dict,
    "duedate": str,
    "description": (str, dict),
    "labels": list,
    "priority": dict,
}


def key_of(issue: Any) -> str:
    """Of an issue, or of the answer to its creation."""
    return _formed(_KEY, issue["key"])


def issue(raw: Any) -> Json:
    """Its key, its number and the fields that are known here."""
    fields = {name: _typed(kind, raw["fields"].get(name)) for name, kind in _FIELDS.items()}
    fields["labels"] = [label for label in fields["labels"] or () if isinstance(label, str)]
    return {"key": key_of(raw), "id": _formed(_ID, raw["id"]), "fields": fields}


def users(raw: Any) -> list[Json]:
    return [_typed(dict, user) or {} for user in _typed(list, raw) or ()]


def comments(raw: Any) -> list[Json | str | None]:
    """The bodies."""
    return [_typed((str, dict), comment.get("body")) for comment in _typed(list, raw["comments"]) or ()]


def transitions(raw: Any) -> list[Json]:
    """Of each its id, its name, and the status that it leads to."""
    return [
        {"id": _formed(_ID, way["id"]), "name": optional(way, "name"), "to": _status(way["to"])}
        for way in raw["transitions"]
    ]


def _status(raw: Any) -> Json:
    return {"name": optional(raw, "name"), "statusCategory": {"key": part(raw, "statusCategory", "key")}}


def _typed(kind: type | tuple[type, ...], value: Any) -> Any:
    if value is not None and not isinstance(value, kind):
        raise TypeError
    return value


def _formed(form: re.Pattern[str], value: Any) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ValueError
    return value
