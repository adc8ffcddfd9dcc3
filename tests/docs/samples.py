"""What each block of printed text is held to: one table. A sample that isn't here is an error.

A sample is known by its page and the beginning of its first line.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from tests.docs.blocks import ROOT, Block, blocks
from tests.docs.wrong import Wrong


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Held by another test; the file must be there."""

    test: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Nothing prints it: a shape or a form in words."""


@dataclass(frozen=True, slots=True)
class AsPrinted:
    """What the commands of the block before it print, when `tests/functional/test_docs.py` runs them."""


@dataclass(frozen=True, slots=True)
class Said:
    """Each line is in the code, word for word, behind a beginning that all have in common."""

    start: str = ""


@dataclass(frozen=True, slots=True)
class Demo:
    """Lines of the demo's timeline."""


How = Elsewhere | Drawing | AsPrinted | Said | Demo
SAMPLES: Mapping[tuple[str, str], How] = {
    ("README.md", "Day 0"): Demo(),
    ("README.md", "Reading accounts"): Elsewhere("tests/functional/test_progress.py"),
    ("docs/architecture.md", "accounts →"): Drawing(),
    ("docs/architecture.md", "cli, web →"): Drawing(),
    ("docs/architecture.md", "pending →"): Drawing(),
    ("docs/architecture.md", "envelope →"): Drawing(),
    ("docs/architecture.md", "report row"): Drawing(),
    ("docs/audit.md", "event 17"): Elsewhere("tests/unit/test_audit_docs.py"),
    ("docs/audit.md", "SHA-256("): Drawing(),
    ("docs/chaos.md", "schedule "): Drawing(),
    ("docs/getting-started.md", "4 access keys"): AsPrinted(),
    ("docs/getting-started.md", "…U25F of old.contractor"): AsPrinted(),
    ("docs/ledgers.md", "the ledger can't be reached"): Said("the ledger "),
    ("docs/reference.md", "keysteward "): Elsewhere("tests/unit/reference/test_reference.py"),
    ("docs/templates.md", "/etc/keysteward/templates"): Elsewhere("tests/unit/sinks/test_texts.py"),
}


def samples() -> list[Block]:
    return blocks("text", "")


def how(block: Block) -> How:
    """Raises `Wrong` for a sample that no row speaks of."""
    first = block.text.lstrip().split("\n", 1)[0]
    for (page, start), found in SAMPLES.items():
        if block.page == page and first.startswith(start):
            return found
    raise Wrong(
        f"say in SAMPLES of tests/docs/samples.py what holds the text that begins with {first[:40]!r}"
    )


def check(block: Block) -> None:
    """What can be told without running anything."""
    found = how(block)
    if isinstance(found, Elsewhere) and not (ROOT / found.test).is_file():
        raise Wrong(f"{found.test} is gone")
    if isinstance(found, Said):
        for line in block.text.splitlines():
            if line.removeprefix(found.start) not in _strings():
                raise Wrong(f"nothing in the code says {line!r}")


@cache
def _strings() -> str:
    """The code with its literals joined, as Python joins them."""
    text = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "app").rglob("*.py")))
    return re.sub(r"\"\s*\n\s*f?\"", "", text)


def bare(text: str) -> str:
    """A printed text without what differs from run to run: keys, ids, numbers, dates, lines of a frame."""
    text = re.sub(r"…[A-Z0-9]{4}|KS-[A-Z2-7]{10}", "KEY", text)
    text = re.sub(
        r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? |\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\w*",
        "",
        text,
    )
    text = re.sub(r"\d[\d,.:-]*", "0", text)
    return " ".join(re.sub(r"[─-╿·]", " ", text).split())


def shows(printed: str, sample: str) -> list[str]:
    """The lines of ``sample`` that ``printed`` lacks; ``…`` alone leaves lines out."""
    whole = bare(printed)
    lines = [line for line in sample.splitlines() if bare(line) not in {"", "…"}]
    return [line for line in lines if bare(line) not in whole]
