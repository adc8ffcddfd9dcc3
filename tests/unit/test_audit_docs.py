"""docs/audit.md names every kind of event, and the words that `history --verify` says."""

import ast
import re
from pathlib import Path

import app
from app.ledger.chain import CUT
from app.ledger.verify import Break
from app.service.done import DONE
from app.service.refusal import REFUSED, RELOADED

DOCS = (Path(__file__).parents[2] / "docs/audit.md").read_text("utf-8")
CALLS = {"Event", "event", "_event", "event_of", "_audited"}


def written() -> set[str]:
    """The word of every event that the code writes: the first text handed to what makes one."""
    folder = Path(app.__file__).parent
    files = (file for layer in ("plan", "service") for file in (folder / layer).glob("*.py"))
    sources = [ast.parse(file.read_text("utf-8")) for file in files]
    calls = [node for tree in sources for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found = (word_of(call) for call in calls if name_of(call) in CALLS)
    return {word for word in found if word} | set(DONE.values()) | {REFUSED, RELOADED}


def name_of(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def word_of(call: ast.Call) -> str | None:
    texts = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    return texts[0] if texts and texts[0].isidentifier() else None


def test_every_kind_of_event_is_in_the_table() -> None:
    table = DOCS.partition("| `what` | happened |")[2].partition("\n\n")[0]
    told = {word for line in table.splitlines() for word in re.findall(r"`(\w+)`", line.partition(" | ")[0])}
    assert len(told) > 10
    assert told == written() - {CUT}


def test_the_words_of_a_verdict_are_shown_as_they_are_said() -> None:
    shown = [Break("altered", 17, 17), Break("missing", 40, 42), Break("cut", 990, 1000)]
    assert "\n".join(one.text for one in shown) in DOCS
