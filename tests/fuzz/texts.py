"""Texts that were valid once: cut, doubled, shuffled, and full of what people and attackers put into them."""

import re
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

LONGEST = 100_000  # characters
KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "hunter22-canary"

# Letters and digits that look like others, or count as the same for a lenient reader.
CONFUSABLES = {
    **dict(zip("aeopcyxidmhsw059", "аеорсухіԁｍһѕｗ٠５９", strict=True)),
    "-": "–",
    ":": "：",
    " ": "\u00a0",
    '"': "”",
    "/": "⁄",
    "<": "＜",
    ",": "，",
    ".": "․",
}
NASTY = (
    *"\0\x07\x1b\x7f\r\n\t\x0b\x0c\x1c\x85\u2028\u202e\u200b\ufeff\ufffe\u0660\ud800\udcff😀\U0010ffff",
    *"'\"\\`%$#&*!|>@:,;?~<=-_.{}[]()/",
    *("\r\n", "\x1b[2J", "%s", "{0}", "{{7*7}}", "${HOME}", "../", "-1", "0", "00", "1e999", "0x1F", "1_0"),
    *("NaN", "Infinity", "null", "true", "9" * 30, "9" * 5_000, "٣", "²", "a" * 300, KEY_ID),
    *(
        "<!--",
        "<![CDATA[",
        "]]>",
        "<?xml",
        "&amp;",
        "&e;",
        "<b>",
        "</b>",
        "<!DOCTYPE r>",
        "=cmd|' /C calc'!A0",
    ),
    *(
        "*a",
        "&a ",
        "<<: *a",
        "!!python/name:os.system ",
        "!!binary ",
        "---\n",
        "...\n",
        "? ",
        "- ",
        ": ",
        "{",
        "[",
    ),
)

# Made once: making a strategy costs more than drawing from it.
CHANGES = st.integers(1, 4)
FRACTION = st.integers(0, 9_999)
LENGTHS = st.sampled_from((1, 2, 5, 20, 100, LONGEST))
PIECES = st.sampled_from(NASTY)
TIMES = st.sampled_from((10, 100, 1_000, 20_000))
NUMBERS = st.sampled_from(("0", "-1", "1", "007", "1.5", "1e9", "4294967296", "9" * 19, "9" * 400, ""))
BRACKETS = st.sampled_from((("[", "]"), ("{a: ", "}"), ("(", ")"), ('{"a":', "}"), ("<b>", "</b>")))
DEPTHS = st.sampled_from((1, 5, 100, 1_000, 20_000))
EITHER = st.booleans()

Op = Callable[[st.DrawFn, str], str]


def spoiled(valid: Sequence[str], *more: Op) -> st.SearchStrategy[str]:
    """One of ``valid`` after one to four changes; ``more``: changes of the parser's own."""
    begun, ops = st.sampled_from(valid), st.sampled_from((*OPS, *more, *more))

    @st.composite
    def changed(draw: st.DrawFn) -> str:
        text = draw(begun)
        for _ in range(draw(CHANGES)):
            text = draw(ops)(draw, text)[:LONGEST]
        return text

    return changed()


def change(draw: st.DrawFn, text: str) -> str:
    """One change."""
    return draw(ANY)(draw, text)[:LONGEST]


def as_bytes(text: str) -> bytes:
    """Lone surrogates too, as a broken program writes them."""
    return text.encode("utf-8", "surrogatepass")


def cut(draw: st.DrawFn, text: str) -> str:
    return text[: _place(draw, text)]


def behead(draw: st.DrawFn, text: str) -> str:
    return text[_place(draw, text) :]


def drop(draw: st.DrawFn, text: str) -> str:
    start, end = _span(draw, text)
    return text[:start] + text[end:]


def double(draw: st.DrawFn, text: str) -> str:
    start, end = _span(draw, text)
    return text[:end] + text[start:end] + text[end:]


def multiply(draw: st.DrawFn, text: str) -> str:
    start, end = _span(draw, text)
    piece = text[start:end][:200]
    return text[:start] + piece * draw(TIMES) + text[end:]


def swap(draw: st.DrawFn, text: str) -> str:
    a, b = _span(draw, text)
    c, d = _span(draw, text)
    if c < a:
        a, b, c, d = c, d, a, b
    return text if c < b else text[:a] + text[c:d] + text[b:c] + text[a:b] + text[d:]


def insert(draw: st.DrawFn, text: str) -> str:
    at = _place(draw, text)
    piece: str = draw(PIECES)
    return text[:at] + piece + text[at:]


def replace(draw: st.DrawFn, text: str) -> str:
    at = _place(draw, text)
    piece: str = draw(PIECES)
    return text[:at] + piece + text[at + 1 :]


def confuse(draw: st.DrawFn, text: str) -> str:
    at = _place(draw, text)
    return text[:at] + CONFUSABLES.get(text[at : at + 1], text[at : at + 1].swapcase()) + text[at + 1 :]


def exaggerate(draw: st.DrawFn, text: str) -> str:
    """One of its numbers becomes another."""
    start = _place(draw, text)
    number = re.compile(r"\d+").search(text, start) or re.search(r"\d+", text)
    return text[: number.start()] + draw(NUMBERS) + text[number.end() :] if number else text


def shuffle_lines(draw: st.DrawFn, text: str) -> str:
    """Drops, doubles or moves a line."""
    lines = text.splitlines(keepends=True)
    if not lines:
        return text
    at, to = (draw(FRACTION) * len(lines) // 10_000 for _ in range(2))
    line = lines[at] if draw(EITHER) else lines.pop(at)
    if draw(EITHER):
        lines.insert(to, line)
    return "".join(lines)


def nest(draw: st.DrawFn, text: str) -> str:
    start, end = _span(draw, text)
    (opening, closing), depth = draw(BRACKETS), draw(DEPTHS)
    return text[:start] + opening * depth + text[start:end] + closing * depth + text[end:]


OPS: tuple[Op, ...] = (
    cut,
    behead,
    drop,
    double,
    multiply,
    swap,
    insert,
    insert,
    replace,
    replace,
    confuse,
    exaggerate,
    shuffle_lines,
    nest,
)


ANY = st.sampled_from(OPS)


def _place(draw: st.DrawFn, text: str) -> int:
    return draw(FRACTION) * (len(text) + 1) // 10_000


def _span(draw: st.DrawFn, text: str) -> tuple[int, int]:
    """Short ones are the more likely: they leave most of the text valid."""
    start = _place(draw, text)
    return start, min(len(text), start + draw(LENGTHS))
