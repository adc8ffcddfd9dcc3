"""The example on ECS, applied as it is to moto: then its task's run, with exactly what Terraform made.

The hub and three accounts' roles, each with its own policy and trust in force; the config and the secrets
come from the task definition, the ledger is Terraform's table. A due key is told of, then deactivated.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import pytest
import yaml

from app.ledger.open import make_ledger
from tests.fakes.deployed import Environment, Task, put_in_force, rehearse, trust_of, with_tables
from tests.fakes.enforced import Organization, bare, client, people, user_of
from tests.fakes.printed import printed_from
from tests.fakes.slack import FakeSlack
from tests.servers.moto import REGION
from tests.servers.terraform import Terraform, copied

pytestmark = pytest.mark.slow
ACCOUNTS = ("111122223333", "222233334444", "333344445555")
HUB = ACCOUNTS[0]
TOKEN = "KEYSTEWARD_SINKS__SLACK__TOKEN"
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def env() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as fake:
        fake.add_channel("#iam-keys")
        for name in ("ann", "bob"):
            fake.add_user(f"{name}@example.com")
        yield fake


@pytest.fixture(scope="module")
def org(env: pytest.MonkeyPatch) -> Iterator[Organization]:
    with bare(env, with_tables) as made:
        for account_id in ACCOUNTS:
            people(account_id, made.start)
        yield made


@pytest.fixture(scope="module")
def applied(
    org: Organization, slack: FakeSlack, env: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Terraform:
    """The example with another mode and the fake Slack: what a user would change, and nothing else."""
    terraform = copied(tmp_path_factory.mktemp("applied"), "examples/ecs", _administrator())
    _write_config(terraform.folder, slack)
    variables = terraform.folder / "terraform.tfvars.json"
    variables.write_text(json.dumps(_variables(slack)))
    terraform.init()
    terraform.run("apply", "-auto-approve", "-input=false", "-no-color", "-parallelism=4")
    return terraform


def _administrator() -> Environment:
    given = client("sts", HUB).assume_role(
        RoleArn=f"arn:aws:iam::{HUB}:role/admin", RoleSessionName="terraform"
    )["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }


def _write_config(folder: Path, slack: FakeSlack) -> None:
    """And its policy beside it, as docs/deploy.md says."""
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["mode"] = "enforce"
    config["sinks"]["slack"]["base_url"] = slack.base_url
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "hub-policy.json").write_text(json.dumps(printed_from(folder / "config.yaml", "hub")))


def _variables(slack: FakeSlack) -> dict[str, Any]:
    network = client("ec2", HUB).describe_subnets()["Subnets"]
    secret = client("secretsmanager", HUB).create_secret(Name="keysteward/slack", SecretString=slack.token)
    return {
        "image": "keysteward:0.1.0",
        "vpc_id": network[0]["VpcId"],
        "subnet_ids": [one["SubnetId"] for one in network[:2]],
        "secrets": {TOKEN: secret["ARN"]},
    }


@pytest.fixture(scope="module")
def task(applied: Terraform) -> Task:
    """Of the service's one task definition."""
    ecs = client("ecs", HUB)
    [service] = ecs.describe_services(cluster="keysteward", services=["keysteward"])["services"]
    found = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    return Task(HUB, found)


def test_its_table_is_the_one_that_the_service_would_make(task: Task) -> None:
    url = f"dynamodb://made-by-hand?region={REGION}"
    with pytest.MonkeyPatch.context() as env:
        for name, value in _administrator().items():
            env.setenv(name, value)
        make_ledger(url)
    assert _table("keysteward") == _table("made-by-hand")


def _table(name: str) -> dict[str, Any]:
    dynamodb = client("dynamodb", HUB)
    table = dynamodb.describe_table(TableName=name)["Table"]
    kept = ("KeySchema", "DeletionProtectionEnabled", "GlobalSecondaryIndexes", "LocalSecondaryIndexes")
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    return {
        **{key: table.get(key) for key in kept},
        "attributes": sorted(one["AttributeName"] for one in table["AttributeDefinitions"]),
        "billing": table["BillingModeSummary"]["BillingMode"],
        "ttl": dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"],
        "backups": backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
    }


def test_only_ecs_may_start_with_the_hubs_role(task: Task) -> None:
    [statement] = trust_of(task.definition["taskRoleArn"])["Statement"]
    assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": HUB}


def test_applying_it_again_changes_nothing(applied: Terraform, task: Task) -> None:
    applied.run("plan", "-out=again", "-input=false", "-no-color")
    changes = json.loads(applied.run("show", "-json", "again"))["resource_changes"]
    changed = {one["address"] for one in changes if one["change"]["actions"] != ["no-op"]}
    assert changed <= {"module.hub.aws_ecs_service.hub"}  # moto forgets its availability_zone_rebalancing


@dataclass(frozen=True)
class Roles:
    """Their ARNs, as Terraform says."""

    hub: str
    spokes: list[str]
    actors: list[str]

    @classmethod
    def of(cls, applied: Terraform) -> Self:
        said = {name: one["value"] for name, one in json.loads(applied.run("output", "-json")).items()}
        return cls(said["hub_role_arn"], said["role_arns"], said["actor_role_arns"])


@pytest.fixture(scope="module")
def roles(applied: Terraform, task: Task) -> Roles:
    return Roles.of(applied)


@pytest.fixture(scope="module")
def environment(task: Task, roles: Roles, org: Organization) -> Environment:
    """The task's; from now on nobody may do more than the roles say."""
    made = task.environment()
    for role in (roles.hub, *roles.spokes, *roles.actors):
        put_in_force(org, role)
    org.enforce()
    return made


def test_its_task_warns_and_then_deactivates_every_due_key_under_enforced_iam(
    roles: Roles, environment: Environment, org: Organization, slack: FakeSlack
) -> None:
    for day in range(7):
        assert _run(org, environment, day) == (0, 0)
    assert _run(org, environment, 7) == (0, 3)  # one an account: its share of a run
    assert _run(org, environment, 8) == (0, 6)
    assert len(slack.messages_to("ann@example.com")) >= 2
    assert [call for call in org.gate.calls if call.denied] == []
    assert {call.role for call in org.gate.calls} == {roles.hub, *roles.spokes, *roles.actors}
    for actor in roles.actors:
        assert {call.action for call in org.gate.calls if call.role == actor} == {"iam:UpdateAccessKey"}


def test_another_external_id_opens_no_account(environment: Environment, org: Organization) -> None:
    guessed = environment["KEYSTEWARD_ACCOUNTS"].replace("a-long-random-id", "a-guess")
    before = len(org.gate.calls)
    assert _run(org, environment | {"KEYSTEWARD_ACCOUNTS": guessed}, 9)[0] == 1
    tried = [call for call in org.gate.calls[before:] if call.action == "sts:AssumeRole"]
    assert tried
    assert all(call.denied for call in tried)


def _run(org: Organization, environment: Environment, day: int) -> tuple[int, int]:
    """Its exit code, and how many of the six keys are inactive after it."""
    org.gate.report_at = org.start + day * DAY
    done = rehearse(environment, org.gate.report_at)
    users = [user_of(account_id, name=name) for account_id in ACCOUNTS for name in ("ann", "bob")]
    return done.returncode, [key.status for user in users for key in user.access_keys].count("Inactive")
