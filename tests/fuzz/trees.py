"""JSON trees that were valid once: parts lost, doubled, renamed, exchanged, or of another type."""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from tests.fuzz import texts

Path = tuple[str | int, ...]


def _deep(depth: int) -> Any:
    tree: Any = "x"
    for _ in range(depth):
        tree = {"a": [tree]}
    return tree


ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        1.5,
        10**30,
        float("inf"),
        float("nan"),
        "",
        " ",
        "x",
        "\0",
        "\ud800",
        "٣",
    ),
    *([], {}, [[]], [None], [{}], {"": ""}, {"id": 1}, ["x"], "9" * 5_000, "a" * 5_000, texts.KEY_ID),
    _deep(20),
    _deep(200),
)
CHANGES = st.integers(1, 3)
ODDITIES = st.sampled_from(ODD)
WRAPPERS = st.sampled_from(("list", "mapping", "text"))
NAMES = st.sampled_from(("", "x", "id", "type", "upper", "spaced"))
Op = Callable[[st.DrawFn, Any, Path], None]


def spoiled(valid: Sequence[Any]) -> st.SearchStrategy[Any]:
    """One of ``valid`` after one to three changes; a copy."""
    begun, ops = st.sampled_from(valid), st.sampled_from(OPS)

    @st.composite
    def changed(draw: st.DrawFn) -> Any:
        tree = {"": deepcopy(draw(begun))}
        for _ in range(draw(CHANGES)):
            paths = list(_paths(tree))
            if paths:
                draw(ops)(draw, tree, _one_of(draw, paths))
        return tree.get("")

    return changed()


def _one_of(draw: st.DrawFn, paths: Sequence[Path]) -> Path:
    return paths[draw(texts.FRACTION) * len(paths) // 10_000]


def _paths(tree: Any, path: Path = ()) -> Iterator[Path]:
    if path:
        yield path
    if len(path) > 12:
        return
    steps: Any = tree.keys() if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for step in steps:
        yield from _paths(tree[step], (*path, step))


def at(tree: Any, path: Path) -> Any:
    for step in path:
        tree = tree[step]
    return tree


def put(tree: Any, path: Path, value: Any) -> None:
    at(tree, path[:-1])[path[-1]] = value


def lose(draw: st.DrawFn, tree: Any, path: Path) -> None:
    del at(tree, path[:-1])[path[-1]]


def distort(draw: st.DrawFn, tree: Any, path: Path) -> None:
    put(tree, path, deepcopy(draw(ODDITIES)))


def wrap(draw: st.DrawFn, tree: Any, path: Path) -> None:
    value, kind = at(tree, path), draw(WRAPPERS)
    put(tree, path, [value] if kind == "list" else {"a": value} if kind == "mapping" else str(value)[:1_000])


def rename(draw: st.DrawFn, tree: Any, path: Path) -> None:
    inside, name = at(tree, path[:-1]), path[-1]
    if isinstance(inside, dict):
        new = draw(NAMES)
        inside[{"upper": str(name).upper(), "spaced": f"{name} "}.get(new, new)] = inside.pop(name)


def double(draw: st.DrawFn, tree: Any, path: Path) -> None:
    inside = at(tree, path[:-1])
    if isinstance(inside, list):
        inside.insert(0, deepcopy(inside[int(path[-1])]))


def exchange(draw: st.DrawFn, tree: Any, path: Path) -> None:
    """Puts a copy of another part in its place."""
    put(tree, path, deepcopy(at(tree, _one_of(draw, list(_paths(tree))))))


def spoil_text(draw: st.DrawFn, tree: Any, path: Path) -> None:
    value = at(tree, path)
    if isinstance(value, str):
        put(tree, path, texts.change(draw, value))


OPS: tuple[Op, ...] = (lose, lose, distort, distort, wrap, rename, double, exchange, spoil_text, spoil_text)
