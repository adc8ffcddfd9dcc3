"""Every block of the documentation is read, loaded or run, and every link leads somewhere.

The tables that say how are in tests/docs: a program, language or sample that none of them knows is an error.
"""

from pathlib import Path

import pytest

from tests.docs.blocks import Block, blocks
from tests.docs.languages import LANGUAGES, fault_of
from tests.docs.links import AWAITED, lost_links
from tests.docs.yaml_blocks import alternatives, documents, faults, owner_of


def keysteward_yaml() -> list[tuple[Block, str]]:
    """Each config, or part of one, that a page shows."""
    shown = [(block, text) for block in blocks("yaml") for text in alternatives(block.text)]
    return [(block, text) for block, text in shown if owner_of(documents(text)[0]) == "keysteward"]


def test_every_block_is_of_a_language_that_is_checked_and_holds_it() -> None:
    found = [fault_of(block) for block in blocks()]
    assert len(found) > 40
    assert [fault for fault in found if fault] == []


def test_every_config_on_every_page_loads(tmp_path: Path) -> None:
    shown = keysteward_yaml()
    assert len(shown) > 20
    wrong = [f"{block}: {said}" for block, text in shown for said in faults(text, tmp_path)]
    assert wrong == []


def test_every_link_anchor_and_picture_is_there() -> None:
    assert lost_links() == []
