"""What it costs at least: the calls of Keysteward's cold scan, signed by hand over bare asyncio connections.

There is no retry, no check of what comes back and no memory here: it is the floor to measure against.
"""

import asyncio
import json
import os
import re
import time
from base64 import b64decode
from collections.abc import AsyncIterator

from bench.signed import Credentials, Lines, Refused, query
from bench.task import UNKNOWN, Listed, Slot, arguments, hand_in, judge, last_use, near, role_arn, seconds
from bench.truth import Due

POLL_SECONDS = 0.25
IAM, STS = "2010-05-08", "2011-06-15"
_GIVEN = re.compile(
    r"<AccessKeyId>(.*?)</AccessKeyId><SecretAccessKey>(.*?)</SecretAccessKey><SessionToken>(.*?)</SessionToken>"
)
_KEY = re.compile(r"<AccessKeyId>(\w+)</AccessKeyId><Status>(\w+)</Status><CreateDate>([\w:-]+)</CreateDate>")
_CONTENT = re.compile(r"<Content>(.*?)</Content>")
_MARKER = re.compile(r"<Marker>(.*?)</Marker>")
_USED = re.compile(r"<LastUsedDate>([\w:-]+)</LastUsedDate>")


def main() -> None:
    given = arguments(__doc__)
    hand_in(given.out, asyncio.run(scan(given.at_once)))


async def scan(at_once: int) -> list[Due]:
    lines = Lines(os.environ["AWS_ENDPOINT_URL"])
    await lines.open(at_once)
    hub = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    checks = [asyncio.create_task(check_account(lines, hub, id_)) async for id_ in account_ids(lines, hub)]
    return [row for rows in await asyncio.gather(*checks) for row in rows]


async def account_ids(lines: Lines, hub: Credentials) -> AsyncIterator[str]:
    page: dict[str, str] = {}
    while True:
        body = json.dumps(page).encode()
        answer = json.loads(
            await lines.call("organizations", body, hub, "AWSOrganizationsV20161128.ListAccounts")
        )
        for account in answer["Accounts"]:
            yield account["Id"]
        if "NextToken" not in answer:
            return
        page = {"NextToken": answer["NextToken"]}


async def check_account(lines: Lines, hub: Credentials, account: str) -> list[Due]:
    body = query("AssumeRole", STS, RoleArn=role_arn(account), RoleSessionName="floor")
    by = given_in(await lines.call("sts", body, hub))
    await lines.call("iam", query("GenerateCredentialReport", IAM), by)
    await all_details(lines, by)
    rows = rows_of(await report(lines, by))
    wanted = [(user, slots) for user, slots in rows.items() if near(slots, time.time())]
    found_due = await asyncio.gather(*(check_user(lines, by, account, *it) for it in wanted))
    return [row for rows_ in found_due for row in rows_]


def given_in(answer: str) -> Credentials:
    found = _GIVEN.search(answer)
    assert found
    return Credentials(*found.groups())


async def all_details(lines: Lines, by: Credentials) -> None:
    """Tags and groups of every user: Keysteward's rules may ask for them."""
    more = {"Filter.member.1": "User", "MaxItems": "1000"}
    while True:
        found = _MARKER.search(
            await lines.call("iam", query("GetAccountAuthorizationDetails", IAM, **more), by)
        )
        if not found:
            return
        more["Marker"] = found[1]


async def report(lines: Lines, by: Credentials) -> str:
    while True:
        try:
            found = _CONTENT.search(await lines.call("iam", query("GetCredentialReport", IAM), by))
        except Refused:
            await asyncio.sleep(POLL_SECONDS)
            continue
        assert found
        return b64decode(found[1]).decode()


def rows_of(text: str) -> dict[str, list[Slot]]:
    """The keys of each user; of the columns the places are known."""
    rows = {}
    for line in text.splitlines()[2:]:
        cells = line.split(",")
        rows[cells[0]] = [slot(cells, first) for first in (8, 13) if cells[first + 1] != "N/A"]
    return rows


def slot(cells: list[str], first: int) -> Slot:
    used = cells[first + 2]
    return Slot(cells[first] == "true", seconds(cells[first + 1]), None if used == "N/A" else seconds(used))


async def check_user(lines: Lines, by: Credentials, account: str, user: str, slots: list[Slot]) -> list[Due]:
    answer = await lines.call("iam", query("ListAccessKeys", IAM, UserName=user), by)
    keys = [Listed(id_, status == "Active", seconds(made)) for id_, status, made in _KEY.findall(answer)]
    found = []
    for key in keys:
        used = last_use(key, keys, slots)
        if used == UNKNOWN:
            told = _USED.search(
                await lines.call("iam", query("GetAccessKeyLastUsed", IAM, AccessKeyId=key.id), by)
            )
            used = seconds(told[1]) if told else None
        found += judge(account, user, key, used)
    return found


if __name__ == "__main__":
    main()
