"""A message in Block Kit: a page in the channel, and what doesn't fit as replies in its thread.

Limits are Slack's (docs.slack.dev/reference/block-kit): 50 blocks, header 150, section 3,000, fields 10
of 2,000 characters. User and account names, tags and reasons are whatever their author typed: they are
escaped, and ``verbatim`` keeps Slack from turning "@here" or "#general" in them into mentions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from app.plan.notice import Notice
from app.sinks import wording
from app.sinks.interface import Message
from app.sinks.texts import Texts

Block = dict[str, Any]

MAX_BLOCKS = 50
MAX_SECTION = 3000
MAX_HEADER = 150
MAX_FIELD = 2000
# Slack also refuses a message whose blocks hold too much text altogether (msg_blocks_too_long).
MAX_PAGE_TEXT = 10_000
DETAILED = 8  # findings shown in full; a reader of hundreds needs a list
LINE = 500

_MARKS = {"critical": ":red_circle:", "warning": ":large_orange_circle:", "info": ":white_circle:"}


@dataclass(frozen=True, slots=True)
class Page:
    """One post: its fallback text (what a phone's lock screen shows), blocks, and findings."""

    text: str
    blocks: tuple[Block, ...]
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """Blocks that belong together, and the findings they speak of."""

    blocks: tuple[Block, ...]
    findings: tuple[str, ...] = ()


def pages(message: Message, texts: Texts) -> list[Page]:
    """The first page, and the replies; every finding is on exactly one of them."""
    notices = message.notices
    details = [_detail(notice, texts, alone=len(notices) == 1) for notice in notices[:DETAILED]]
    lines = _lists(notices[DETAILED:], texts)
    packed = _pack([_top(message, texts), *details, *_bottom(notices, texts), *lines])
    return [_page(message, texts, number, parts) for number, parts in enumerate(packed)]


def escape(text: str) -> str:
    """Text that can't become a mention, a link or code (docs.slack.dev: escape only &, <, >)."""
    safe = wording.plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return safe.replace("`", "'")


def _page(message: Message, texts: Texts, number: int, parts: Sequence[_Part]) -> Page:
    heading = escape(texts.title(message))
    text = f"{heading} (continued)" if number else heading
    blocks = tuple(block for part in parts for block in part.blocks)
    return Page(wording.clip(text, LINE), blocks, tuple(f for part in parts for f in part.findings))


def _pack(parts: Iterable[_Part]) -> list[list[_Part]]:
    full: list[list[_Part]] = []
    room_blocks = room_text = 0
    for part in parts:
        size = len(str(part.blocks))
        if len(part.blocks) > room_blocks or size > room_text:
            full.append([])
            room_blocks, room_text = MAX_BLOCKS, MAX_PAGE_TEXT
        full[-1].append(part)
        room_blocks, room_text = room_blocks - len(part.blocks), room_text - size
    return full


def _top(message: Message, texts: Texts) -> _Part:
    header = wording.clip(texts.title(message), MAX_HEADER)
    blocks: list[Block] = [{"type": "header", "text": {"type": "plain_text", "text": header, "emoji": False}}]
    single = len(message.notices) == 1
    said = [texts.why_you(message), "" if single else texts.summary(message)]
    blocks += [_context(escape(text)) for text in said if text]
    return _Part(tuple(blocks))


def _detail(notice: Notice, texts: Texts, *, alone: bool) -> _Part:
    fields = [_mrkdwn(f"*{label}*\n{escape(value)}", MAX_FIELD) for label, value in texts.facts(notice)]
    section: Block = {"type": "section", "fields": fields}
    if not alone:
        section["text"] = _mrkdwn(f"{_mark(notice)} *{escape(texts.headline(notice))}*", MAX_SECTION)
    divider: list[Block] = [] if alone else [{"type": "divider"}]
    undo = texts.undo(notice)
    how = [_section(f"*A mistake?* Undo it with `{escape(undo)}`")] if undo else []
    return _Part((*divider, section, *how, _context(_small_print(notice, texts))), (notice.finding_id,))


def _mark(notice: Notice) -> str:
    return ":heavy_check_mark:" if notice.kind in ("done", "resolved") else _MARKS[notice.urgency]


def _small_print(notice: Notice, texts: Texts) -> str:
    ticket = f"ticket {escape(notice.ticket)}" if notice.ticket else ""
    rest = [
        escape(texts.reason(notice)),
        ticket,
        f"rule {escape(notice.rule)}",
        f"`{escape(notice.finding_id)}`",
    ]
    return "  ·  ".join(filter(None, rest))


def _bottom(notices: Sequence[Notice], texts: Texts) -> list[_Part]:
    steps = texts.steps(notices)
    if not steps:
        return []
    numbered = "\n".join(f"{number}. {escape(step)}" for number, step in enumerate(steps, start=1))
    return [_Part(({"type": "divider"}, _section(f"*How to rotate*\n{numbered}")))]


def _lists(notices: Sequence[Notice], texts: Texts) -> list[_Part]:
    """The long tail, one line a finding and as many lines a section as fit."""
    parts: list[_Part] = []
    lines: list[str] = []
    told: list[str] = []
    for notice in notices:
        line = _line(notice, texts)
        if lines and sum(map(len, lines)) + len(lines) + len(line) > MAX_SECTION:
            parts.append(_Part((_section("\n".join(lines)),), tuple(told)))
            lines, told = [], []
        lines.append(line)
        told.append(notice.finding_id)
    return [*parts, _Part((_section("\n".join(lines)),), tuple(told))] if lines else parts


def _line(notice: Notice, texts: Texts) -> str:
    used = f"last used {escape(notice.last_used)}"
    small = f"{notice.age_days} days old, {used}, `{escape(notice.finding_id)}`"
    # Only the names may be long, and are cut before they are escaped, never inside an entity.
    headline = escape(wording.clip(texts.headline(notice), LINE // 2))
    return f"{_mark(notice)} *{headline}* ({small})"


def _mrkdwn(text: str, limit: int) -> Block:
    return {"type": "mrkdwn", "text": wording.clip(text, limit), "verbatim": True}


def _section(text: str) -> Block:
    return {"type": "section", "text": _mrkdwn(text, MAX_SECTION)}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [_mrkdwn(text, MAX_SECTION)]}
