"""The checks of the documentation find what they are for: each is shown a page that is wrong."""

from pathlib import Path

import pytest

from tests.docs import inline, samples
from tests.docs.blocks import ROOT, Block, blocks_of
from tests.docs.languages import fault_of
from tests.docs.links import anchors_of, is_lost, slug_of
from tests.docs.reader import Entered, passed_over
from tests.docs.reader import fault_of as fault_of_line
from tests.docs.shell import commands_of, lines_of
from tests.docs.yaml_blocks import alternatives, faults

PAGE = ROOT / "docs" / "policy.md"


@pytest.mark.parametrize(
    ("language", "text", "said"),
    [
        ("sh", "frobnicate --now", "tests/docs/programs.py"),
        ("sh", "keysteward scam", "no command 'scam'"),
        ("sh", "keysteward plan --untli 30d", "--untli"),
        ("sh", "keysteward plan --until soon", "--until"),
        ("sh", "keysteward ledger moves", "moves"),
        ("sh", "make sense", "no target 'sense'"),
        ("sh", "echo $(keysteward scam)", "no command 'scam'"),
        ("sh", "X=1 keysteward scan && keysteward plan --at yesterday", "yesterday"),
        ("console", "$ keysteward scam\nnothing", "no command 'scam'"),
        ("sh", "docker run --rm -v a:b keysteward:0.0.9 scan", "0.0.9"),
        ("sh", "docker compose -f nowhere.yml up -d", "nowhere.yml"),
        ("sh", "kubectl apply -f deploy/nowhere.yaml", "deploy/nowhere.yaml"),
        ("sh", "terraform -chdir=deploy/nowhere init", "deploy/nowhere"),
        ("sh", "terraform aply", "'aply'"),
        ("sh", "aws iam list-acess-keys", "list-acess-keys"),
        ("sh", "aws iam list-access-keys --user ann", "--user"),
        ("sh", "curl http://localhost:8080/health", "/health"),
        ("sh", "echo 'never closed", "never ends"),
        ("yaml", "modes: observe", "tests/docs/yaml_blocks.py"),
        ("yaml", "a: [", "while parsing"),
        ("json", "{'a': 1}", "Expecting"),
        ("python", "def f(", "never closed"),
        ("hcl", 'a = "{" {', "never closed"),
        ("text", "something printed", "SAMPLES"),
        ("brainfuck", "+", "LANGUAGES"),
    ],
)
def test_a_wrong_block_is_told_with_its_place(language: str, text: str, said: str) -> None:
    fault = fault_of(Block("docs/x.md", 7, language, text))
    assert fault.startswith("docs/x.md:7: ")
    assert said in fault


@pytest.mark.parametrize(
    "text",
    [
        "keysteward snooze ci-deploy --for 7d --reason 'we move' | tee log > out.txt 2>&1",
        "for id in $(aws organizations list-accounts --query 'Accounts[].Id'); do echo $id; done",
        "cat > x <<'EOF'\nfrobnicate\nEOF",
        "docker run --rm -v $PWD:/x keysteward:0.1.0 scan --format json",
        "curl -s http://127.0.0.1:8080/api/v1/findings?page=2",
        "keysteward scan \\\n  --format csv  # as a file",
    ],
)
def test_what_is_right_passes(text: str) -> None:
    assert fault_of(Block("docs/x.md", 7, "sh", text)) == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mode: obey", "mode"),
        ("rules:\n  - {name: a, stages: [{name: w, when: {age: 1}, notify: [slack]}]}", "age"),
        ("sinks:\n  pager: {type: pigeon}", "unknown type"),
        ("mode: notify\nowners:\n  - {tag: a, colour: red}", "colour"),
    ],
)
def test_a_wrong_config_is_told(text: str, said: str, tmp_path: Path) -> None:
    assert said in " ".join(faults(text, tmp_path))


def test_a_key_that_comes_again_begins_another_config() -> None:
    assert alternatives("ledger: a\nledger: b\n") == ["ledger: a\n", "ledger: b\n"]


def test_blocks_are_found_fenced_in_a_list_and_indented() -> None:
    page = "a\n\n```sh\nx\n```\n\n1. b\n\n   ```yaml\n   c: 1\n   ```\n\n    make it\n\nend\n"
    found = [(block.line, block.language, block.text) for block in blocks_of("p", page)]
    assert found == [(3, "sh", "x\n"), (9, "yaml", "c: 1\n"), (13, "sh", "make it\n")]


def test_links_to_what_is_not_there_are_lost() -> None:
    assert [is_lost(PAGE, link) for link in ("owners.md", "#the-brake", "../README.md#config")] == [False] * 3
    assert [is_lost(PAGE, link) for link in ("nobody.md", "#the-break", "owners.md#the-brake")] == [True] * 3


def test_anchors_are_githubs() -> None:
    assert slug_of("`plan --at` & what's [here](x.md)") == "plan---at--whats-here"
    assert "before-a-key-is-deactivated" in anchors_of(PAGE)


def test_assignments_before_a_program_are_no_program() -> None:
    [only] = commands_of("A=1 B='x y' ./bin/keysteward scan > f")
    assert (only.base, only.args, only.variables) == ("keysteward", ("scan",), ("A=1", "B=x y"))
    assert list(lines_of("a \\\n  b\n# no\n\nc\n")) == ["a \\\n  b", "c"]


def test_a_sample_is_compared_without_what_differs_from_run_to_run() -> None:
    printed = "│ …AB12 of ann │ 12 Oct │ 31 days\n"
    assert samples.shows(printed, "…QQ34 of ann  3 Nov  400 days\n…\n") == []
    assert samples.shows(printed, "…QQ34 of bob\n") == ["…QQ34 of bob"]


def test_a_line_that_ends_otherwise_than_expected_is_told() -> None:
    block = Block("docs/policy.md", 7, "sh", "")
    assert "exit code 2 in place of 0" in fault_of_line(Entered(block, "keysteward scan", 2, "no"))
    approval = "keysteward approve 3f2a91c04d5e --reason x"
    assert fault_of_line(Entered(block, approval, 1, "no plan 3f2a91c04d5e")) == ""
    assert fault_of_line(Entered(block, approval, 0, "3f2a91c04d5e")) != ""


def test_a_command_that_nobody_enters_is_told() -> None:
    piped = Block("docs/x.md", 7, "sh", "keysteward iam-policy hub | aws iam create-policy --policy-name x")
    assert "ELSEWHERE" in next(passed_over(piped))
    assert list(passed_over(Block("docs/x.md", 7, "sh", "keysteward plan | head -3"))) == []


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("scam", "no command 'scam'"),
        ("plan --untli 30d", "no option --untli"),
        ("ledger move --from x", "no option --from"),
        ("explain KEY", ""),
        ("ledger migrate|export|import", ""),
        ("history --verify", ""),
        ("--version", ""),
    ],
)
def test_a_command_in_a_sentence_is_looked_up(said: str, wrong: str) -> None:
    found = inline.fault_of(said.split())
    assert wrong in found
    assert bool(wrong) == bool(found)
