"""Jira's answers, checked where they come in: what has another shape is no answer.

Everything here raises ValueError, TypeError or LookupError then, which `api.py` translates. What must be
there is what a mistake would follow from: an empty list where Jira sent none would open a ticket twice.
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
    "duedate": str,
    "description": (str, dict),
    "priority": dict,
}
_PERSON = ("accountId", "name", "emailAddress", "displayName")


def key_of(issue: Any) -> str:
    """Of an issue, or of the answer to its creation."""
    return _formed(_KEY, issue["key"])


def issue(raw: Any) -> Json:
    """Its key, its number and the fields that are known here."""
    told = raw["fields"]
    fields = {name: _typed(kind, told.get(name)) for name, kind in _FIELDS.items()}
    fields["labels"] = [label for label in _list(told["labels"]) if isinstance(label, str)]
    fields["status"] = _status(told["status"])
    fields["assignee"] = person(told["assignee"]) if told.get("assignee") is not None else None
    return {"key": key_of(raw), "id": _formed(_ID, raw["id"]), "fields": fields}


def page(raw: Any) -> list[Any]:
    """What one page of a search has found, in any shape."""
    return _list(raw["issues"])


def next_page(raw: Any) -> str:
    """The token of the page behind this one; empty on the last."""
    token = _typed(str, raw.get("nextPageToken")) or ""
    if not token and raw.get("isLast") is False:
        raise ValueError
    return str(token)


def total(raw: Any) -> int:
    """How many issues a search finds on all its pages."""
    found = raw["total"]
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise TypeError
    return found


def users(raw: Any) -> list[Json]:
    return [person(user) for user in _list(raw)]


def person(raw: Any) -> Json:
    """How they are called, as one line each; ``active`` unless Jira says otherwise."""
    told = {name: optional(raw, name) for name in _PERSON}
    return {**told, "active": raw.get("active", True) is True}


def comments(raw: Any) -> list[Json | str | None]:
    """The bodies."""
    return [_typed((str, dict), comment["body"]) for comment in _list(raw["comments"])]


def transitions(raw: Any) -> list[Json]:
    """Of each its id, its name, and the status that it leads to."""
    return [
        {"id": _formed(_ID, way["id"]), "name": optional(way, "name"), "to": _status(way["to"])}
        for way in _list(raw["transitions"])
    ]


def _status(raw: Any) -> Json:
    category = part(raw, "statusCategory", "key")
    if not isinstance(category, str):
        raise TypeError
    return {"name": optional(raw, "name"), "statusCategory": {"key": category}}


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _typed(kind: type | tuple[type, ...], value: Any) -> Any:
    if value is not None and not isinstance(value, kind):
        raise TypeError
    return value


def _formed(form: re.Pattern[str], value: Any) -> str:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ValueError
    return value
