"""The policies that are committed are those that the code prints."""

import json
from pathlib import Path

import pytest

from app.config.load import load_config
from app.inventory.permissions import PolicyKind
from tests.fakes.printed import printed_for, printed_from

TERRAFORM = Path(__file__).parents[3] / "deploy" / "terraform"
SPOKE = TERRAFORM / "modules" / "spoke-role" / "policies"
EXAMPLES = sorted(path.parent for path in TERRAFORM.glob("examples/*/config.yaml"))
AGAIN = "write it again: keysteward iam-policy {} --config {} > {}"


@pytest.mark.parametrize(
    ("file", "kind", "config"),
    [
        ("spoke.json", "spoke", "spoke.yaml"),
        ("spoke-callers.json", "spoke", "spoke-callers.yaml"),
        ("actor.json", "actor", "spoke.yaml"),
    ],
)
def test_the_module_reads_what_is_printed(file: str, kind: PolicyKind, config: str) -> None:
    written = json.loads((SPOKE / file).read_text())
    assert written == printed_from(SPOKE / config, kind), AGAIN.format(kind, SPOKE / config, SPOKE / file)


@pytest.mark.parametrize("partition", ["aws-us-gov", "aws-cn"])
@pytest.mark.parametrize("file", ["spoke", "spoke-callers", "actor"])
def test_in_another_partition_only_the_arns_beginnings_differ(file: str, partition: str) -> None:
    """As the module replaces them."""
    config = {"mode": "enforce", "evidence": {"callers": file == "spoke-callers"}}
    kind: PolicyKind = "actor" if file == "actor" else "spoke"
    replaced = (SPOKE / f"{file}.json").read_text().replace("arn:aws:", f"arn:{partition}:")
    assert json.loads(replaced) == printed_for(kind, config, partition)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_examples_hub_has_the_policy_of_its_config(example: Path) -> None:
    config, file = example / "config.yaml", example / "hub-policy.json"
    assert json.loads(file.read_text()) == printed_from(config, "hub"), AGAIN.format("hub", config, file)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_touches_nothing_until_its_mode_says_so(example: Path) -> None:
    assert load_config(example / "config.yaml", {}).mode.value == "observe"
