"""An organization in moto with IAM's enforcement on: a hub, two members, and roles with printed policies."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
import requests
from moto.iam.models import AccessKeyLastUsed, AWSManagedPolicy, iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.secretsmanager.models import secretsmanager_backends
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.fakes.aws import point_sdk_at
from tests.fakes.gate import Document, Gate, Request, widened
from tests.fakes.wants import ACTOR, BUCKET, HUB, HUB_ROLE, REGION, SECRET, SENDER, SPOKE, TOPIC

OFF = "1e18"  # so many calls before anything is enforced
BY_KEY = "iam:GetAccessKeyLastUsed"


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the base class names it
        return


def role_arn(account_id: str, name: str) -> str:
    return f"arn:aws:iam::{account_id}:role/{name}"


def client(service: str, account_id: str) -> Any:
    """As an administrator of that account. Only while the gate is open."""
    sts = boto3.client("sts")
    given = sts.assume_role(RoleArn=role_arn(account_id, "admin"), RoleSessionName="test")["Credentials"]
    return boto3.client(
        service,  # type: ignore[call-overload]
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def user_of(account_id: str, key_id: str = "", name: str = "") -> Any:
    """moto's own object: of the user of that name, or with that key."""
    for user in iam_backends[account_id]["aws"].users.values():
        if user.name == name or key_id in {key.access_key_id for key in user.access_keys}:
            return user
    return None


@dataclass
class Organization:
    """``members`` are ids: moto makes them up."""

    gate: Gate
    url: str
    start: datetime
    members: tuple[str, ...] = ()

    @property
    def accounts(self) -> tuple[str, ...]:
        return (HUB, *self.members)

    def attach(self, role: str, document: Document) -> None:
        """In place of what the role had."""
        account_id, name = role.split(":")[4], role.rpartition("/")[2]
        iam_backends[account_id]["aws"].put_role_policy(name, "printed", json.dumps(widened(document)))
        self.gate.documents[role] = document

    def enforce(self) -> None:
        """From now on."""
        self._reset_auth("0")
        self.gate.closed = True

    def _reset_auth(self, calls: str) -> None:
        requests.post(f"{self.url}/moto-api/reset-auth", data=calls, timeout=10).raise_for_status()

    def end(self) -> None:
        self.gate.closed = False
        self._reset_auth(OFF)
        requests.post(f"{self.url}/moto-api/reset", timeout=10).raise_for_status()


def resource_of(request: Request, role: str) -> str:
    """The ARN that AWS would compare with a policy's, by the Service Authorization Reference."""
    params, account_id = request.params, role.split(":")[4]
    if request.service == "iam" and ("UserName" in params or request.action == BY_KEY):
        user = user_of(account_id, params.get("AccessKeyId", ""), params.get("UserName", ""))
        return user.arn if user else f"arn:aws:iam::{account_id}:user/{params.get('UserName', 'unknown')}"
    if request.service == "organizations":
        return _of_organization(params)
    if request.service == "s3":
        return f"arn:aws:s3:::{params['Path']}"
    arns = {
        "sts:AssumeRole": params.get("RoleArn"),
        "iam:ListEntitiesForPolicy": params.get("PolicyArn"),
        "sns:Publish": params.get("TopicArn"),
        "ses:SendRawEmail": f"arn:aws:ses:{request.region}:{account_id}:identity/mail.example.com",
        "secretsmanager:GetSecretValue": _secret_arn(params.get("SecretId", "")),
        "account:GetAlternateContact": _contact_arn(account_id, params),
    }
    return arns.get(request.action) or "*"


def _of_organization(params: Any) -> str:
    arn, asked = f"arn:aws:organizations::{HUB}", params.get("ParentId") or params.get("ResourceId")
    kinds = {"r-": "root", "ou": "ou"}
    return f"{arn}:{kinds.get(asked[:2], 'account')}/o-abcdefghij/{asked}" if asked else "*"


def _secret_arn(name: str) -> str:
    found = secretsmanager_backends[HUB][REGION].secrets.get(name) if name else None
    return str(found.arn) if found else ""


def _contact_arn(account_id: str, params: Any) -> str:
    arn, asked = f"arn:aws:account::{account_id}:account", params.get("AccountId")
    return f"{arn}/o-abcdefghij/{asked}" if asked else arn


@contextmanager
def organization(env: pytest.MonkeyPatch, ledger_url: str) -> Iterator[Organization]:
    """Its URL is in this process's environment, with a session of the hub's role. Nothing is enforced yet."""
    with bare(env) as made:
        _furnish(made, ledger_url)
        _log_in(made, env)
        yield made


@contextmanager
def bare(
    env: pytest.MonkeyPatch, resource: Callable[[Request, str], str] | None = None
) -> Iterator[Organization]:
    """An AWS in which nothing is; its URL is in this process's environment. ``resource``: as of `Gate`."""
    gate = Gate(DomainDispatcherApplication(create_backend_app), resource or resource_of)
    server = make_server("127.0.0.1", 0, gate, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    point_sdk_at(url, env)
    boto3.setup_default_session()
    made = Organization(gate, url, datetime.now(UTC).replace(microsecond=0))
    try:
        yield made
    finally:
        boto3.setup_default_session()
        made.end()
        server.shutdown()
        server.server_close()


def _furnish(made: Organization, ledger_url: str) -> None:
    tree = client("organizations", HUB)
    tree.create_organization(FeatureSet="ALL")
    [root] = tree.list_roots()["Roots"]
    unit = tree.create_organizational_unit(ParentId=root["Id"], Name="prod")["OrganizationalUnit"]["Id"]
    made.members = tuple(_member(tree, root["Id"], unit, name) for name in ("web", "data"))
    client("secretsmanager", HUB).create_secret(Name=SECRET, SecretString=ledger_url)
    client("sns", HUB).create_topic(Name=TOPIC.rpartition(":")[2])
    client("ses", HUB).verify_domain_identity(Domain=SENDER.partition("@")[2])
    place = {"LocationConstraint": REGION}
    client("s3", HUB).create_bucket(
        Bucket=BUCKET, ObjectLockEnabledForBucket=True, CreateBucketConfiguration=place
    )
    for account_id in made.accounts:
        people(account_id, made.start)
        for name in (SPOKE, ACTOR) + ((HUB_ROLE,) if account_id == HUB else ()):
            trust = {"Version": "2012-10-17", "Statement": [_trust()]}
            iam_backends[account_id]["aws"].create_role(name, json.dumps(trust), "/", None, "", [], "3600")


def _trust() -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}


def _member(tree: Any, root: str, unit: str, name: str) -> str:
    made = tree.create_account(AccountName=name, Email=f"{name}@example.com")
    account_id = str(made["CreateAccountStatus"]["AccountId"])
    tree.move_account(AccountId=account_id, SourceParentId=root, DestinationParentId=unit)
    tree.tag_resource(ResourceId=account_id, Tags=[{"Key": "team", "Value": name}])
    return account_id


def people(account_id: str, start: datetime) -> None:
    """Two users with a key of 100 days each, used yesterday, and a group. AWS has quarantined one."""
    iam = client("iam", account_id)
    iam.create_group(GroupName="people")
    names = ("ann", "bob")
    for name in names:
        address = f"{name}@example.com"
        iam.create_user(UserName=name, Path="/people/", Tags=[{"Key": "owner", "Value": address}])
        iam.add_user_to_group(GroupName="people", UserName=name)
        iam.create_access_key(UserName=name)
        [key] = user_of(account_id, name=name).access_keys
        key.create_date = (start - timedelta(days=100)).replace(tzinfo=None)
        key.last_used = AccessKeyLastUsed((start - timedelta(days=1)).replace(tzinfo=None), "s3", REGION)
    quarantine(account_id, names[-1])


def quarantine(account_id: str, name: str) -> None:
    """What AWS does to the owner of a leaked key; moto has none of its policies unless it is told to."""
    backend = iam_backends[account_id]["aws"]
    made = {"Path": "/", "Document": {}, "CreateDate": "2024-10-02", "UpdateDate": "2024-10-02"}
    policy = AWSManagedPolicy.from_data("AWSCompromisedKeyQuarantineV3", account_id, "us-east-1", made)
    backend.managed_policies[policy.arn] = policy
    policy.attach_to(backend.get_user(name))


def _log_in(made: Organization, env: pytest.MonkeyPatch) -> None:
    session = boto3.client("sts").assume_role(RoleArn=role_arn(HUB, HUB_ROLE), RoleSessionName="task")
    given = session["Credentials"]
    env.setenv("AWS_ACCESS_KEY_ID", given["AccessKeyId"])
    env.setenv("AWS_SECRET_ACCESS_KEY", given["SecretAccessKey"])
    env.setenv("AWS_SESSION_TOKEN", given["SessionToken"])
    boto3.setup_default_session()  # the sinks' own: it keeps what the environment was
