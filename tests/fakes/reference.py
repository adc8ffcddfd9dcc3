"""What AWS says of the actions that this service may be granted, and what our own page says.

Levels and resources are those of the Service Authorization Reference
(https://docs.aws.amazon.com/service-authorization/latest/reference/, read in November 2026). An action that a
policy grants and this table lacks fails a test: look it up there first.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

PAGE = Path(__file__).parents[2] / "docs" / "permissions.md"
TABLE = r"arn:aws:dynamodb:(\*|[a-z0-9-]+):\*:table/[^*]+"
USER = r"arn:aws:iam::\*:user/.+"
UNIT = r"arn:aws:organizations::\*:(root/o-\*/r-\*|ou/o-\*/ou-\*)"
OBJECT = r"arn:aws:s3:::[^*]+/\*"


@dataclass(frozen=True, slots=True)
class Action:
    """``resource``: a pattern of what it is to be narrowed to; "" where AWS takes only ``*``."""

    level: Literal["Read", "List", "Write", "Permissions management"]
    resource: str = ""


ACTIONS: Mapping[str, Action] = {
    "account:GetAlternateContact": Action("Read", r"arn:aws:account::\*:account(/o-\*/\*)?"),
    "cloudtrail:LookupEvents": Action("Read"),
    "iam:DeleteAccessKey": Action("Permissions management", USER),
    "iam:GenerateCredentialReport": Action("Read"),
    "iam:GetAccessKeyLastUsed": Action("Read", USER),
    "iam:GetAccountAuthorizationDetails": Action("Read"),
    "iam:GetAccountSummary": Action("List"),
    "iam:GetCredentialReport": Action("Read"),
    "iam:GetUser": Action("Read", USER),
    "iam:ListAccessKeys": Action("List", USER),
    "iam:ListEntitiesForPolicy": Action("List", r"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine\*"),
    "iam:ListGroupsForUser": Action("List", USER),
    "iam:ListPolicies": Action("List"),
    "iam:ListUserTags": Action("List", USER),
    "iam:ListUsers": Action("List"),
    "iam:UpdateAccessKey": Action("Permissions management", USER),
    "organizations:ListAccounts": Action("List"),
    "organizations:ListAccountsForParent": Action("List", UNIT),
    "organizations:ListOrganizationalUnitsForParent": Action("List", UNIT),
    "organizations:ListRoots": Action("List"),
    "organizations:ListTagsForResource": Action("List", r"arn:aws:organizations::\*:account/o-\*/\*"),
    "s3:PutObject": Action("Write", OBJECT),
    "s3:PutObjectRetention": Action("Write", OBJECT),
    "secretsmanager:GetSecretValue": Action("Read", r"arn:aws:secretsmanager:.+:secret:.+\?{6}"),
    "ses:GetSuppressedDestination": Action("Read"),
    "ses:SendRawEmail": Action("Write", r"arn:aws:ses:.+:(identity/[^*]+|configuration-set/\*)"),
    "sns:Publish": Action("Write", r"arn:aws:sns:[^*]+"),
    "sts:AssumeRole": Action("Write", r"arn:aws:iam::(\*|\d{12}):role/[^*]+"),
}

ON_TABLES: Mapping[str, Action] = {  # of a ledger in DynamoDB, which the fullest config of the tests is not
    "dynamodb:BatchGetItem": Action("Read", TABLE),
    "dynamodb:BatchWriteItem": Action("Write", TABLE),
    "dynamodb:GetItem": Action("Read", TABLE),
    "dynamodb:PutItem": Action("Write", TABLE),
    "dynamodb:Query": Action("Read", TABLE),
    "dynamodb:UpdateItem": Action("Write", TABLE),
}


def permissions_page() -> Mapping[str, str]:
    """docs/permissions.md: permission -> what it says of life without it."""
    return {action: end for rows in sections().values() for action, end in rows.items()}


def sections() -> Mapping[str, Mapping[str, str]]:
    """The same by the roles that its headings name."""
    found: dict[str, dict[str, str]] = {}
    for part in PAGE.read_text().split("\n## ")[1:]:
        rows = re.findall(r"^\| `(\w+:\w+)` \| .+? \| (.+) \|$", part, re.MULTILINE)
        found[part.partition(":")[0]] = dict(rows)
    return found
