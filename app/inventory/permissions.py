"""The least privilege of each role, as data: what `keysteward iam-policy` prints."""

from collections.abc import Sequence
from typing import Any, Literal

SPOKE_ACTIONS = (
    "iam:GenerateCredentialReport",
    "iam:GetAccessKeyLastUsed",
    "iam:GetAccountAuthorizationDetails",
    "iam:GetAccountSummary",
    "iam:GetCredentialReport",
    "iam:GetUser",
    "iam:ListAccessKeys",
    "iam:ListGroupsForUser",
    "iam:ListUserTags",
    "iam:ListUsers",
)
ACTOR_ACTIONS = ("iam:DeleteAccessKey", "iam:UpdateAccessKey")
CALLERS_ACTIONS = ("cloudtrail:LookupEvents",)  # it can't be narrowed to resources
CONTACT_ACTIONS = ("account:GetAlternateContact",)
COPY_ACTIONS = ("s3:PutObject", "s3:PutObjectRetention")  # the latter: to say until when it is locked
LIST_ACTIONS = ("organizations:ListAccounts",)
UNIT_ACTIONS = (  # in the place of the plain list
    "organizations:ListAccountsForParent",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListRoots",
)
ACCOUNT_TAG_ACTIONS = ("organizations:ListTagsForResource",)

PolicyKind = Literal["hub", "spoke", "actor"]
Grant = tuple[str, Sequence[str], Sequence[str]]  # a statement's id, its actions, and on what


def organization_actions(units: bool, tags: bool) -> tuple[str, ...]:
    """To list an organization's accounts, with the units they are in, and with their tags."""
    return (*(UNIT_ACTIONS if units else LIST_ACTIONS), *(ACCOUNT_TAG_ACTIONS if tags else ()))


def role_pattern(partition: str, role_name: str) -> str:
    """The role of that name in any account: which accounts there are, the organization decides."""
    return f"arn:{partition}:iam::*:role/{role_name}"


def policy_document(
    kind: PolicyKind,
    *,
    partition: str = "aws",
    organization: Sequence[str] = (),
    role_arns: Sequence[str] = (),
    own_account: bool = False,
    callers: bool = False,
    grants: Sequence[Grant] = (),
) -> dict[str, Any]:
    """A policy document. For the hub: ``role_arns`` are the roles it may assume (spokes and actors, or
    `role_pattern`s), ``organization`` are `organization_actions`, ``own_account`` adds the reads that it
    makes in its own account, and ``grants`` what its sinks and owners need. ``callers``: whoever reads may
    also look up in CloudTrail who uses a key.
    """
    if kind == "spoke":
        statements = _reads(callers)
    elif kind == "actor":
        users = [f"arn:{partition}:iam::*:user/*"]
        statements = [_statement("ChangeAccessKeys", ACTOR_ACTIONS, users)]
    else:
        statements = _hub(organization, role_arns) + (_reads(callers) if own_account else [])
        statements += [_statement(*grant) for grant in grants]
    return {"Version": "2012-10-17", "Statement": statements}


def _reads(callers: bool) -> list[dict[str, Any]]:
    statements = [_statement("ReadCredentials", SPOKE_ACTIONS)]
    if callers:
        statements.append(_statement("LookUpCallers", CALLERS_ACTIONS))
    return statements


def _hub(organization: Sequence[str], role_arns: Sequence[str]) -> list[dict[str, Any]]:
    statements = []
    if role_arns:
        statements.append(_statement("AssumeRoles", ("sts:AssumeRole",), sorted(set(role_arns))))
    if organization:
        statements.append(_statement("ListAccounts", organization))
    return statements


def _statement(sid: str, actions: Sequence[str], resources: Sequence[str] = ("*",)) -> dict[str, Any]:
    resource = resources[0] if len(resources) == 1 else list(resources)
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": resource}
