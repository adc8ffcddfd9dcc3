"""The policy documents give what the code calls, and nothing that writes to who only reads."""

import json
import re
from pathlib import Path

import app
from app.cli.check import sink_actions
from app.config.load import load_config
from app.inventory.permissions import (
    ACTOR_ACTIONS,
    ORGANIZATION_ACTIONS,
    SPOKE_ACTIONS,
    hub_actions,
    policy_document,
    role_pattern,
)

SOURCES = Path(app.__file__).parent


def called(*folders: str) -> set[str]:
    """The operations that the adapters name, as API actions."""
    text = "".join(file.read_text() for folder in folders for file in (SOURCES / folder).glob("*.py"))
    names = re.findall(r"\"((?:get|list|generate|update|delete)_[a-z_]+)\"", text)
    return {"".join(word.title() for word in name.split("_")) for name in names}


def test_the_roles_may_do_exactly_what_the_code_calls() -> None:
    granted = {action.split(":")[1] for action in SPOKE_ACTIONS + ACTOR_ACTIONS}
    assert called("inventory") - {"GetCallerIdentity"} == granted
    assert {f"organizations:{name}" for name in called("accounts")} == set(ORGANIZATION_ACTIONS)


def test_the_spoke_never_writes() -> None:
    assert all(re.match(r"iam:(Get|List|Generate)", action) for action in SPOKE_ACTIONS)


def test_the_hub_may_assume_exactly_the_named_roles() -> None:
    arns = ["arn:aws:iam::2:role/b", "arn:aws:iam::1:role/a"]
    (statement,) = policy_document("hub", role_arns=arns)["Statement"]
    assert (statement["Action"], statement["Resource"]) == (["sts:AssumeRole"], sorted(arns))


def test_the_hub_of_an_organization_lists_it_and_reads_its_own_account() -> None:
    arns = [role_pattern("aws-us-gov", "ops/reader")]
    document = policy_document("hub", organization=True, role_arns=arns, own_account=True)
    assert [one["Sid"] for one in document["Statement"]] == [
        "AssumeRoles",
        "ListAccounts",
        "ReadCredentials",
    ]
    assert document["Statement"][0]["Resource"] == "arn:aws-us-gov:iam::*:role/ops/reader"
    assert set(hub_actions(organization=True)) == {"sts:AssumeRole", *ORGANIZATION_ACTIONS}


def test_the_actor_changes_access_keys_of_users_only() -> None:
    (statement,) = policy_document("actor", partition="aws-cn")["Statement"]
    assert statement["Action"] == list(ACTOR_ACTIONS)
    assert statement["Resource"] == "arn:aws-cn:iam::*:user/*"


def test_the_hub_publishes_to_its_very_topics_and_to_none_in_observe(tmp_path: Path) -> None:
    topics = [f"arn:aws:sns:eu-central-1:111122223333:{name}" for name in ("b", "a")]
    sinks = {f"t{n}": {"type": "sns", "topic_arn": topic} for n, topic in enumerate(topics)}
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps({"mode": "notify", "sinks": sinks}))
    grants = sink_actions(load_config(path, {}))
    assert policy_document("hub", grants=grants)["Statement"] == [
        {
            "Sid": "PublishNotices",
            "Effect": "Allow",
            "Action": ["sns:Publish"],
            "Resource": sorted(topics),
        }
    ]
    assert sink_actions(load_config(path, {"KEYSTEWARD_MODE": "observe"})) == []
