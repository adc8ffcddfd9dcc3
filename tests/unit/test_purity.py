"""policy/, plan/ and a report's verdicts: no clock, no I/O (import-linter holds the imports)."""

import ast
from pathlib import Path

import pytest

import app

ROOT = Path(app.__file__).parent
REPORT = [ROOT / "report" / f"{name}.py" for name in ("standards", "assess", "evidence", "tables")]
PURE = sorted([*(ROOT / "policy").glob("*.py"), *(ROOT / "plan").glob("*.py"), *REPORT])
FORBIDDEN_CALLS = {"now", "utcnow", "today", "time", "monotonic", "open", "print", "input", "random", "uuid4"}


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


@pytest.mark.parametrize("path", PURE, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_pure_module_reads_no_clock_and_does_no_io(path: Path) -> None:
    calls = {_called(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
    assert not calls & FORBIDDEN_CALLS


def test_there_are_pure_modules_to_look_at() -> None:
    assert len(PURE) > 15
