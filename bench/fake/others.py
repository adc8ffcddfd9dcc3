"""STS, and AWS Organizations, as their API references have them."""

import time
from collections.abc import Mapping
from typing import Any

from bench.fake.state import Refusal
from bench.fake.xml import stamp
from bench.fleet import Fleet, account_id, account_number

HUB = "999900001111"
ROOT = "r-root"
UNITS = (("ou-root-workload", "Workloads"), ("ou-root-platform", "Platform"), ("ou-root-sandbox1", "Sandbox"))
PAGE = 20
_KEY = "ASIA%sBNCH"  # an assumed role's key id holds its account


def account_of_key(key_id: str) -> str:
    """Whose calls these are: an assumed role's, else the hub's."""
    return key_id[4:16] if key_id.endswith(_KEY[-4:]) else HUB


def assume_role(fleet: Fleet, params: Mapping[str, str]) -> str:
    arn = params.get("RoleArn", "")
    account = arn.split(":")[4] if arn.count(":") >= 5 else ""
    if not account.isdecimal() or not 0 <= account_number(account) < fleet.accounts:
        raise Refusal("AccessDenied", f"not authorized to perform: sts:AssumeRole on {arn}", 403)
    role, name = arn.rpartition("/")[2], params.get("RoleSessionName", "session")
    ends = stamp(int(time.time()) + int(params.get("DurationSeconds", 3600)))
    secrets = (
        f"<SecretAccessKey>secret-of-{account}</SecretAccessKey><SessionToken>{'token' * 80}</SessionToken>"
    )
    return (
        f"<Credentials><AccessKeyId>{_KEY % account}</AccessKeyId>{secrets}<Expiration>{ends}</Expiration>"
        f"</Credentials><AssumedRoleUser><AssumedRoleId>AROABENCH:{name}</AssumedRoleId>"
        f"<Arn>arn:aws:sts::{account}:assumed-role/{role}/{name}</Arn></AssumedRoleUser>"
    )


def caller_identity(account: str) -> str:
    arn = f"arn:aws:sts::{account}:assumed-role/bench/session"
    return f"<Arn>{arn}</Arn><UserId>AROABENCH:session</UserId><Account>{account}</Account>"


def organizations(fleet: Fleet, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
    if action == "ListRoots":
        return {
            "Roots": [
                {"Id": ROOT, "Arn": f"arn:aws:organizations::{HUB}:root/o-bench/{ROOT}", "Name": "Root"}
            ]
        }
    if action == "DescribeOrganization":
        return {"Organization": {"Id": "o-bench", "MasterAccountId": HUB, "FeatureSet": "ALL"}}
    if action == "ListTagsForResource":
        return {"Tags": [{"Key": "cost-center", "Value": params["ResourceId"][-2:]}]}
    if action == "ListOrganizationalUnitsForParent":
        units = UNITS if params["ParentId"] == ROOT else ()
        return {"OrganizationalUnits": [{"Id": id_, "Name": name} for id_, name in units]}
    if action in ("ListAccounts", "ListAccountsForParent"):
        return _accounts(fleet, params)
    raise Refusal("UnknownOperationException", action)


def _accounts(fleet: Fleet, params: Mapping[str, Any]) -> dict[str, Any]:
    """All accounts, or a parent's: the root's and those of each unit take turns."""
    places = (ROOT, *(id_ for id_, _ in UNITS))
    parent = params.get("ParentId")
    if parent is not None and parent not in places:
        raise Refusal("ParentNotFoundException", "You specified a root or OU that doesn't exist.")
    first, step = (places.index(parent), len(places)) if parent else (0, 1)
    numbers = range(first, fleet.accounts, step)
    start = int(params.get("NextToken", 0))
    shown = [_account(number) for number in numbers[start : start + PAGE]]
    more = {"NextToken": str(start + PAGE)} if start + PAGE < len(numbers) else {}
    return {"Accounts": shown, **more}


def _account(number: int) -> dict[str, Any]:
    id_ = account_id(number)
    return {
        "Id": id_,
        "Arn": f"arn:aws:organizations::{HUB}:account/o-bench/{id_}",
        "Email": f"root+{id_}@example.com",
        "Name": f"account-{number:05d}",
        "State": "ACTIVE",
        "Status": "ACTIVE",
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": 1577836800.0,
    }
