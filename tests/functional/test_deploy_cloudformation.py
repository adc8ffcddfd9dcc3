"""The template of the accounts' roles: clean by cfn-lint, and deployed on moto with the printed policies."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.deployed import trust_of
from tests.fakes.enforced import Organization, bare, client, role_arn
from tests.fakes.gate import trusts
from tests.fakes.printed import printed_for
from tests.servers.terraform import DEPLOY

pytestmark = pytest.mark.slow
TEMPLATE = DEPLOY / "cloudformation" / "spoke.yaml"
ACCOUNT, HUB_ROLE = "222233334444", "arn:aws:iam::111122223333:role/keysteward-hub"
GIVEN = {"HubRoleArn": HUB_ROLE, "ExternalId": "a-long-random-id"}


@pytest.fixture
def org(monkeypatch: pytest.MonkeyPatch) -> Iterator[Organization]:
    with bare(monkeypatch) as made:
        yield made


def deploy(**more: str) -> None:
    parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in (GIVEN | more).items()]
    client("cloudformation", ACCOUNT).create_stack(
        StackName="keysteward",
        TemplateBody=TEMPLATE.read_text(),
        Parameters=parameters,
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )


def policy_of(name: str) -> Any:
    """moto keeps it as Python writes it, with None where `AWS::NoValue` takes something away."""
    kept = client("iam", ACCOUNT).get_role_policy(RoleName=name, PolicyName="keysteward")["PolicyDocument"]
    policy = ast.literal_eval(str(kept))
    return policy | {"Statement": [one for one in policy["Statement"] if one]}


def roles() -> set[str]:
    return {role["RoleName"] for role in client("iam", ACCOUNT).list_roles()["Roles"]}


def test_it_is_clean() -> None:
    program = shutil.which("cfn-lint", path=str(Path(sys.executable).parent))
    assert program
    linted = subprocess.run(
        (program, str(TEMPLATE)), capture_output=True, text=True, timeout=300, check=False
    )
    assert (linted.returncode, linted.stdout, linted.stderr) == (0, "", "")


def test_without_an_actor_there_is_only_the_role_that_reads(org: Organization) -> None:
    deploy()
    assert roles() == {"keysteward-spoke"}
    assert policy_of("keysteward-spoke") == printed_for("spoke", {"mode": "enforce"})


def test_with_all_that_can_be_wanted_the_policies_are_the_printed_ones(org: Organization) -> None:
    deploy(ActorRoleName="keysteward-actor", LookUpCallers="true")
    wanted = {"mode": "enforce", "evidence": {"callers": True}}
    assert policy_of("keysteward-spoke") == printed_for("spoke", wanted)
    assert policy_of("keysteward-actor") == printed_for("actor", wanted)


def test_both_roles_trust_the_hubs_role_with_the_external_id_alone(org: Organization) -> None:
    deploy(ActorRoleName="keysteward-actor")
    for name in ("keysteward-spoke", "keysteward-actor"):
        trust = trust_of(role_arn(ACCOUNT, name))
        assert trusts(trust, HUB_ROLE, "a-long-random-id")
        assert not trusts(trust, HUB_ROLE, "a-guess")
        assert not trusts(trust, f"{HUB_ROLE}-2", "a-long-random-id")
        assert not trusts(trust, HUB_ROLE.replace("1111", "9999"), "a-long-random-id")


def test_a_stack_set_brings_the_role_to_every_account_of_the_organization(org: Organization) -> None:
    """As docs/deploy.md makes it."""
    hub = HUB_ROLE.split(":")[4]
    tree, stacks = client("organizations", hub), client("cloudformation", hub)
    tree.create_organization(FeatureSet="ALL")
    [root] = tree.list_roots()["Roots"]
    asked = [tree.create_account(AccountName=name, Email=f"{name}@example.com") for name in ("web", "data")]
    stacks.create_stack_set(
        StackSetName="keysteward-spokes",
        TemplateBody=TEMPLATE.read_text(),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        PermissionModel="SERVICE_MANAGED",
        AutoDeployment={"Enabled": True, "RetainStacksOnAccountRemoval": False},
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in GIVEN.items()],
    )
    stacks.create_stack_instances(
        StackSetName="keysteward-spokes",
        DeploymentTargets={"OrganizationalUnitIds": [root["Id"]]},
        Regions=["us-east-1"],
    )
    for one in asked:
        trust = trust_of(role_arn(one["CreateAccountStatus"]["AccountId"], "keysteward-spoke"))
        assert trusts(trust, HUB_ROLE, "a-long-random-id")
