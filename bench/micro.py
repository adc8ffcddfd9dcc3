"""The CPU of one call on a warm client: bare boto3, Keysteward's own path, and signed by hand.

All ask ListAccessKeys of the same fake AWS, in turns of a few hundred calls, in one thread of one process.
"""

import asyncio
import json
import os
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3

from app.inventory.sessions import Sessions
from app.model import Account, RoleRef
from bench.fleet import account_id, user_name
from bench.floor import IAM, STS, given_in
from bench.signed import Credentials, Lines, query
from bench.task import role_arn

CALLS, TURNS, WARM = 2000, 8, 200
ACCOUNT, USER = account_id(0), user_name(0)

Ask = Callable[[int], object]  # so many calls


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="where the seconds of CPU a call are written")
    out: Path = parser.parse_args().out
    asks = {"boto3": bare_boto3(), "Keysteward": our_own(), "hand-signed": by_hand()}
    out.write_text(json.dumps(cpu_a_call(asks)))


def cpu_a_call(asks: dict[str, Ask]) -> dict[str, float]:
    spent = dict.fromkeys(asks, 0.0)
    for ask in asks.values():
        ask(WARM)
    for _ in range(TURNS):
        for name, ask in asks.items():
            before = time.process_time()
            ask(CALLS // TURNS)
            spent[name] += time.process_time() - before
    return {name: seconds / CALLS for name, seconds in spent.items()}


def bare_boto3() -> Ask:
    given = boto3.client("sts").assume_role(RoleArn=role_arn(ACCOUNT), RoleSessionName="micro")["Credentials"]
    session = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    iam: Any = session.client("iam")

    def ask(times: int) -> None:
        for _ in range(times):
            iam.list_access_keys(UserName=USER)

    return ask


def our_own() -> Ask:
    api = Sessions().reading(Account(ACCOUNT, reader=RoleRef(role_arn(ACCOUNT))))

    def ask(times: int) -> None:
        for _ in range(times):
            api.call("list_access_keys", UserName=USER)

    return ask


def by_hand() -> Ask:
    loop = asyncio.new_event_loop()
    lines, by = loop.run_until_complete(_signed_in())

    async def go(times: int) -> None:
        for _ in range(times):
            await lines.call("iam", query("ListAccessKeys", IAM, UserName=USER), by)

    return lambda times: loop.run_until_complete(go(times))


async def _signed_in() -> tuple[Lines, Credentials]:
    lines = Lines(os.environ["AWS_ENDPOINT_URL"])
    await lines.open(1)
    hub = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    body = query("AssumeRole", STS, RoleArn=role_arn(ACCOUNT), RoleSessionName="micro")
    return lines, given_in(await lines.call("sts", body, hub))


if __name__ == "__main__":
    main()
