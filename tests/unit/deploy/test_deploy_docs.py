"""docs/deploy.md: every path is there, every option of every command exists."""

import json
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from botocore.model import ServiceModel
from botocore.session import Session
from botocore.validate import ParamValidator

from app.cli.main import cli

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "deploy.md").read_text()
TEMPLATE = (ROOT / "deploy" / "cloudformation" / "spoke.yaml").read_text()
# The AWS command line's own, which are no operations of an API.
CUSTOM = {
    ("logs", "tail"): {"since"},
    ("cloudformation", "deploy"): {"stack-name", "template-file", "capabilities", "parameter-overrides"},
}


def commands() -> Iterator[list[str]]:
    """Of the page's shell blocks, with continued lines joined."""
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S):
        for line in block.replace("\\\n", " ").strip().splitlines():
            yield shlex.split(line, comments=True)


def of(program: str) -> list[list[str]]:
    found = [words for words in commands() if words[0] == program]
    assert found
    return found


def options(words: list[str]) -> dict[str, str]:
    """Each option and what comes right after it."""
    return {
        w.removeprefix("--"): after
        for w, after in zip(words, [*words[1:], ""], strict=False)
        if w[:2] == "--"
    }


@cache
def service(name: str) -> ServiceModel:
    return Session().get_service_model(name)


@pytest.mark.parametrize("words", of("aws"), ids=lambda words: " ".join(words[1:3]))
def test_aws_knows_every_option(words: list[str]) -> None:
    _, name, operation, *rest = words
    given = set(options(rest))
    if (name, operation) in CUSTOM:
        assert given <= CUSTOM[name, operation]
        return
    model = service(name).operation_model(operation.title().replace("-", ""))
    shape = model.input_shape
    known = (
        {re.sub(r"(?<!^)(?=[A-Z])", "-", member).lower(): member for member in shape.members} if shape else {}
    )
    flags = {option.removeprefix("no-") for option in given}
    assert flags <= set(known)
    assert {known[option] for option in flags} >= set(shape.required_members if shape else ())


def test_an_update_names_every_parameter() -> None:
    """One that is left out falls back to the template's default: the role that writes would be gone."""
    declared = set(re.findall(r"^  (\w+):\n    Type: String", TEMPLATE, re.M))
    updates = [words for words in of("aws") if words[2] == "update-stack-set"]
    named = [{m for word in words for m in re.findall(r"ParameterKey=(\w+)", word)} for words in updates]
    assert named == [declared, declared]


def test_pods_pass_no_session_tags_on() -> None:
    """EKS Pod Identity's are transitive, and no account's role lets `sts:TagSession`."""
    [words] = [words for words in of("aws") if words[1] == "eks"]
    assert "--disable-session-tags" in words
    assert "TagSession" not in TEMPLATE


def test_the_overrides_of_a_task_are_what_ecs_takes() -> None:
    [words] = [words for words in of("aws") if words[1:3] == ["ecs", "run-task"]]
    shape = service("ecs").operation_model("RunTask").input_shape
    assert shape
    given = json.loads(options(words)["overrides"])
    assert not ParamValidator().validate(given, shape.members["overrides"]).has_errors()
    assert given["containerOverrides"][0]["name"] == "keysteward"


@pytest.mark.parametrize("words", of("keysteward"), ids=" ".join)
def test_keysteward_has_every_command_and_option(words: list[str]) -> None:
    command = cli.get_command(None, words[1])  # type: ignore[arg-type]
    assert command
    known = {name for parameter in command.params for name in parameter.opts}
    assert {word for word in words[2:] if word.startswith("--")} <= known


def test_terraform_is_given_all_that_an_example_needs_and_nothing_else() -> None:
    example = ""
    for words in commands():
        if words[0] == "cd":
            example = words[1]
        elif words[:2] == ["terraform", "apply"]:
            declared = dict(
                re.findall(r'variable "(\w+)" {(.*?)\n}', (ROOT / example / "variables.tf").read_text(), re.S)
            )
            given = {word.partition("=")[0] for word in words if "=" in word}
            assert given == {name for name, body in declared.items() if "default" not in body}


def test_every_path_is_there() -> None:
    paths = set(re.findall(r"\bdeploy/[\w./-]+\w", PAGE))
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
    links = re.findall(r"\]\(([\w.-]+\.md)\)", PAGE)
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []


def test_every_heading_that_is_linked_is_there() -> None:
    headings = {
        re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in re.findall(r"^#+ (.+)$", PAGE, re.M)
    }
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= headings
