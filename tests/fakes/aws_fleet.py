"""The fake AWS's fleet as plain dataclasses, and the credential report that IAM would make of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.fakes.aws_trail import FakeEvent
from tests.fakes.refusal import Refusal as Refusal

STAMP = "%Y-%m-%dT%H:%M:%SZ"
COLUMNS = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,"
    "password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,"
    "access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,"
    "access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,"
    "access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,"
    "cert_2_active,cert_2_last_rotated,additional_credentials_info"
)


@dataclass
class FakeKey:
    """``rotated``: what the report calls last_rotated, when not the creation."""

    id: str
    created: datetime
    status: str = "Active"
    last_used: datetime | None = None
    service: str = "s3"
    region: str = "eu-central-1"
    rotated: datetime | None = None


@dataclass
class FakeUser:
    name: str
    keys: list[FakeKey] = field(default_factory=list)
    path: str = "/"
    tags: dict[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    quarantine: str = ""  # the policy of AWS's own that is attached to him


@dataclass
class FakeAccount:
    """``denied`` are globs of actions; ``report_polls``: how often the report is not ready yet."""

    id: str
    users: list[FakeUser] = field(default_factory=list)
    name: str = ""
    state: str = "ACTIVE"
    parent: str = "r-root"
    tags: dict[str, str] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    external_id: str | None = None
    root_keys: int = 0
    report_polls: int = 0
    report_expired: bool = False  # once: Get says so although Generate said COMPLETE
    report_at: datetime | None = None
    report: bytes | None = None  # instead of the real one
    events: list[FakeEvent] = field(default_factory=list)  # what CloudTrail remembers

    def user(self, name: str) -> FakeUser:
        for user in self.users:
            if user.name == name:
                return user
        raise Refusal("NoSuchEntity", f"The user with name {name} cannot be found.", 404)


@dataclass
class FakeUnit:
    id: str
    name: str
    parent: str = "r-root"


def report_csv(account: FakeAccount) -> str:
    """The credential report of an account: no trailing newline, the root row first."""
    state = "true" if account.root_keys else "false"
    root = (
        f"<root_account>,arn:aws:iam::{account.id}:root,2015-01-01T00:00:00+00:00,not_supported,"
        f"no_information,not_supported,not_supported,true,{state},N/A,N/A,N/A,N/A,"
        "false,N/A,N/A,N/A,N/A,false,N/A,false,N/A,"
    )
    return "\n".join([COLUMNS, root, *(_row(account, user) for user in account.users)])


def _row(account: FakeAccount, user: FakeUser) -> str:
    keys = [_cells(key) for key in user.keys] + ["false,N/A,N/A,N/A,N/A"] * (2 - len(user.keys))
    arn = describe(account, user)["Arn"]
    start = f"{user.name},{arn},2020-01-01T00:00:00Z,false,N/A,N/A,N/A,false"
    return f"{start},{keys[0]},{keys[1]},false,N/A,false,N/A,"


def _cells(key: FakeKey) -> str:
    active = "true" if key.status == "Active" else "false"
    rotated = (key.rotated or key.created).strftime("%Y-%m-%dT%H:%M:%S+00:00")
    if key.last_used is None:
        return f"{active},{rotated},N/A,N/A,N/A"
    return f"{active},{rotated},{key.last_used.strftime(STAMP)},{key.region},{key.service}"


def managed_policy(name: str) -> dict[str, Any]:
    """One of AWS's own."""
    return {
        "PolicyName": name,
        "PolicyId": "ANPA1",
        "Arn": f"arn:aws:iam::aws:policy/{name}",
        "Path": "/",
        "DefaultVersionId": "v1",
        "AttachmentCount": "1",
        "IsAttachable": "true",
        "CreateDate": "2020-01-01T00:00:00Z",
        "UpdateDate": "2020-01-01T00:00:00Z",
    }


def describe(account: FakeAccount, user: FakeUser) -> dict[str, Any]:
    return {
        "UserName": user.name,
        "Path": user.path,
        "UserId": "AIDA1",
        "Arn": f"arn:aws:iam::{account.id}:user{user.path}{user.name}",
        "CreateDate": "2020-01-01T00:00:00Z",
    }


def detail(account: FakeAccount, user: FakeUser) -> dict[str, Any]:
    """As GetAccountAuthorizationDetails has a user: with groups and tags, and a policy that nobody reads."""
    return {
        **describe(account, user),
        "UserPolicyList": [{"PolicyName": "inline", "PolicyDocument": "%7B%22Version%22%3A%20%222012%22%7D"}],
        "GroupList": list(user.groups),
        "AttachedManagedPolicies": [],
        "Tags": [{"Key": key, "Value": value} for key, value in user.tags.items()],
    }
