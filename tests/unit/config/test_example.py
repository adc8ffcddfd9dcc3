import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from app.config.example import flow, render_example
from app.config.load import check_config, load_config
from app.config.schema import Config
from app.config.yaml_marks import read_yaml
from app.sinks.registry import SINKS

EXAMPLE = Path(__file__).parents[3] / "config.example.yaml"


def _option_names(kind: Any, seen: set[Any]) -> Iterator[str]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if kind in seen:
            return
        seen.add(kind)
        for name, option in kind.model_fields.items():
            yield option.alias or name
            yield from _option_names(option.annotation, seen)
    else:
        for part in get_args(kind):
            yield from _option_names(part, seen)


def test_the_file_is_what_the_models_say() -> None:
    assert EXAMPLE.read_text() == render_example(), "python -m app.config.example > config.example.yaml"


def test_it_loads_as_it_stands_and_means_the_defaults() -> None:
    assert check_config(EXAMPLE, {}) == []
    assert load_config(EXAMPLE, {}) == load_config(None, {})


def test_every_option_is_in_it() -> None:
    text = EXAMPLE.read_text()
    names = set(_option_names(Config, set()))
    for kind in SINKS.values():
        names |= set(_option_names(kind.settings, set()))
    assert len(names) > 50
    missing = [name for name in names if not re.search(rf"^[ #-]*{re.escape(name)}\b", text, re.MULTILINE)]
    assert missing == []


def test_every_sink_that_is_a_comment_loads_once_it_is_uncommented(tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    block = text[text.index("\nsinks:") : text.index("\n# the durable memory")]
    file = tmp_path / "c.yaml"
    file.write_text(re.sub(r"^  # (  )?", r"  \1", block, flags=re.MULTILINE))
    assert set(load_config(file, {}).sinks) == set(SINKS)


def test_no_line_is_too_long_to_read() -> None:
    assert max(map(len, EXAMPLE.read_text().splitlines())) <= 118


def test_values_are_quoted_only_where_they_must_be() -> None:
    for value in [
        "plain",
        "75d",
        "25%",
        "true",
        "10",
        "012345670123",
        "#x",
        "a: b",
        "",
        "{user}@x.example",
        "yes",
        "- a",
    ]:
        assert read_yaml(f"a: {flow(value)}\nb: [{flow(value)}]\n").value == {"a": value, "b": [value]}
    assert flow("75d") == "75d"
    assert flow("true") == '"true"'
