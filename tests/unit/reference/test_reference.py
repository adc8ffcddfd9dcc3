"""docs/reference.md is what the code says, whole, and its links lead somewhere."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Gt, Le
from pydantic import BaseModel, Field, SecretStr

from app.cli.main import COMMANDS, EXIT_CODES
from app.config.example import models_in
from app.config.policy import RuleSettings
from app.config.schema import Config
from app.config.types import Duration, Flag, Globs, Share
from app.model import Do
from app.reference import anchor, render_reference
from app.reference.options import default_text, kind_text, walk
from app.sinks.registry import SINKS

PAGE = Path(__file__).parents[3] / "docs/reference.md"
TEXT = PAGE.read_text()


def test_the_page_is_what_the_code_says() -> None:
    assert render_reference() == TEXT, "python -m app.reference > docs/reference.md"


def _names(model: type[BaseModel], seen: set[type[BaseModel]]) -> set[str]:
    if model in seen:
        return set()
    seen.add(model)
    own = {field.alias or name for name, field in model.model_fields.items()}
    inner = (one for field in model.model_fields.values() for one in models_in(field.annotation))
    return own.union(*(_names(one, seen) for one in inner))


def test_every_option_is_on_it() -> None:
    models: list[type[BaseModel]] = [Config, *(kind.settings for kind in SINKS.values())]
    names = set().union(*(_names(one, set()) for one in models))
    on_page = set(re.findall(r"^\| `(?:[\w.\[\]]*\.)?(\w+)`", TEXT, re.MULTILINE))
    headings = set(re.findall(r"^### (\w+)$", TEXT, re.MULTILINE))
    below = {
        part
        for path in re.findall(r"^\| `([\w.\[\]]+)`", TEXT, re.MULTILINE)
        for part in re.split(r"\W+", path)
    }
    assert len(names) > 50
    assert names - on_page - headings - below == set()


def test_every_command_and_exit_code_is_on_it() -> None:
    assert [name for name in COMMANDS if f"### keysteward {name}\n" not in TEXT] == []
    assert [number for number in EXIT_CODES if f"| {number} | " not in TEXT] == []


def test_every_link_on_it_leads_to_one_heading() -> None:
    headings = [anchor(line.lstrip("# ")) for line in re.findall(r"^#+ .*$", TEXT, re.MULTILINE)]
    links = re.findall(r"\]\(#([^)]+)\)", TEXT)
    assert len(links) > 30
    assert [link for link in links if headings.count(link) != 1] == []


def test_no_row_of_a_table_has_more_cells_than_its_head() -> None:
    for block in re.findall(r"(?:^\|.*\n)+", TEXT, re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(cells) == 1, block[:200]


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        (str, "text"),
        (int | None, "whole number"),
        (Flag, "`true` or `false`"),
        (Duration | None, "duration"),
        (Share, "percentage"),
        (Globs, "list of text"),
        (SecretStr, "secret"),
        (dict[str, SecretStr], "mapping to secret"),
        (Literal["a", "b"], "`a` or `b`"),
        (Do, "`deactivate` or `delete`"),
        (Annotated[int, Gt(0), Le(9)], "whole number, above 0 up to 9"),
        (tuple[RuleSettings, ...], "list of sections"),
        (Path, "path"),
    ],
)
def test_a_type_in_words(shape: Any, text: str) -> None:
    assert kind_text(shape) == text


class Inner(BaseModel):
    share: Share = Field(0.25, description="how much")
    more: tuple["Inner", ...] | None = Field(None, description="of the same")


class Outer(BaseModel):
    one: Inner = Field(Inner(), description="a section")
    many: tuple[Inner, ...] = Field((), description="several")
    wait: Duration = Field(timedelta(days=7), description="how | long")
    secret: SecretStr | None = Field(None, description="hush", examples=["x y"])
    must: str = Field(description="no default")
    named_: float = Field(10, alias="named", description="a number")


def test_options_are_walked_down_to_the_leaves_once() -> None:
    found = [option for name, field in Outer.model_fields.items() for option in walk(name, field)]
    assert [(option.path, option.default) for option in found] == [
        ("one.share", "`25%`"),
        ("one.more", "not set"),
        ("many", "`[]`"),
        ("many[].share", "`25%`"),
        ("many[].more", "not set"),
        ("wait", "`7d`"),
        ("secret", "not set"),
        ("must", "required"),
        ("named", "`10`"),
    ]
    assert found[6].text == "hush; for example `x y`"


def test_a_secret_default_is_no_row_of_stars() -> None:
    assert default_text("ledger", Config.model_fields["ledger"]).startswith("`sqlite:///")
