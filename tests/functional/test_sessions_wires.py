"""Which way the sessions' calls go, and what the signed lane learns from the SDK's own client."""

import pytest

from app.inventory.sessions import Sessions
from app.inventory.signed import outline_of
from app.inventory.wire import SdkWire
from app.model import Account
from tests.fakes.aws import point_sdk_at
from tests.fakes.wires import Mirror, client

ACCOUNT = Account("111122223333")


def test_reads_take_the_lane_and_what_writes_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    key = {"UserName": "ann", "AccessKeyId": "AKIA0000000000000001"}
    with Mirror() as iam:
        point_sdk_at(iam.url, monkeypatch)
        sessions = Sessions()
        sessions.reading(ACCOUNT).call("get_user", UserName="ann")
        sessions.reading(ACCOUNT).call("delete_access_key", **key)  # no session of a reader may
        sessions.acting(ACCOUNT).once("get_user", UserName="ann")
        sessions.acting(ACCOUNT).once("update_access_key", Status="Inactive", **key)
    by_sdk = ["Amz-Sdk-Invocation-Id" in request.headers for request in iam.requests]
    assert by_sdk == [False, True, True, True]
    assert sum(sessions.calls.snapshot().values()) == 4
    assert all("keysteward/" in request.headers["User-Agent"] for request in iam.requests)


@pytest.mark.parametrize(
    ("service", "region", "fips", "url", "signed_for"),
    [
        ("iam", "us-east-1", "false", "https://iam.amazonaws.com/", "us-east-1"),
        ("iam", "us-east-1", "true", "https://iam-fips.amazonaws.com/", "us-east-1"),
        ("iam", "us-gov-west-1", "false", "https://iam.us-gov.amazonaws.com/", "us-gov-west-1"),
        ("iam", "cn-north-1", "false", "https://iam.cn-north-1.amazonaws.com.cn/", "cn-north-1"),
        ("sts", "eu-central-1", "false", "https://sts.eu-central-1.amazonaws.com/", "eu-central-1"),
        ("sts", "us-west-2", "true", "https://sts-fips.us-west-2.amazonaws.com/", "us-west-2"),
    ],
)
def test_url_and_region_are_those_that_the_sdk_would_sign_for(
    monkeypatch: pytest.MonkeyPatch, service: str, region: str, fips: str, url: str, signed_for: str
) -> None:
    point_sdk_at("http://127.0.0.1:9", monkeypatch)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", fips)
    made = client(service, region)
    found = outline_of(made, SdkWire(made))
    assert found
    assert (found.url, found.region, found.service) == (url, signed_for, service)
    assert found.user_agent.startswith("Botocore/")


def test_nothing_is_sent_to_learn_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with Mirror() as iam:
        point_sdk_at(iam.url, monkeypatch)
        assert Sessions().endpoint("iam") == iam.url
    assert iam.requests == []
    assert iam.accepted == 0
