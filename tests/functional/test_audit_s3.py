"""The copy of the audit trail in S3, on moto's S3 with Object Lock, and on a network that fails."""

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

from app.errors import Ambiguous, KeystewardError, Permanent, Transient
from app.ledger.s3 import S3Archive
from tests.fakes import http
from tests.fakes.aws import FakeAws, point_sdk_at
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser
from tests.fakes.http import Answer, HttpFake, Request, status
from tests.fakes.jira import FakeJira
from tests.fakes.outsider import Outsider
from tests.fakes.slack import FakeSlack
from tests.fakes.stage import DAY, START, Stage

NOW = datetime.now(UTC).replace(microsecond=0)
BUCKET, ACCOUNT = "example-audit", "111111111111"
LINES = '{"detail":"ünïcode"}\n'.encode()


@pytest.fixture
def s3_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    point_sdk_at(f"http://{host}:{port}", monkeypatch)
    place = {"LocationConstraint": "eu-central-1"}
    s3().create_bucket(Bucket=BUCKET, ObjectLockEnabledForBucket=True, CreateBucketConfiguration=place)
    s3().create_bucket(Bucket="no-lock", CreateBucketConfiguration=place)
    yield f"http://{host}:{port}"
    s3_backends.reset()
    server.stop()


def s3() -> Any:
    return botocore.session.Session().create_client("s3")


def archive(bucket: str = BUCKET, lock: Any = "compliance") -> S3Archive:
    return S3Archive(bucket, "ks/", 400 * DAY, lock, "eu-central-1")


@pytest.mark.parametrize("lock", ["compliance", "governance"])
def test_an_object_is_locked_until_its_time_and_has_its_checksum(s3_url: str, lock: str) -> None:
    assert archive(lock=lock).put("1.jsonl", LINES, NOW)
    found = s3().get_object(Bucket=BUCKET, Key="ks/1.jsonl", ChecksumMode="ENABLED")
    assert found["Body"].read() == LINES
    assert found["ObjectLockMode"] == lock.upper()
    assert found["ObjectLockRetainUntilDate"] == NOW + timedelta(days=400)
    assert found["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(LINES).digest()).decode()
    with pytest.raises(ClientError, match="AccessDenied"):
        s3().delete_object(Bucket=BUCKET, Key="ks/1.jsonl", VersionId=found["VersionId"])


def test_an_object_is_never_written_over(s3_url: str) -> None:
    assert archive().put("1.jsonl", LINES, NOW)
    assert not archive().put("1.jsonl", b"something else", NOW)
    assert s3().get_object(Bucket=BUCKET, Key="ks/1.jsonl")["Body"].read() == LINES
    assert len(s3().list_object_versions(Bucket=BUCKET)["Versions"]) == 1


@pytest.mark.parametrize(
    ("bucket", "says"),
    [
        ("no-lock", "the bucket must be made with Object Lock"),
        ("nowhere", r"there is no such bucket: check audit\.s3\.bucket"),
    ],
)
def test_a_bucket_that_won_t_do_is_told_with_a_remedy(s3_url: str, bucket: str, says: str) -> None:
    with pytest.raises(Permanent, match=says):
        archive(bucket).put("1.jsonl", LINES, NOW)


class Network(HttpFake):
    """Every put is "put"."""

    def operation(self, request: Request) -> str:
        return "put"

    def answer(self, request: Request) -> Answer:
        return Answer(200, "")


NAMING = (
    "User: arn:aws:sts::1:assumed-role/hub/task is not authorized to perform: s3:PutObjectRetention on "
    'resource: "arn:aws:s3:::example-audit/ks/1.jsonl" because no identity-based policy allows the action'
)


def refusal(code: int, name: str, said: str = "no AKIAEXAMPLE000000001") -> http.Fault:
    return status(code, f"<Error><Code>{name}</Code><Message>{said}</Message></Error>")


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (refusal(403, "AccessDenied"), Permanent, "grant s3:PutObject and s3:PutObjectRetention to the hub"),
        (refusal(403, "AccessDenied", NAMING), Permanent, "grant s3:PutObjectRetention to the hub"),
        (refusal(301, "PermanentRedirect"), Permanent, r"set audit\.s3\.region"),
        (refusal(400, "ExpiredToken"), Permanent, "check the service's AWS credentials"),
        (refusal(400, "Odd"), Permanent, "Odd: no …0001"),
        (refusal(503, "SlowDown"), Transient, "tried again later"),
        (refusal(409, "ConditionalRequestConflict"), Transient, "tried again later"),
        (refusal(500, "InternalError"), Ambiguous, "it may have been written"),
        (status(502, "<html>a proxy"), Ambiguous, "it may have been written"),
        (http.RESET, Ambiguous, "it may have been written"),
        (http.ARRIVES_THEN_RESETS, Ambiguous, "it may have been written"),
    ],
)
def test_each_refusal_says_what_it_means_and_is_sent_once(
    monkeypatch: pytest.MonkeyPatch, fault: http.Fault, error: type[KeystewardError], says: str
) -> None:
    with Network() as network:
        point_sdk_at(network.url, monkeypatch)
        network.fail("put", fault)
        with pytest.raises(error, match=says) as raised:
            archive().put("1.jsonl", LINES, NOW)
        assert type(raised.value) is error
        assert len([call for call in network.requests if call.method == "PUT"]) == 1


def test_what_was_never_sent_was_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    with Network() as network:
        gone = network.url
    point_sdk_at(gone, monkeypatch)
    with pytest.raises(Transient, match="S3 could not be reached") as raised:
        archive().put("1.jsonl", LINES, NOW)
    assert not isinstance(raised.value, Ambiguous)


# --- the whole program ----------------------------------------------------------------------------------


@pytest.fixture
def stage(tmp_path: Path, s3_url: str) -> Iterator[Stage]:
    """One key of 300 days; the trail is copied."""
    key = FakeKey("AKIAEXAMPLE000000001", START - 300 * DAY, last_used=START)
    account = FakeAccount(ACCOUNT, [FakeUser("ann", [key], tags={"owner": "ann@example.com"})])
    with FakeAws([account]) as aws, FakeSlack() as slack, FakeJira() as jira:
        slack.add_user("ann@example.com")
        jira.add_user("ann@example.com")
        slack.add_channel("#iam-keys")
        made = Stage(tmp_path, aws.url, slack, jira, [ACCOUNT])
        made.more_env["AWS_ENDPOINT_URL_S3"] = s3_url
        made.config["audit"] = {"s3": {"bucket": BUCKET, "prefix": "ks/", "lock": "compliance"}}
        yield made


def copy_in_s3() -> str:
    found = s3().list_objects_v2(Bucket=BUCKET).get("Contents", [])
    bodies = [s3().get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read() for one in found]
    return b"".join(bodies).decode()


@pytest.mark.slow
def test_the_copy_and_the_export_are_one_trail_that_an_outsider_can_verify(stage: Stage) -> None:
    stage.days(*range(8))
    assert stage.ks("snooze", "ann", "--for", "7d", "--reason", "ünïcode", "--by", "ann").code == 0
    assert stage.day(8).code == 0
    outsider = Outsider.of_the_docs(stage.folder)
    exported = outsider.verifies(stage.ks("history", "--format", "json").out)
    copied = outsider.verifies(copy_in_s3())
    assert exported == copied
    assert exported.startswith("the last is event 3, ")
    assert "AKIA" not in copy_in_s3()


@pytest.mark.slow
def test_a_copy_that_fails_is_an_exit_code_and_a_line_and_acts_go_on(stage: Stage) -> None:
    stage.config["audit"]["s3"]["bucket"] = "no-lock"
    stage.days(*range(7))
    failed = stage.day(7)
    assert failed.code == 1
    assert "failed: the audit trail could not be copied to s3://no-lock/ks/: InvalidRequest" in failed.err
    assert "acts: 1 deactivate" in failed.out
    stage.config["audit"]["s3"]["bucket"] = BUCKET
    assert stage.day(8).code == 0
    assert copy_in_s3().count("\n") == 2
