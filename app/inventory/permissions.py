"""The least privilege of each role, as data: what `keysteward iam-policy` prints (docs/permissions.md).

To which resources an action can be narrowed follows the Service Authorization Reference,
https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from collections.abc import Sequence
from typing import Any, Literal

ACCOUNT_ACTIONS = (
    "iam:GenerateCredentialReport",
    "iam:GetAccountAuthorizationDetails",
    "iam:GetAccountSummary",
    "iam:GetCredentialReport",
    "iam:ListPolicies",
    "iam:ListUsers",
)
USER_ACTIONS = (
    "iam:GetAccessKeyLastUsed",
    "iam:GetUser",
    "iam:ListAccessKeys",
    "iam:ListGroupsForUser",
    "iam:ListUserTags",
)
QUARANTINE = "AWSCompromisedKeyQuarantine"  # how the names of AWS's own policies for that begin
QUARANTINE_ACTIONS = ("iam:ListEntitiesForPolicy",)
SPOKE_ACTIONS = (*ACCOUNT_ACTIONS, *USER_ACTIONS, *QUARANTINE_ACTIONS)
ACTOR_ACTIONS = ("iam:DeleteAccessKey", "iam:UpdateAccessKey")
CALLERS_ACTIONS = ("cloudtrail:LookupEvents",)
CONTACT_ACTIONS = ("account:GetAlternateContact",)
LIST_ACTIONS = ("organizations:ListAccounts",)
ROOT_ACTIONS = ("organizations:ListRoots",)  # these two in the place of the plain list
TREE_ACTIONS = ("organizations:ListAccountsForParent", "organizations:ListOrganizationalUnitsForParent")
ACCOUNT_TAG_ACTIONS = ("organizations:ListTagsForResource",)
COPY_ACTIONS = ("s3:PutObject", "s3:PutObjectRetention")  # the latter: to say until when it is locked
SECRET_ACTIONS = ("secretsmanager:GetSecretValue",)
LEDGER_ACTIONS = (
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
)

ANYTHING = ("*",)  # for actions that AWS narrows to nothing
PolicyKind = Literal["hub", "spoke", "actor"]
Grant = tuple[str, Sequence[str], Sequence[str]]  # a statement's id, its actions, and on what


def reading(partition: str, callers: bool) -> list[Grant]:
    """What it takes to read an account; with ``callers`` also who used a key."""
    grants: list[Grant] = [
        ("ReadAccount", ACCOUNT_ACTIONS, ANYTHING),
        ("ReadUsers", USER_ACTIONS, users(partition)),
        ("ReadQuarantine", QUARANTINE_ACTIONS, (f"arn:{partition}:iam::aws:policy/{QUARANTINE}*",)),
    ]
    return grants + ([("LookUpCallers", CALLERS_ACTIONS, ANYTHING)] if callers else [])


def acting(partition: str) -> list[Grant]:
    return [("ChangeAccessKeys", ACTOR_ACTIONS, users(partition))]


def assuming(role_arns: Sequence[str]) -> list[Grant]:
    return [("AssumeRoles", ("sts:AssumeRole",), sorted(set(role_arns)))] if role_arns else []


def listing(partition: str, units: bool, account_tags: bool) -> list[Grant]:
    """What it takes to list an organization's accounts; with the units they are in; with their tags."""
    arn = f"arn:{partition}:organizations::*"
    plain: list[Grant] = [("ListAccounts", LIST_ACTIONS, ANYTHING)]
    walk: list[Grant] = [
        ("ListRoots", ROOT_ACTIONS, ANYTHING),
        ("ListAccounts", TREE_ACTIONS, (f"{arn}:ou/o-*/ou-*", f"{arn}:root/o-*/r-*")),
    ]
    tags: Grant = ("ReadAccountTags", ACCOUNT_TAG_ACTIONS, (f"{arn}:account/o-*/*",))
    return [*(walk if units else plain), *([tags] if account_tags else ())]


def contacts(partition: str, others: bool) -> list[Grant]:
    """The alternate contacts of the hub's own account; ``others``: of the organization's, too."""
    own = f"arn:{partition}:account::*:account"
    return [("ReadContacts", CONTACT_ACTIONS, (own, f"{own}/o-*/*") if others else (own,))]


def secrets(partition: str, names: Sequence[str]) -> list[Grant]:
    """``names``: as AWS takes them, a secret's name or its ARN."""
    arns = sorted({_secret(partition, name) for name in names})
    return [("ReadSecrets", SECRET_ACTIONS, arns)] if arns else []


def copying(partition: str, bucket: str, prefix: str) -> list[Grant]:
    """What copying the audit trail asks of AWS."""
    return [("CopyAudit", COPY_ACTIONS, (f"arn:{partition}:s3:::{bucket}/{prefix}*",))]


def remembering(partition: str, region: str | None, table: str) -> list[Grant]:
    """What the ledger in that table of DynamoDB asks of AWS; ``region`` None: whichever the SDK is set to."""
    return [("KeepLedger", LEDGER_ACTIONS, (f"arn:{partition}:dynamodb:{region or '*'}:*:table/{table}",))]


def _secret(partition: str, name: str) -> str:
    """AWS adds a hyphen and six characters to a name: exactly six question marks match no longer name."""
    if name.startswith("arn:"):
        return name if name[-7:-6] == "-" else f"{name}-??????"
    return f"arn:{partition}:secretsmanager:*:*:secret:{name}-??????"


def users(partition: str) -> tuple[str, ...]:
    """Every user of the account that the policy is attached in: a role's policy reaches no other's."""
    return (f"arn:{partition}:iam::*:user/*",)


def role_pattern(partition: str, role_name: str) -> str:
    """The role of that name in any account: which accounts there are, the organization decides."""
    return f"arn:{partition}:iam::*:role/{role_name.strip('/')}"


def document(grants: Sequence[Grant]) -> dict[str, Any]:
    """A policy document, as IAM takes it."""
    return {"Version": "2012-10-17", "Statement": [_statement(*grant) for grant in grants]}


def _statement(sid: str, actions: Sequence[str], resources: Sequence[str]) -> dict[str, Any]:
    resource = resources[0] if len(resources) == 1 else list(resources)
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": resource}
