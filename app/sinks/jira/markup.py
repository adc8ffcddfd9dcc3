"""The light markup of the ticket templates, as Jira Cloud (ADF) or Data Center (wiki text) wants it.

Paragraphs are parted by blank lines, "* " begins a bullet, "# " a numbered step, and backticks hold code.
Everything else is text: whatever a name or a tag holds, it can't become a mention, a link or a macro.
ADF: developer.atlassian.com/cloud/jira/platform/apis/document/structure.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

from app.sinks.tree import listed, part

Json = dict[str, Any]
Kind = Literal["text", "bullet", "number"]

_PREFIXES: dict[Kind, str] = {"bullet": "* ", "number": "# ", "text": ""}
_LISTS: dict[Kind, str] = {"bullet": "bulletList", "number": "orderedList"}
_CODE = re.compile(r"`([^`\n]+)`")
# Two hyphens would become a dash, in code too.
_WIKI_SPECIAL = re.compile(r"[\\{}\[\]|!*~^]|(?<=-)-|-(?=-)")
_WIKI_ESCAPED = re.compile(r"\\([\\{}\[\]|!*~^-])")


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph of lines, or a list of items."""

    kind: Kind
    lines: tuple[str, ...]


def parse(text: str) -> tuple[Block, ...]:
    """The blocks of ``text``. A list ends at a line that isn't an item, or at a blank one."""
    blocks: list[Block] = []
    for blank, lines in groupby(text.splitlines(), key=lambda line: not line.strip()):
        if not blank:
            blocks += _blocks(list(lines))
    return tuple(blocks)


def _blocks(lines: Sequence[str]) -> Iterator[Block]:
    for kind, run in groupby(lines, key=_kind):
        yield Block(kind, tuple(line.strip().removeprefix(_PREFIXES[kind]).strip() for line in run))


def _kind(line: str) -> Kind:
    return next(kind for kind, prefix in _PREFIXES.items() if line.strip().startswith(prefix))


def _pieces(line: str) -> Iterator[tuple[str, bool]]:
    """The line's pieces, and whether each is code."""
    for number, piece in enumerate(_CODE.split(line)):
        if piece:
            yield piece, number % 2 == 1


# --- Cloud ---------------------------------------------------------------------------------------


def to_adf(text: str) -> Json:
    """``text`` as a whole document."""
    return {"type": "doc", "version": 1, "content": [_adf_block(block) for block in parse(text)]}


def _adf_block(block: Block) -> Json:
    if block.kind == "text":
        return _paragraph(block.lines)
    items = [{"type": "listItem", "content": [_paragraph([line])]} for line in block.lines]
    return {"type": _LISTS[block.kind], "content": items}


def _paragraph(lines: Sequence[str]) -> Json:
    content: list[Json] = []
    for line in lines:
        content += [{"type": "hardBreak"}] if content else []
        content += [_adf_text(piece, code) for piece, code in _pieces(line)]
    return {"type": "paragraph", "content": content}


def _adf_text(text: str, code: bool) -> Json:
    return {"type": "text", "text": text, **({"marks": [{"type": "code"}]} if code else {})}


# --- Data Center ---------------------------------------------------------------------------------


def to_wiki(text: str) -> str:
    """``text`` as wiki text, everything special in it escaped."""
    return "\n\n".join(_wiki_block(block) for block in parse(text))


def _wiki_block(block: Block) -> str:
    return "\n".join(_PREFIXES[block.kind] + _wiki_line(line) for line in block.lines)


def _wiki_line(line: str) -> str:
    return "".join(f"{{{{{_escape(p)}}}}}" if code else _escape(p) for p, code in _pieces(line))


def _escape(text: str) -> str:
    return _WIKI_SPECIAL.sub(lambda found: f"\\{found.group()}", text)


# --- both ----------------------------------------------------------------------------------------


def lines(body: Json | str | None) -> tuple[str, ...]:
    """What a description or a comment says, line by line: an ADF document or wiki text."""
    if isinstance(body, dict):
        return tuple("".join(_spoken(body)).splitlines())
    return tuple(_WIKI_ESCAPED.sub(r"\1", body or "").splitlines())


def _spoken(document: Json) -> Iterator[str]:
    """Without recursion: people nest lists and tables as deep as they like."""
    waiting: list[object] = [document]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            yield node
        kind = part(node, "type")
        if kind == "text":
            yield str(part(node, "text") or "")
        elif kind == "hardBreak":
            yield "\n"
        waiting += ["\n"] if kind in ("paragraph", "heading", "codeBlock") else []
        waiting += reversed([inner for inner in listed(node, "content") if isinstance(inner, dict)])


def appended(body: Json | str | None, text: str, cloud: bool) -> Json | str:
    """``body`` as it stands with ``text`` behind it."""
    if not cloud:
        return "\n\n".join(filter(None, (str(body or ""), to_wiki(text))))
    addition = to_adf(text)
    if not isinstance(body, dict):
        return addition
    return {**body, "content": [*listed(body, "content"), *addition["content"]]}
