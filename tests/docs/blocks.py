"""The documentation as data: every page, and every block of code on it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>```+)(?P<language>[\w+-]*)[^\n]*\n", re.MULTILINE)
_INDENTED = re.compile(r"(?<=\n\n)(?: {4}[^\n]*\n)+(?=\n|\Z)")  # between blank lines, not in a list
_CODE = re.compile(r"(`+)(?:.+?)\1", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """``page`` is relative to the root, ``line`` that of the opening fence. ``language`` may be empty."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Every page that a reader may come to."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(*languages: str) -> list[Block]:
    """All blocks, or those of some languages, page by page from top to bottom."""
    found = (block for page in pages() for block in blocks_of(name_of(page), page.read_text("utf-8")))
    return [block for block in found if not languages or block.language in languages]


def blocks_of(page: str, text: str) -> Iterator[Block]:
    """Fenced blocks, and lines that are indented by four: those are commands on every page."""
    fenced = list(_fenced(page, text))
    rest = prose(text, keep_lines=True)
    indented = [
        Block(page, _line(rest, match.start()), "sh", _dedented(match[0], 4))
        for match in _INDENTED.finditer(rest)
    ]
    yield from sorted([*fenced, *indented], key=lambda block: block.line)


def prose(text: str, keep_lines: bool = False) -> str:
    """The page without its fenced blocks."""
    out, at = "", 0
    for start, end, _ in _spans(text):
        out += text[at:start] + ("\n" * text.count("\n", start, end) if keep_lines else "\n")
        at = end
    return out + text[at:]


def without_code(text: str) -> str:
    """Prose in which nothing is code: what looks like a link there is one."""
    return _CODE.sub("code", prose(text))


def _fenced(page: str, text: str) -> Iterator[Block]:
    for start, end, fence in _spans(text):
        body = text[fence.end() : end].rsplit(fence["indent"] + fence["ticks"], 1)[0]
        yield Block(page, _line(text, start), fence["language"], _dedented(body, len(fence["indent"])))


def _spans(text: str) -> Iterator[tuple[int, int, re.Match[str]]]:
    at = 0
    while fence := _FENCE.search(text, at):
        closing = re.compile(rf"^ *{fence['ticks']}`* *(?:\n|\Z)", re.MULTILINE).search(text, fence.end())
        at = closing.end() if closing else len(text)
        yield fence.start(), at, fence


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _dedented(text: str, by: int) -> str:
    return "".join(re.sub(rf"^ {{0,{by}}}", "", line) for line in text.splitlines(keepends=True))
