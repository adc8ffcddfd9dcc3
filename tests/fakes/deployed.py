"""What Terraform made in moto: its roles under enforcement, and its task's environment and credentials."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moto.iam.models import iam_backends

from tests.fakes.enforced import Organization, client, resource_of
from tests.fakes.gate import Document, Request

PATIENCE = 300.0  # seconds a run
Environment = dict[str, str]


def with_tables(request: Request, role: str) -> str:
    """As `resource_of`, of DynamoDB too."""
    if request.service != "dynamodb":
        return resource_of(request, role)
    table = request.params.get("TableName") or next(iter(request.params["RequestItems"]))
    return f"arn:aws:dynamodb:{request.region}:{role.split(':')[4]}:table/{table}"


def put_in_force(org: Organization, role_arn: str) -> None:
    """From when `Organization.enforce` is called: the role's own policy, and its own trust, by the gate.

    moto knows neither an account as a principal nor ``aws:PrincipalArn``: it is given a trust in everybody.
    """
    role = _role(role_arn)
    [(name, policy)] = role.policies.items()
    del role.policies[name]
    org.attach(role_arn, json.loads(policy))
    org.gate.trusts[role_arn] = trust_of(role_arn)
    everybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    role.assume_role_policy_document = json.dumps({"Version": "2012-10-17", "Statement": [everybody]})


def trust_of(role_arn: str) -> Document:
    document: Document = json.loads(_role(role_arn).assume_role_policy_document)
    return document


def _role(role_arn: str) -> Any:
    backend: Any = iam_backends[role_arn.split(":")[4]]["aws"]
    return backend.get_role(role_arn.rpartition("/")[2])


@dataclass(frozen=True)
class Task:
    """The task as ECS would start it: here by the program of this repository in place of the image."""

    account_id: str
    definition: Mapping[str, Any]

    @property
    def container(self) -> Mapping[str, Any]:
        [one] = self.definition["containerDefinitions"]
        return dict(one)

    def environment(self) -> Environment:
        """What ECS hands over: settings, the secrets behind their ARNs, and a session of the task's role."""
        settings = {one["name"]: one["value"] for one in self.container["environment"]}
        return settings | self._secrets() | self._session()

    def _secrets(self) -> Environment:
        store = client("secretsmanager", self.account_id)
        return {
            one["name"]: store.get_secret_value(SecretId=one["valueFrom"])["SecretString"]
            for one in self.container["secrets"]
        }

    def _session(self) -> Environment:
        sts, arn = client("sts", self.account_id), self.definition["taskRoleArn"]
        given = sts.assume_role(RoleArn=arn, RoleSessionName="task")["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
        }


def rehearse(environment: Environment, at: datetime) -> "subprocess.CompletedProcess[str]":
    """`run --once --at` in a process of its own, with that environment and the machine's endpoint."""
    own = {k: v for k, v in os.environ.items() if not k.startswith("KEYSTEWARD_")}
    return subprocess.run(
        (sys.executable, "-m", "app", "run", "--once", "--at", at.isoformat()),
        env=own | environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
