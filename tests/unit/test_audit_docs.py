"""docs/audit.md names every kind of event, and the words that `history --verify` says."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import app
from app.ledger.chain import CUT
from app.ledger.verify import Break
from app.plan.draft import SERVICE
from app.service.done import DONE

DOCS = (Path(__file__).parents[2] / "docs/audit.md").read_text("utf-8")
CALLS = {"Event", "event", "_event", "event_of", "_audited"}


def written() -> set[str]:
    """The word of every event that the code writes: the first text handed to what makes one."""
    folder = Path(app.__file__).parent
    files = (file for layer in ("plan", "service") for file in (folder / layer).glob("*.py"))
    found = (word for file in files for word in words_of(ast.parse(file.read_text("utf-8"))))
    return {word for word in found if word} | set(DONE.values())


def words_of(tree: ast.Module) -> Iterator[str | None]:
    named = constants(tree)
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    yield from (word_of(call, named) for call in calls if name_of(call) in CALLS)


def constants(tree: ast.Module) -> dict[str, object]:
    """Texts that a module has given a name."""
    found: dict[str, object] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names = getattr(node.targets[0], "elts", node.targets)
            values = getattr(node.value, "elts", [node.value])
            found |= {
                getattr(n, "id", ""): getattr(v, "value", None) for n, v in zip(names, values, strict=False)
            }
    return found


def name_of(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def word_of(call: ast.Call, named: dict[str, object]) -> str | None:
    values = (getattr(arg, "value", named.get(getattr(arg, "id", ""))) for arg in call.args)
    texts = [value for value in values if isinstance(value, str) and value != SERVICE]  # who, not what
    return texts[0] if texts and texts[0].isidentifier() else None


def test_every_kind_of_event_is_in_the_table() -> None:
    table = DOCS.partition("| `what` | happened |")[2].partition("\n\n")[0]
    told = {word for line in table.splitlines() for word in re.findall(r"`(\w+)`", line.partition(" | ")[0])}
    assert len(told) > 10
    assert told == written() | {CUT}


def test_the_words_of_a_verdict_are_shown_as_they_are_said() -> None:
    shown = [Break("altered", 17, 17), Break("missing", 40, 42), Break("cut", 990, 1000)]
    assert "\n".join(one.text for one in shown) in DOCS
