"""The script as people write it: each user's keys, each key's last use, a thread an account."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from bench.report_first import account_ids, ask_use, client_of
from bench.task import Listed, arguments, hand_in, judge
from bench.truth import Due


def main() -> None:
    given = arguments(__doc__)
    with ThreadPoolExecutor(given.at_once) as pool:
        found = pool.map(lambda account: list(check_account(account)), account_ids())
        hand_in(given.out, [row for rows in found for row in rows])


def check_account(account: str) -> Iterator[Due]:
    iam = client_of(account, at_once=1)
    for page in iam.get_paginator("list_users").paginate():
        for user in page["Users"]:
            answer = iam.list_access_keys(UserName=user["UserName"])
            for k in answer["AccessKeyMetadata"]:
                key = Listed(k["AccessKeyId"], k["Status"] == "Active", k["CreateDate"].timestamp())
                yield from judge(account, user["UserName"], key, ask_use(iam, key.id))


if __name__ == "__main__":
    main()
