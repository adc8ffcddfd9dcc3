"""The benchmark's fake AWS against real boto3 clients, and each way of scanning against the truth."""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from bench import keysteward
from bench.fleet import Fleet, account_id, account_number
from bench.processes import ROOT, Aws, Service, fake_aws, measure
from bench.runners import Row, cold, runners, steady
from bench.truth import DUE, due_in, hidden_in, looks_near

ONCE = Config(retries={"total_max_attempts": 1})


def launch(accounts: int, users: int, service: Service) -> Iterator[Aws]:
    with fake_aws(Fleet(accounts, users, int(time.time()), seed=3), service) as aws:
        yield aws


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    """Quick, unlimited, two thousand users in all."""
    yield from launch(50, 40, Service(latency=0, report_seconds=2))


@pytest.fixture(autouse=True)
def _anew(aws: Aws) -> None:
    aws.reset()


def client_of(aws: Aws, service: str, *credentials: str) -> Any:
    sessions: Any = boto3.Session
    session = sessions(*(credentials or ("AKIAHUBHUBHUBHUBHUBH", "x")), region_name="us-east-1")
    return session.client(service, endpoint_url=aws.url, config=ONCE)


def iam_of(aws: Aws, number: int) -> Any:
    arn = f"arn:aws:iam::{account_id(number)}:role/keysteward-spoke"
    given = client_of(aws, "sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    return client_of(aws, "iam", *(given[name] for name in names))


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def test_users_come_in_pages_with_what_the_fleet_says_of_them(aws: Aws) -> None:
    iam, users = iam_of(aws, 7), aws.fleet.users_of(7)
    pages = list(iam.get_paginator("list_users").paginate(PaginationConfig={"PageSize": 15}))
    assert [len(page["Users"]) for page in pages] == [15, 15, 10]
    asked = {"Filter": ["User"], "PaginationConfig": {"PageSize": 30}}
    details = [
        user
        for page in iam.get_paginator("get_account_authorization_details").paginate(**asked)
        for user in page["UserDetailList"]
    ]
    assert [user["UserName"] for user in details] == [user.name for user in users]
    assert [user["Path"] for user in details] == [user.path for user in users]
    assert [user["GroupList"] for user in details] == [list(user.groups) for user in users]
    assert [{tag["Key"]: tag["Value"] for tag in user["Tags"]} for user in details] == [
        dict(user.tags) for user in users
    ]


def test_one_user_s_keys_tags_groups_and_last_uses_are_the_fleet_s(aws: Aws) -> None:
    iam = iam_of(aws, 7)
    user = next(user for user in aws.fleet.users_of(7) if len(user.keys) == 2)
    listed = iam.list_access_keys(UserName=user.name)["AccessKeyMetadata"]
    assert [(k["AccessKeyId"], k["Status"] == "Active", k["CreateDate"].timestamp()) for k in listed] == [
        (key.id, key.active, key.created) for key in user.keys
    ]
    for key in user.keys:
        answer = iam.get_access_key_last_used(AccessKeyId=key.id)
        at = answer["AccessKeyLastUsed"].get("LastUsedDate")
        assert answer["UserName"] == user.name
        assert (at.timestamp() if at else None) == key.used
    tags = iam.list_user_tags(UserName=user.name)["Tags"]
    assert [(tag["Key"], tag["Value"]) for tag in tags] == list(user.tags)
    groups = iam.list_groups_for_user(UserName=user.name)["Groups"]
    assert [group["GroupName"] for group in groups] == list(user.groups)
    assert iam.get_user(UserName=user.name)["User"]["Path"] == user.path
    assert iam.get_account_summary()["SummaryMap"]["AccountAccessKeysPresent"] == 0


def test_who_is_not_there_is_refused_as_aws_refuses(aws: Aws) -> None:
    iam = iam_of(aws, 7)
    assert code_of(lambda: iam.list_access_keys(UserName="nobody")) == "NoSuchEntity"
    assert code_of(lambda: iam_of(aws, 50)) == "AccessDenied"
    assert code_of(lambda: iam.create_user(UserName="somebody")) == "InvalidAction"


def test_the_report_is_started_first_and_lasts_until_it_expires(aws: Aws) -> None:
    iam = iam_of(aws, 3)
    assert code_of(iam.get_credential_report) in ("ReportNotPresent", "ReportExpired")
    assert iam.generate_credential_report()["State"] == "STARTED"
    assert code_of(iam.get_credential_report) == "ReportInProgress"
    deadline = time.monotonic() + 60
    while iam.generate_credential_report()["State"] != "COMPLETE" and time.monotonic() < deadline:
        pass
    lines = iam.get_credential_report()["Content"].decode().split("\n")
    assert lines[1].startswith("<root_account>,")
    assert [line.split(",")[0] for line in lines[2:]] == [user.name for user in aws.fleet.users_of(3)]
    aws.reset()
    assert code_of(iam.get_credential_report) == "ReportExpired"


def test_the_organization_has_every_account_once_by_its_tree_and_by_its_list(aws: Aws) -> None:
    client = client_of(aws, "organizations")
    root = client.list_roots()["Roots"][0]["Id"]
    units = client.list_organizational_units_for_parent(ParentId=root)["OrganizationalUnits"]
    by_tree = [
        account["Id"]
        for parent in [root, *(unit["Id"] for unit in units)]
        for page in client.get_paginator("list_accounts_for_parent").paginate(ParentId=parent)
        for account in page["Accounts"]
    ]
    pages = list(client.get_paginator("list_accounts").paginate())
    assert [len(page["Accounts"]) for page in pages] == [20, 20, 10]
    assert sorted(by_tree) == [a["Id"] for page in pages for a in page["Accounts"]] == list(aws.fleet.ids())
    assert (
        code_of(lambda: client.list_accounts_for_parent(ParentId="ou-none-here")) == "ParentNotFoundException"
    )


def test_calls_are_counted_by_action(aws: Aws) -> None:
    iam = iam_of(aws, 0)
    for _ in range(3):
        iam.list_users()
    assert aws.calls().by_action == {"sts:AssumeRole": 1, "iam:ListUsers": 3}
    assert aws.calls().total == 4


def test_an_account_s_bucket_runs_empty_and_no_other_s() -> None:
    for aws in launch(2, 1, Service(latency=0, rate=0.001, burst=2)):
        first, second = iam_of(aws, 0), iam_of(aws, 1)
        first.list_users()
        first.list_users()
        assert code_of(first.list_users) == "Throttling"
        second.list_users()
        assert aws.calls().throttled == 1


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_to_though_a_client_is_still_connected(told: signal.Signals) -> None:
    command = (sys.executable, "-m", "bench.fake_aws", "--accounts=1", "--users=1")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout
        port = int(process.stdout.readline().rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /bench/calls HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 200"
            process.send_signal(told)
            try:
                process.wait(60)
            finally:
                process.kill()


def test_an_answer_comes_after_the_latency_and_calls_wait_side_by_side(tmp_path: Path) -> None:
    for aws in launch(1, 64, Service(latency=0.1, report_seconds=0)):
        row = runners()["floor"](aws, tmp_path)
        near = sum(looks_near(user, aws.fleet.now) for user in aws.fleet.users_of(0))
        assert row.calls.by_action["iam:ListAccessKeys"] == near
        assert 0.6 < row.cost.wall < 0.1 * near


@pytest.mark.parametrize("name", ["floor", "report_first", "plain_boto3"])
def test_each_script_finds_the_due_keys(name: str, tmp_path: Path) -> None:
    for aws in launch(2, 20, Service(latency=0, report_seconds=0.1)):
        row = runners()[name](aws, tmp_path)
        assert row.cost.exit == 0, row.cost.said
        assert row.verdict
        assert row.verdict.exact
        assert row.verdict.due > 20
        assert row.verdict.hidden == 0 or name != "plain_boto3"


def test_what_a_process_cost_is_told_even_if_it_fails(aws: Aws) -> None:
    code = "import sys; held = bytearray(60 << 20); sys.exit('no luck')"
    cost = measure([sys.executable, "-c", code], aws.environment())
    assert cost.exit == 1
    assert 60 < cost.peak_mb < 120
    assert "no luck" in cost.said


@pytest.mark.slow
def test_keysteward_is_exact_cold_steady_and_in_what_scan_prints(tmp_path: Path) -> None:
    for aws in launch(2, 20, Service(latency=0, report_seconds=0.1)):
        for runner in (cold, steady):
            aws.reset()
            check(runner(aws, tmp_path))
        command = keysteward.scan_command(tmp_path / "config.yaml")
        done = subprocess.run(command, env=aws.environment(), check=True, capture_output=True, cwd=ROOT)
        shown = {
            (row["account_id"], row["user"], row["key"][-4:], row["state"]) for row in json.loads(done.stdout)
        }
        due = {row for number in range(2) for row in due_in(aws.fleet, number)}
        seen = {row for row in due if row.user not in hidden_in(aws.fleet, account_number(row.account))}
        assert seen <= shown
        assert {row for row in shown if row[3] in DUE} <= due


@pytest.mark.slow
def test_the_command_measures_prints_and_saves(tmp_path: Path) -> None:
    options = ["--size=1x20", "--runners=floor,steady", "--latency=0", f"--results={tmp_path}", "--name=mine"]
    command = [sys.executable, "-m", "bench", *options]
    done = subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    assert "hand-signed floor" in done.stdout.decode()
    assert "| Keysteward, steady |" in (tmp_path / "mine.md").read_text()
    micro = json.loads((tmp_path / "mine.json").read_text())["micro"]
    assert set(micro) == {"boto3", "Keysteward", "hand-signed"}


def check(row: Row) -> None:
    assert row.cost.exit == 0, row.cost.said
    assert row.verdict
    assert row.verdict.exact, str(row.verdict)
