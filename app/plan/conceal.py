"""Fewer than four characters of a key's id in what people read, where the config asks for that."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from app.model import SHOWN_CHARACTERS, redact
from app.plan.notice import Notice
from app.plan.summary import RunSummary

Told = TypeVar("Told", Notice, RunSummary)

# A masked id (`app.model.mask`), whichever key it is of and whatever follows: names and tags may quote one.
_TAIL = re.compile(r"…([A-Z0-9]{4}|\?{4})")


def conceal(told: Told, shown: int) -> Told:
    """``told`` with ``shown`` characters (0 to 4) of every key id in every text: ``…YZ``, or ``…`` alone.

    It only ever takes away: what is masked already can't be shown again.
    """
    return told if shown >= SHOWN_CHARACTERS else _fields(told, max(0, shown))


def conceal_text(text: str, shown: int) -> str:
    """The same for one text."""
    shown = max(0, min(shown, SHOWN_CHARACTERS))
    return _TAIL.sub(lambda found: "…" + found[1][SHOWN_CHARACTERS - shown :], redact(text))


def _fields(value: Any, shown: int) -> Any:
    return replace(value, **{one.name: _less(getattr(value, one.name), shown) for one in fields(value)})


def _less(value: Any, shown: int) -> Any:
    if isinstance(value, str):
        return conceal_text(value, shown)
    if isinstance(value, tuple):
        return tuple(_less(one, shown) for one in value)
    if isinstance(value, Mapping):
        return {key: _less(one, shown) for key, one in value.items()}
    return _fields(value, shown) if is_dataclass(value) else value
