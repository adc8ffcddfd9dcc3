"""What sessions settle without any call: endpoints of each partition, and missing credentials."""

from datetime import UTC, datetime, timedelta

import pytest

from app.errors import Permanent, Transient
from app.inventory.api import Pace
from app.inventory.iam import IamScanner
from app.inventory.interface import AccountMemory, Need
from app.inventory.scan import Fleet
from app.inventory.sessions import Sessions
from app.model import Account, RoleRef, ScanFailure
from tests.fakes.aws import point_sdk_at


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    point_sdk_at("http://127.0.0.1:9", monkeypatch)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    return monkeypatch


@pytest.mark.parametrize(
    ("region", "iam", "sts"),
    [
        ("eu-central-1", "https://iam.amazonaws.com", "https://sts.eu-central-1.amazonaws.com"),
        ("us-gov-east-1", "https://iam.us-gov.amazonaws.com", "https://sts.us-gov-east-1.amazonaws.com"),
        (
            "cn-northwest-1",
            "https://iam.cn-north-1.amazonaws.com.cn",
            "https://sts.cn-northwest-1.amazonaws.com.cn",
        ),
    ],
)
def test_each_partition_has_its_iam_and_each_region_its_sts(
    env: pytest.MonkeyPatch, region: str, iam: str, sts: str
) -> None:
    env.setenv("AWS_DEFAULT_REGION", region)
    sessions = Sessions()
    assert sessions.endpoint("iam") == iam
    assert sessions.endpoint("sts") == sts
    assert not sessions.endpoint_overridden()


@pytest.mark.parametrize(
    ("iam", "sts", "overridden"),
    [
        ("http://127.0.0.1:1", "http://127.0.0.1:1", True),
        ("http://127.0.0.1:1", "https://sts.eu-central-1.amazonaws.com", False),
        ("https://iam.amazonaws.com", "http://127.0.0.1:1", False),
        ("https://vpce-1.iam.us-east-1.vpce.amazonaws.com", "http://localhost:1", False),
        ("https://iam.eusc-de-east-1.amazonaws.eu", "http://localhost:1", False),
    ],
)
def test_a_rehearsal_needs_both_endpoints_elsewhere(
    env: pytest.MonkeyPatch, iam: str, sts: str, overridden: bool
) -> None:
    env.setenv("AWS_ENDPOINT_URL_IAM", iam)
    env.setenv("AWS_ENDPOINT_URL_STS", sts)
    assert Sessions().endpoint_overridden() is overridden


def test_without_credentials_the_remedy_is_named_and_the_scan_is_a_failure(env: pytest.MonkeyPatch) -> None:
    env.delenv("AWS_ACCESS_KEY_ID")
    env.delenv("AWS_SECRET_ACCESS_KEY")
    sessions = Sessions()
    with pytest.raises(Permanent, match="AWS_PROFILE"):
        sessions.identity()
    account = Account("111122223333", reader=RoleRef("arn:aws:iam::111122223333:role/r"))
    now = datetime.now(UTC)
    fleet = Fleet(IamScanner(sessions))
    (found,) = fleet.scan([account], Need(timedelta(days=60)), lambda _: AccountMemory(), now)
    assert isinstance(found.scan, ScanFailure)
    assert "AWS_PROFILE" in found.scan.reason


def test_credentials_that_come_later_are_used_without_a_restart(env: pytest.MonkeyPatch) -> None:
    env.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")
    env.delenv("AWS_ACCESS_KEY_ID")
    sessions = Sessions(pace=Pace(sleep=lambda _: None))
    with pytest.raises(Permanent):
        sessions.identity()
    env.setenv("AWS_ACCESS_KEY_ID", "AKIAHUBHUBHUBHUBHUBH")
    with pytest.raises(Transient, match="could not be reached"):  # signed, then nobody was there
        sessions.identity()
