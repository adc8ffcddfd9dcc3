"""The pieces of Block Kit that messages are made of, inside Slack's limits.

Limits are Slack's (docs.slack.dev/reference/block-kit): 50 blocks, header 150, section 3,000, fields 10
of 2,000 characters. User and account names, tags and reasons are whatever their author typed: they are
escaped, and ``verbatim`` keeps Slack from turning "@here" or "#general" in them into mentions.
"""

import html
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.plan.notice import Notice
from app.sinks import wording

Block = dict[str, Any]

MAX_BLOCKS = 50
MAX_SECTION = 3000
MAX_HEADER = 150
MAX_FIELD = 2000
MAX_FIELDS = 10
# Slack also refuses a message whose blocks hold too much text altogether (msg_blocks_too_long).
MAX_PAGE_TEXT = 10_000
# Of the plain text beside the blocks, which notifications and screen readers show (Slack cuts at 40,000).
MAX_TEXT = 3000

DIVIDER: Block = {"type": "divider"}


@dataclass(frozen=True, slots=True)
class Page:
    """One post: its plain text, its blocks, and the findings that it tells of."""

    text: str
    blocks: tuple[Block, ...]
    findings: tuple[str, ...] = ()
    loud: bool = False  # as a reply it must be seen in the channel too


@dataclass(frozen=True, slots=True)
class Part:
    """Blocks that belong together, and the notices they speak of."""

    blocks: tuple[Block, ...]
    notices: tuple[Notice, ...] = ()


def pack(parts: Iterable[Part]) -> list[list[Part]]:
    """As few pages as hold the parts, in order; no part is torn."""
    full: list[list[Part]] = []
    room_blocks = room_text = 0
    for part in parts:
        size = len(str(part.blocks))
        if len(part.blocks) > room_blocks or size > room_text:
            full.append([])
            room_blocks, room_text = MAX_BLOCKS, MAX_PAGE_TEXT
        full[-1].append(part)
        room_blocks, room_text = room_blocks - len(part.blocks), room_text - size
    return full


def joined(lines: Iterable[str], limit: int) -> str:
    """As many whole lines as fit, each short enough to fit alone; a last "…" says that there were more."""
    kept: list[str] = []
    room = limit - len("\n…")
    for line in lines:
        if len(line) + 1 > room:
            return "\n".join([*kept, "…"])
        kept.append(line)
        room -= len(line) + 1
    return "\n".join(kept)


def chunks(lines: Sequence[tuple[str, Notice | None]]) -> Iterator[Part]:
    """The lines in as few sections as hold them, with the notices they stand for."""
    texts: list[str] = []
    told: list[Notice] = []
    for line, notice in lines:
        if texts and sum(map(len, texts)) + len(texts) + len(line) > MAX_SECTION:
            yield Part((section("\n".join(texts)),), tuple(told))
            texts, told = [], []
        texts.append(line)
        told += [notice] if notice else []
    if texts:
        yield Part((section("\n".join(texts)),), tuple(told))


def escape(text: str) -> str:
    """Text that can't become a mention, a link or code (docs.slack.dev: escape only &, <, >)."""
    return html.escape(wording.plain(text), quote=False).replace("`", "'")


def short(text: str, limit: int) -> str:
    """Escaped, and cut before it is, never inside an entity."""
    return escape(wording.clip(text, limit))


def header(text: str) -> Block:
    return {"type": "header", "text": plain_text(text, MAX_HEADER)}


def plain_text(text: str, limit: int) -> Block:
    return {"type": "plain_text", "text": wording.clip(text, limit), "emoji": False}


def mrkdwn(text: str, limit: int = MAX_SECTION) -> Block:
    return {"type": "mrkdwn", "text": wording.clip(text, limit), "verbatim": True}


def section(text: str) -> Block:
    return {"type": "section", "text": mrkdwn(text)}


def context(text: str) -> Block:
    return {"type": "context", "elements": [mrkdwn(text)]}
