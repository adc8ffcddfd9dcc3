"""Every block of the documentation is read, loaded or run, and every link leads somewhere.

The tables that say how are in tests/docs: a program, language or sample that none of them knows is an error.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.docs import inline, samples
from tests.docs.blocks import ROOT, Block, blocks, pages
from tests.docs.languages import fault_of
from tests.docs.links import lost_links, unlisted
from tests.docs.reader import Entered, Reader, is_run, passed_over, read
from tests.docs.reader import fault_of as reader_fault
from tests.docs.shell import lines_of
from tests.docs.town import town
from tests.docs.yaml_blocks import alternatives, documents, faults, owner_of

SHELL = {"sh", "bash", "console"}


def keysteward_yaml() -> list[tuple[Block, str]]:
    """Each config, or part of one, that a page shows."""
    shown = [(block, text) for block in blocks("yaml") for text in alternatives(block.text)]
    return [(block, text) for block, text in shown if owner_of(documents(text)[0]) == "keysteward"]


def test_every_block_is_of_a_language_that_is_checked_and_holds_it() -> None:
    found = [fault_of(block) for block in blocks()]
    assert len(found) > 40
    assert [fault for fault in found if fault] == []


def test_no_command_of_keysteward_is_passed_over() -> None:
    readable = [block for block in blocks(*SHELL) if not fault_of(block)]
    assert [line for block in readable for line in passed_over(block)] == []


def test_commands_in_a_sentence_or_a_table_exist() -> None:
    assert [fault for page in pages() for fault in inline.faults_in(page)] == []


def test_every_config_on_every_page_loads(tmp_path: Path) -> None:
    shown = keysteward_yaml()
    assert len(shown) > 20
    wrong = [f"{block}: {said}" for block, text in shown for said in faults(text, tmp_path)]
    assert wrong == []


def test_every_link_anchor_and_picture_is_there() -> None:
    assert lost_links() == []


def test_every_page_is_in_the_index() -> None:
    assert unlisted() == []


def _entered(block: Block) -> bool:
    if block.language not in SHELL or fault_of(block):  # a faulty one is told by the test of all blocks
        return False
    return any(is_run(block, line) for line in lines_of(block.text, block.language))


def unlike(page: str, entered: Sequence[Entered]) -> Iterator[str]:
    """Samples that differ from what the commands of the block before them printed."""
    printed: dict[int, str] = {}
    for one in entered:
        printed[one.block.line] = printed.get(one.block.line, "") + one.printed
    for block in samples.samples():
        if block.page == page and isinstance(samples.how(block), samples.AsPrinted):
            before = max((line for line in printed if line < block.line), default=0)
            for line in samples.shows(printed.get(before, ""), block.text):
                yield f"{block}: {line!r} is not in:\n{printed.get(before, '')}"


PAGES = sorted({block.page for block in blocks() if _entered(block)})


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_work_in_order_as_printed(page: str, tmp_path: Path) -> None:
    with town(tmp_path) as around:
        reader = Reader(tmp_path, around)
        entered = list(read([block for block in blocks() if block.page == page], reader))
    assert "".join(f"\n{fault}" for fault in map(reader_fault, entered) if fault) == ""
    assert "".join(f"\n{fault}" for fault in unlike(page, entered)) == ""


@pytest.mark.slow
def test_the_demo_walks_as_the_readme_shows() -> None:
    shown = [block for block in samples.samples() if isinstance(samples.how(block), samples.Demo)]
    program = [sys.executable, "-m", "app", "demo", "--once"]
    printed = subprocess.run(
        program, capture_output=True, text=True, timeout=300, check=True, cwd=ROOT
    ).stdout
    assert [line for block in shown for line in samples.shows(printed, block.text)] == []


@pytest.mark.slow
def test_terraform_reads_every_block_of_its_language() -> None:
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("terraform is not installed")
    for block in blocks("hcl"):
        command, text = [terraform, "fmt", "-"], block.text
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{block}: {done.stderr}"
