"""Other people's tools, where they are installed: Cloud Custodian's c7n-org, and Prowler.

Each is looked for on the PATH or where ``BENCH_C7N_ORG`` and ``BENCH_PROWLER`` say. They are asked for the
age of keys only, the simplest question there is, and are judged by that.
"""

import csv
import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.fleet import Fleet, account_number
from bench.task import role_arn
from bench.truth import Due

POLICY = """\
policies:
  - name: old-access-keys
    resource: aws.iam-user
    filters:
      - {type: access-key, key: Status, value: Active}
      - {type: access-key, match-operator: and, key: CreateDate, value_type: age, value: 75, op: gte}
"""
CHECK = "iam_rotate_access_key_90_days"  # "over 90": at 91
PROWLERS_AT_ONCE = 4  # it scans one account; c7n-org brings its own pool


@dataclass(frozen=True, slots=True)
class Tool:
    """``command`` scans the fleet and leaves its findings in the folder, ``answer`` reads them. ``days``: the
    age that it is asked for."""

    name: str
    days: int
    command: Callable[[str, Fleet, Path], list[str]]  # of the program's path
    answer: Callable[[Fleet, Path], Iterator[Due]]

    @property
    def program(self) -> str | None:
        """Where it is installed."""
        return shutil.which(os.environ.get(f"BENCH_{self.name.upper().replace('-', '_')}") or self.name)


def _c7n_org(program: str, fleet: Fleet, folder: Path) -> list[str]:
    accounts = [
        {"account_id": id_, "name": id_, "role": role_arn(id_), "regions": ["us-east-1"]}
        for id_ in fleet.ids()
    ]
    (folder / "accounts.json").write_text(json.dumps({"accounts": accounts}))
    (folder / "policies.yml").write_text(POLICY)
    given = {"-c": "accounts.json", "-u": "policies.yml", "-s": "c7n-org"}
    paths = [part for option, name in given.items() for part in (option, str(folder / name))]
    return [program, "run", *paths, "--region", "us-east-1"]


def _custodians_answer(fleet: Fleet, folder: Path) -> Iterator[Due]:
    for path in (folder / "c7n-org").glob("*/*/old-access-keys/resources.json"):
        for user in json.loads(path.read_text()):
            for key in user["c7n:matched-keys"]:
                yield Due(path.parts[-4], user["UserName"], key["AccessKeyId"][-4:], "old")


def _prowler(program: str, fleet: Fleet, folder: Path) -> list[str]:
    """A process an account, as its documentation has it."""
    (folder / "roles.txt").write_text("".join(f"{role_arn(id_)}\n" for id_ in fleet.ids()))
    one = [program, "aws", "-c", CHECK, "-R", "{}", "-M", "csv", "-o", str(folder / "prowler"), "-b", "-z"]
    many = ["xargs", "-a", str(folder / "roles.txt"), "-P", str(PROWLERS_AT_ONCE), "-I{}", *one]
    return ["sh", "-c", f"{shlex.join(many)} --region us-east-1"]


def _prowlers_answer(fleet: Fleet, folder: Path) -> Iterator[Due]:
    """Its findings end with which of a user's keys it is: ``user-00001-access-key-2``."""
    csv.field_size_limit(sys.maxsize)
    for path in (folder / "prowler").glob("*.csv"):
        for row in csv.DictReader(path.open(), delimiter=";"):
            if row["STATUS"] == "FAIL":
                name, _, slot = row["RESOURCE_NAME"].rpartition("-access-key-")
                user = fleet.user(account_number(row["ACCOUNT_UID"]), name)
                if user:
                    yield Due(row["ACCOUNT_UID"], name, user.keys[int(slot) - 1].id[-4:], "old")


TOOLS = (
    Tool("c7n-org", 75, _c7n_org, _custodians_answer),
    Tool("prowler", 91, _prowler, _prowlers_answer),
)
