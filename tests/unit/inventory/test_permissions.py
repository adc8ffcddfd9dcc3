"""The policy documents give what the code calls, as narrowly as AWS lets them, and nothing that writes to who
only reads. tests/functional/test_least_privilege.py holds them to what is really called."""

import json
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import app
from app.config.grants import grants_of
from app.config.load import load_config
from app.inventory import permissions
from app.inventory.credentials import SESSION_ACTIONS, Purpose, session_policy
from app.inventory.permissions import (
    ACCOUNT_TAG_ACTIONS,
    ACTOR_ACTIONS,
    CALLERS_ACTIONS,
    CONTACT_ACTIONS,
    COPY_ACTIONS,
    LEDGER_ACTIONS,
    LIST_ACTIONS,
    ROOT_ACTIONS,
    SPOKE_ACTIONS,
    TREE_ACTIONS,
    Grant,
    PolicyKind,
    document,
    role_pattern,
)
from tests.fakes.reference import ACTIONS, ON_TABLES, sections
from tests.fakes.wants import ACTOR, KINDS, printed

SOURCES = Path(app.__file__).parent
MODES = ("observe", "notify", "enforce")
BY_HUB = {"ses:SendRawEmail", "sns:Publish", *COPY_ACTIONS}
EXEMPT = {"reason": "sealed", "approved_by": "a@example.com", "until": "2999-01-01"}
NAMED = "arn:aws:secretsmanager:us-east-1:111122223333:secret:keysteward"


def called(*folders: str) -> set[str]:
    """The operations that the adapters name, as API actions."""
    text = "".join(file.read_text() for folder in folders for file in (SOURCES / folder).glob("*.py"))
    names = re.findall(r"\"((?:get|list|lookup|generate|update|delete)_[a-z_]+)\"", text)
    return {"".join(word.title() for word in name.split("_")) for name in names}


def test_the_roles_may_do_exactly_what_the_code_calls() -> None:
    granted = {action.split(":")[1] for action in SPOKE_ACTIONS + CALLERS_ACTIONS + ACTOR_ACTIONS}
    assert called("inventory") - {"GetCallerIdentity"} == granted
    listing = LIST_ACTIONS + ROOT_ACTIONS + TREE_ACTIONS + ACCOUNT_TAG_ACTIONS
    hub = {action.split(":")[1] for action in listing + CONTACT_ACTIONS}
    assert called("accounts") == hub


def granted(grants: list[Grant]) -> dict[str, list[str]]:
    """Action -> on what."""
    return {action: list(resources) for _, actions, resources in grants for action in actions}


def grants(folder: Path, kind: PolicyKind = "hub", partition: str = "aws", **config: Any) -> list[Grant]:
    path = folder / "config.yaml"
    path.write_text(json.dumps(config))
    return grants_of(load_config(path, {}), [], kind, partition)


@pytest.mark.parametrize(("kind", "mode", "units"), list(product(KINDS, MODES, (False, True))))
def test_every_action_is_written_out_and_as_narrow_as_aws_allows(
    kind: PolicyKind, mode: str, units: bool
) -> None:
    statements = printed(kind, mode, units)["Statement"]
    assert len({one["Sid"] for one in statements}) == len(statements)
    for one in statements:
        resources = one["Resource"] if isinstance(one["Resource"], list) else [one["Resource"]]
        for action, resource in product(one["Action"], resources):
            assert re.fullmatch(ACTIONS[action].resource or r"\*", resource), (action, resource)


@pytest.mark.parametrize("mode", MODES)
def test_the_spoke_never_writes_and_the_hub_only_tells_and_copies(mode: str) -> None:
    def writes(kind: PolicyKind) -> set[str]:
        actions = {action for one in printed(kind, mode)["Statement"] for action in one["Action"]}
        return {action for action in actions if ACTIONS[action].level not in ("Read", "List")}

    assert writes("spoke") == set()
    assert writes("hub") == {"sts:AssumeRole", *(BY_HUB if mode != "observe" else ())}


@pytest.mark.parametrize(("mode", "arns"), [("observe", 1), ("notify", 1), ("enforce", 2)])
def test_below_enforce_the_hub_may_not_become_who_writes(mode: str, arns: int) -> None:
    [roles] = [one["Resource"] for one in printed("hub", mode)["Statement"] if one["Sid"] == "AssumeRoles"]
    assert len([roles] if isinstance(roles, str) else roles) == arns
    assert (ACTOR in str(roles)) == (mode == "enforce")


def wanted(kind: PolicyKind) -> set[str]:
    """Every action that either of the fullest configs grants to this role."""
    both = [printed(kind, "enforce", units) for units in (False, True)]
    return {action for policy in both for one in policy["Statement"] for action in one["Action"]}


def test_the_page_about_permissions_has_exactly_these() -> None:
    for kind in KINDS:
        actions = wanted(kind)
        shared = set(SPOKE_ACTIONS + CALLERS_ACTIONS) if kind == "hub" else set()
        assert set(sections()[kind]) == actions - shared


def test_a_statement_of_one_resource_is_not_a_list() -> None:
    [one, many] = document([("A", ["s:A"], ["x"]), ("B", ["s:B"], ["x", "y"])])["Statement"]
    assert one == {"Sid": "A", "Effect": "Allow", "Action": ["s:A"], "Resource": "x"}
    assert many["Resource"] == ["x", "y"]


def test_the_hub_may_assume_exactly_the_named_roles(tmp_path: Path) -> None:
    roles = [f"arn:aws:iam::{number:012d}:role/{name}" for number, name in ((2, "b"), (1, "a"))]
    static = [{"id": role.split(":")[4], "role_arn": role} for role in roles]
    assert granted(grants(tmp_path, accounts={"static": static})) == {"sts:AssumeRole": sorted(roles)}


def test_an_account_below_enforce_lends_the_hub_no_actor(tmp_path: Path) -> None:
    def arn(name: str) -> str:
        return f"arn:aws:iam::111122223333:role/{name}"

    account = {"id": "111122223333", "role_arn": arn("spoke"), "actor_role_arn": arn("actor")}
    for mode, roles in (("enforce", [arn("actor"), arn("spoke")]), ("notify", [arn("spoke")])):
        given = grants(tmp_path, mode="enforce", accounts={"static": [{**account, "mode": mode}]})
        assert granted(given)["sts:AssumeRole"] == roles


def test_the_hub_of_an_organization_lists_it_and_reads_its_own_account(tmp_path: Path) -> None:
    organization = {"organization": {"role_name": "ops/reader"}}
    found = granted(grants(tmp_path, partition="aws-us-gov", accounts=organization))
    assert found["sts:AssumeRole"] == [role_pattern("aws-us-gov", "ops/reader")]
    assert found["sts:AssumeRole"] == ["arn:aws-us-gov:iam::*:role/ops/reader"]
    assert set(found) == {"sts:AssumeRole", *LIST_ACTIONS, *SPOKE_ACTIONS}


@pytest.mark.parametrize(
    "asking",
    [
        {"accounts": {"organization": {"include_ous": ["ou-ab12-cdef3456"]}}},
        {
            "accounts": {"organization": {}},
            "rules": [{"name": "r", "match": {"ous": ["ou-ab12-cdef3456"]}, "exempt": EXEMPT}],
        },
    ],
)
def test_an_organization_is_walked_where_something_is_chosen_by_unit(
    tmp_path: Path, asking: dict[str, Any]
) -> None:
    found = granted(grants(tmp_path, **asking))
    assert {*ROOT_ACTIONS, *TREE_ACTIONS} <= set(found)
    assert "organizations:ListAccounts" not in found


@pytest.mark.parametrize(
    "asking",
    [
        {"owners": [{"account_tag": "owner"}]},
        {"rules": [{"name": "r", "match": {"account_tags": {"a": "b"}}, "exempt": EXEMPT}]},
    ],
)
def test_tags_of_accounts_are_read_where_something_depends_on_them(
    tmp_path: Path, asking: dict[str, Any]
) -> None:
    found = granted(grants(tmp_path, accounts={"organization": {}}, **asking))
    assert found["organizations:ListTagsForResource"] == ["arn:aws:organizations::*:account/o-*/*"]


def test_the_actor_changes_access_keys_of_users_only(tmp_path: Path) -> None:
    found = granted(grants(tmp_path, "actor", "aws-cn"))
    assert found == {action: ["arn:aws-cn:iam::*:user/*"] for action in ACTOR_ACTIONS}


@pytest.mark.parametrize("kind", ["spoke", "hub"])
def test_whoever_reads_may_look_up_callers_only_when_they_are_wanted(
    tmp_path: Path, kind: PolicyKind
) -> None:
    wanted: dict[str, Any] = {"evidence": {"callers": True}}
    for mode, config, looks_up in (
        ("notify", wanted, True),
        ("notify", {}, False),
        ("observe", wanted, False),  # nobody is warned
    ):
        found = granted(grants(tmp_path, kind, mode=mode, **config))
        assert ("cloudtrail:LookupEvents" in found) == looks_up


def test_whoever_reads_no_account_looks_up_no_callers(tmp_path: Path) -> None:
    role = "arn:aws:iam::111122223333:role/spoke"
    static = {"static": [{"id": "111122223333", "role_arn": role}]}
    found = granted(grants(tmp_path, mode="notify", evidence={"callers": True}, accounts=static))
    assert set(found) == {"sts:AssumeRole"}


@pytest.mark.parametrize("purpose", SESSION_ACTIONS)
def test_a_session_policy_is_within_what_aws_allows(purpose: Purpose) -> None:
    assert len(session_policy(purpose)) <= 2048
    assert "*" not in "".join(SESSION_ACTIONS[purpose])


def test_a_session_can_do_what_it_is_for_and_nothing_else() -> None:
    assert SESSION_ACTIONS == {"read": SPOKE_ACTIONS, "callers": CALLERS_ACTIONS, "act": ACTOR_ACTIONS}


def test_mail_over_ses_adds_what_it_asks_once_for_all_sinks(tmp_path: Path) -> None:
    def ses(address: str, **more: str) -> dict[str, str]:
        return {"type": "email", "from": address, "transport": "ses", **more}

    sinks = {"a": ses("keys@it.example.com", region="eu-west-1"), "b": ses("x@example.com")}
    found = granted(grants(tmp_path, mode="notify", sinks=sinks))
    assert found["ses:GetSuppressedDestination"] == ["*"]
    assert found["ses:SendRawEmail"] == [
        "arn:aws:ses:*:*:configuration-set/*",
        "arn:aws:ses:*:*:identity/example.com",
        "arn:aws:ses:*:*:identity/x@example.com",
        "arn:aws:ses:eu-west-1:*:configuration-set/*",
        "arn:aws:ses:eu-west-1:*:identity/example.com",
        "arn:aws:ses:eu-west-1:*:identity/it.example.com",
        "arn:aws:ses:eu-west-1:*:identity/keys@it.example.com",
    ]
    assert not BY_HUB & set(granted(grants(tmp_path, mode="observe", sinks=sinks)))


def test_contacts_are_those_of_the_accounts_that_are_watched(tmp_path: Path) -> None:
    own = "arn:aws:account::*:account"
    owners = [{"account_contact": "security"}]
    alone = granted(grants(tmp_path, owners=owners))
    assert alone["account:GetAlternateContact"] == [own]
    others = granted(grants(tmp_path, owners=owners, accounts={"organization": {}}))
    assert others["account:GetAlternateContact"] == [own, f"{own}/o-*/*"]
    root_only = granted(grants(tmp_path, owners=[{"account_contact": "root"}]))
    assert "account:GetAlternateContact" not in root_only


def test_the_hub_publishes_to_its_very_topics_and_to_none_in_observe(tmp_path: Path) -> None:
    topics = [f"arn:aws:sns:eu-central-1:111122223333:{name}" for name in ("b", "a")]
    sinks = {f"t{n}": {"type": "sns", "topic_arn": topic} for n, topic in enumerate(topics)}
    assert granted(grants(tmp_path, mode="notify", sinks=sinks))["sns:Publish"] == sorted(topics)
    assert "sns:Publish" not in granted(grants(tmp_path, mode="observe", sinks=sinks))


def test_the_hub_writes_the_audit_copy_and_may_do_nothing_else_there(tmp_path: Path) -> None:
    audit = {"s3": {"bucket": "example-audit", "prefix": "ks/"}}
    found = granted(grants(tmp_path, partition="aws-us-gov", mode="notify", audit=audit))
    assert [found.pop(action) for action in COPY_ACTIONS] == [["arn:aws-us-gov:s3:::example-audit/ks/*"]] * 2
    assert not any(action.startswith("s3:") for action in found)
    assert not set(COPY_ACTIONS) & set(granted(grants(tmp_path, mode="observe", audit=audit)))
    assert not set(COPY_ACTIONS) & set(granted(grants(tmp_path, mode="notify")))


@pytest.mark.parametrize(
    ("names", "resources"),
    [
        (["keysteward", "keysteward"], ["arn:aws:secretsmanager:*:*:secret:keysteward-??????"]),
        ([f"{NAMED}-AbC123"], [f"{NAMED}-AbC123"]),
        ([NAMED], [f"{NAMED}-??????"]),
    ],
)
def test_a_secret_is_that_secret_alone(names: list[str], resources: list[str]) -> None:
    assert granted(permissions.secrets("aws", names)) == {"secretsmanager:GetSecretValue": resources}


def test_the_fullest_configs_that_are_tested_have_every_action_there_is() -> None:
    assert {action for kind in KINDS for action in wanted(kind)} == set(ACTIONS)


@pytest.mark.parametrize("mode", MODES)
def test_a_ledger_in_dynamodb_is_granted_on_that_very_table(tmp_path: Path, mode: str) -> None:
    for url, region in (("dynamodb://keys?region=eu-central-1", "eu-central-1"), ("dynamodb://keys", "*")):
        found = granted(grants(tmp_path, partition="aws-cn", mode=mode, ledger=url))
        ledger = {action: on for action, on in found.items() if action.startswith("dynamodb:")}
        assert ledger == {one: [f"arn:aws-cn:dynamodb:{region}:*:table/keys"] for one in LEDGER_ACTIONS}
    for kind in ("spoke", "actor"):
        given = granted(grants(tmp_path, kind, mode=mode, ledger="dynamodb://keys"))
        assert not set(given) & set(LEDGER_ACTIONS)


def test_no_other_ledger_asks_for_dynamodb(tmp_path: Path) -> None:
    for url in ("sqlite:///./dynamodb.db", "postgresql://db/dynamodb"):
        assert not set(granted(grants(tmp_path, ledger=url))) & set(LEDGER_ACTIONS)


def test_what_the_ledger_is_granted_is_as_narrow_as_aws_allows_and_on_the_page() -> None:
    [(_, actions, on)] = permissions.remembering("aws", "eu-central-1", "keys")
    assert all(re.fullmatch(ON_TABLES[action].resource, one) for action, one in product(actions, on))
    assert set(sections()["the ledger in DynamoDB"]) == set(actions) == set(ON_TABLES)
