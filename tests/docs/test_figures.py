"""Figures that pages repeat are those that were measured, and versions are those of the code."""

import re

import app
from app.ledger.schema import HEAD
from tests.docs.blocks import ROOT, pages

_FIGURE = re.compile(r"\d+,\d{3}|\d+\.\d s|\d+ MiB")
DOCS = ROOT / "docs"


def text(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def test_what_is_said_of_other_tools_was_measured() -> None:
    said = set(_FIGURE.findall(text("comparison.md")))
    assert len(said) > 5
    assert said - {"1,000"} <= set(_FIGURE.findall(text("performance.md")))


def test_the_sizes_were_measured() -> None:
    table = text("production.md").partition("| accounts × users |")[2].partition("\n\n")[0]
    said = set(_FIGURE.findall(table))
    assert len(said) > 12
    assert said - {"1,000", "10,000"} <= set(_FIGURE.findall(text("performance.md")))


def test_the_schema_is_the_present_one() -> None:
    assert f"This release writes schema {HEAD}." in text("upgrade.md")
    assert f"(schema {int(HEAD) + 1:04})" in text("upgrade.md")


def test_every_image_that_a_page_names_is_of_this_version() -> None:
    named = {
        tag for page in pages() for tag in re.findall(r"\bkeysteward:(\d[\w.]*\d)", page.read_text("utf-8"))
    }
    assert named == {app.__version__}
