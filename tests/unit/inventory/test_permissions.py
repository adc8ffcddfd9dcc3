"""The policy documents give what the code calls, and nothing that writes to who only reads."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import app
from app.cli.check import audit_actions, owner_actions, sink_actions
from app.config.load import load_config
from app.inventory.credentials import SESSION_ACTIONS, Purpose, session_policy
from app.inventory.permissions import (
    ACCOUNT_TAG_ACTIONS,
    ACTOR_ACTIONS,
    CALLERS_ACTIONS,
    CONTACT_ACTIONS,
    LIST_ACTIONS,
    SPOKE_ACTIONS,
    UNIT_ACTIONS,
    organization_actions,
    policy_document,
    role_pattern,
)

SOURCES = Path(app.__file__).parent


def called(*folders: str) -> set[str]:
    """The operations that the adapters name, as API actions."""
    text = "".join(file.read_text() for folder in folders for file in (SOURCES / folder).glob("*.py"))
    names = re.findall(r"\"((?:get|list|lookup|generate|update|delete)_[a-z_]+)\"", text)
    return {"".join(word.title() for word in name.split("_")) for name in names}


def test_the_roles_may_do_exactly_what_the_code_calls() -> None:
    granted = {action.split(":")[1] for action in SPOKE_ACTIONS + CALLERS_ACTIONS + ACTOR_ACTIONS}
    assert called("inventory") - {"GetCallerIdentity"} == granted
    hub = {
        action.split(":")[1] for action in LIST_ACTIONS + UNIT_ACTIONS + ACCOUNT_TAG_ACTIONS + CONTACT_ACTIONS
    }
    assert called("accounts") == hub


def test_the_spoke_never_writes() -> None:
    assert all(re.match(r"iam:(Get|List|Generate)", action) for action in SPOKE_ACTIONS)


def test_the_hub_may_assume_exactly_the_named_roles() -> None:
    arns = ["arn:aws:iam::2:role/b", "arn:aws:iam::1:role/a"]
    (statement,) = policy_document("hub", role_arns=arns)["Statement"]
    assert (statement["Action"], statement["Resource"]) == (["sts:AssumeRole"], sorted(arns))


def test_the_hub_of_an_organization_lists_it_and_reads_its_own_account() -> None:
    arns = [role_pattern("aws-us-gov", "ops/reader")]
    document = policy_document("hub", organization=LIST_ACTIONS, role_arns=arns, own_account=True)
    assert [one["Sid"] for one in document["Statement"]] == [
        "AssumeRoles",
        "ListAccounts",
        "ReadCredentials",
    ]
    assert document["Statement"][0]["Resource"] == "arn:aws-us-gov:iam::*:role/ops/reader"


@pytest.mark.parametrize(
    ("units", "tags", "actions"),
    [
        (False, False, LIST_ACTIONS),
        (True, False, UNIT_ACTIONS),
        (False, True, LIST_ACTIONS + ACCOUNT_TAG_ACTIONS),
        (True, True, UNIT_ACTIONS + ACCOUNT_TAG_ACTIONS),
    ],
)
def test_units_and_tags_of_accounts_are_permitted_only_where_they_are_asked_for(
    units: bool, tags: bool, actions: tuple[str, ...]
) -> None:
    assert organization_actions(units, tags) == actions


def test_the_actor_changes_access_keys_of_users_only() -> None:
    (statement,) = policy_document("actor", partition="aws-cn")["Statement"]
    assert statement["Action"] == list(ACTOR_ACTIONS)
    assert statement["Resource"] == "arn:aws-cn:iam::*:user/*"


@pytest.mark.parametrize("options", [{"kind": "spoke"}, {"kind": "hub", "own_account": True}])
def test_whoever_reads_may_look_up_callers_only_when_they_are_wanted(options: dict[str, Any]) -> None:
    plain = policy_document(**options)["Statement"]
    assert "cloudtrail" not in str(plain)
    *reads, added = policy_document(**options, callers=True)["Statement"]
    assert reads == plain
    assert (added["Action"], added["Resource"]) == (["cloudtrail:LookupEvents"], "*")


@pytest.mark.parametrize("options", [{"kind": "actor"}, {"kind": "hub", "organization": LIST_ACTIONS}])
def test_whoever_reads_no_account_looks_up_no_callers(options: dict[str, Any]) -> None:
    assert policy_document(**options, callers=True) == policy_document(**options)


@pytest.mark.parametrize("purpose", SESSION_ACTIONS)
def test_a_session_policy_is_within_what_aws_allows(purpose: Purpose) -> None:
    assert len(session_policy(purpose)) <= 2048


def test_a_session_that_looks_up_callers_can_do_nothing_else() -> None:
    assert SESSION_ACTIONS["callers"] == CALLERS_ACTIONS


def granted(path: Path, config: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """What sinks and owners of this config add to the hub's policy."""
    path.write_text(json.dumps(config))
    loaded = load_config(path, {})
    document = policy_document("hub", grants=[*sink_actions(loaded), *owner_actions(loaded)])
    return [(one["Sid"], one["Action"]) for one in document["Statement"]]


def test_mail_over_ses_and_contacts_of_accounts_add_what_they_ask(tmp_path: Path) -> None:
    ses = {"type": "email", "from": "keys@example.com", "transport": "ses"}
    owners = [{"account_contact": "security"}]
    config = {"mode": "notify", "sinks": {"a": ses, "b": ses}, "owners": owners}
    assert granted(tmp_path / "config.yaml", config) == [
        ("SendMail", ["ses:GetSuppressedDestination", "ses:SendRawEmail"]),
        ("ReadContacts", ["account:GetAlternateContact"]),
    ]
    root_only = {"mode": "observe", "sinks": {"a": ses}, "owners": [{"account_contact": "root"}]}
    assert granted(tmp_path / "config.yaml", root_only) == []


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


def test_the_hub_writes_the_audit_copy_and_may_do_nothing_else_there(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        json.dumps({"mode": "notify", "audit": {"s3": {"bucket": "example-audit", "prefix": "ks/"}}})
    )
    config = load_config(path, {})
    assert policy_document("hub", grants=audit_actions(config, "aws-us-gov"))["Statement"] == [
        {
            "Sid": "CopyAudit",
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:PutObjectRetention"],
            "Resource": "arn:aws-us-gov:s3:::example-audit/ks/*",
        }
    ]
    assert audit_actions(load_config(path, {"KEYSTEWARD_MODE": "observe"}), "aws") == []
    assert audit_actions(load_config(None, {"KEYSTEWARD_MODE": "notify"}), "aws") == []
