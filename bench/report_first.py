"""The report-first script that one would write with boto3 and threads: the credential report, then the ids of
users whom it shows near a rung. A session and a client an account; 32 calls under way at a time."""

import csv
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

from bench.task import UNKNOWN, Listed, Slot, arguments, hand_in, judge, last_use, near, role_arn, seconds
from bench.truth import Due

POLL_SECONDS = 0.5


def main() -> None:
    given = arguments(__doc__)
    with ThreadPoolExecutor(given.at_once) as accounts, ThreadPoolExecutor(given.at_once) as users:
        found = accounts.map(lambda account: check_account(account, users, given.at_once), account_ids())
        hand_in(given.out, [row for rows in found for row in rows])


def account_ids() -> list[str]:
    pages = boto3.client("organizations").get_paginator("list_accounts").paginate()
    return [account["Id"] for page in pages for account in page["Accounts"]]


def check_account(account: str, users: ThreadPoolExecutor, at_once: int) -> list[Due]:
    iam = client_of(account, at_once)
    rows = {row["user"]: list(slots_of(row)) for row in credential_report(iam)}
    wanted = [(user, slots) for user, slots in rows.items() if near(slots, time.time())]
    found = users.map(lambda it: check_user(iam, account, *it), wanted)
    return [row for rows in found for row in rows]


def client_of(account: str, at_once: int) -> Any:
    session = boto3.Session()
    answer = session.client("sts").assume_role(RoleArn=role_arn(account), RoleSessionName="report-first")
    given = answer["Credentials"]
    return boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]).client(
        "iam", config=Config(max_pool_connections=at_once)
    )


def credential_report(iam: Any) -> list[dict[str, str]]:
    while iam.generate_credential_report()["State"] != "COMPLETE":
        time.sleep(POLL_SECONDS)
    text = iam.get_credential_report()["Content"].decode()
    return list(csv.DictReader(text.splitlines()))


def slots_of(row: dict[str, str]) -> Iterator[Slot]:
    for name in ("access_key_1", "access_key_2"):
        rotated, used = row[f"{name}_last_rotated"], row[f"{name}_last_used_date"]
        if rotated != "N/A":
            yield Slot(
                row[f"{name}_active"] == "true", seconds(rotated), None if used == "N/A" else seconds(used)
            )


def check_user(iam: Any, account: str, user: str, slots: list[Slot]) -> list[Due]:
    answer = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    keys = [Listed(k["AccessKeyId"], k["Status"] == "Active", k["CreateDate"].timestamp()) for k in answer]
    found = []
    for key in keys:
        used = last_use(key, keys, slots)
        if used == UNKNOWN:
            used = ask_use(iam, key.id)
        found += judge(account, user, key, used)
    return found


def ask_use(iam: Any, key_id: str) -> float | None:
    at = iam.get_access_key_last_used(AccessKeyId=key_id)["AccessKeyLastUsed"].get("LastUsedDate")
    return at.timestamp() if at else None


if __name__ == "__main__":
    main()
