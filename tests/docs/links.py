"""Links of the documentation: what they lead to, by GitHub's rules for anchors."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.docs.blocks import ROOT, name_of, pages, prose, without_code

_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
_HTML = re.compile(r"<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)=\"([^\"]+)\"")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_ANCHOR = re.compile(r"<a\b[^>]*?\b(?:id|name)=\"([^\"]+)\"")


def links_of(page: Path) -> Iterator[str]:
    """Every target on a page, pictures too."""
    text = without_code(page.read_text("utf-8"))
    for pattern in (_LINK, _REFERENCE, _HTML):
        yield from pattern.findall(text)


@cache
def anchors_of(page: Path) -> frozenset[str]:
    """What ``#…`` may name there: headings as GitHub writes them (a second one of a name gets ``-1``)."""
    text = prose(page.read_text("utf-8"))
    seen: Counter[str] = Counter()
    found = set(_ANCHOR.findall(text))
    for heading in _HEADING.findall(text):
        slug = slug_of(heading)
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return frozenset(found)


def slug_of(heading: str) -> str:
    """GitHub's: the shown text in lower case, without punctuation, spaces as hyphens."""
    shown = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")


def lost_links() -> list[str]:
    """``PAGE: TARGET`` of each link that leads nowhere. Those to other hosts aren't followed."""
    linking = sorted({*pages(), *ROOT.glob("*.md")})
    return [f"{name_of(page)}: {link}" for page in linking for link in links_of(page) if is_lost(page, link)]


def is_lost(page: Path, link: str) -> bool:
    if re.match(r"[a-z][a-z+.-]*:", link):
        return False
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return True
    return bool(anchor) and target.suffix == ".md" and anchor not in anchors_of(target)


def unlisted() -> list[str]:
    """Pages that a reader of docs/README.md never comes to."""
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links_of(index)}
    return [name_of(page) for page in pages() if page.parent == index.parent and page not in {*listed, index}]
