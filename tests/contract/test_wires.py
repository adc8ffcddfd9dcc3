"""The SDK's client and the signed lane give the same answers: to a fake AWS, and to moto."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError, ParamValidationError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from moto.iam.models import iam_backends
from moto.server import ThreadedMotoServer

from app.clock import FixedClock
from app.inventory.answers import PASSED_OVER
from app.inventory.faults import translate
from app.inventory.signed import HOT
from app.inventory.watch import Calls, CountedWire, DateSkew
from app.inventory.wire import Wire
from tests.fakes.aws import HUB, FakeAws, point_sdk_at
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser
from tests.fakes.wires import ANN, WIRES

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
ODD = "o'dd+=,.@-_name"
KEYS = [FakeKey("AKIA0000000000000001", NOW, last_used=NOW), FakeKey("AKIA0000000000000002", NOW, "Expired")]
TAGS = {"owner": "zoë & søn <a@example.com>", "empty": "", "quote\"d'": "]]> &amp; 漢字 🗝", "  ": " x "}
FLEET = [
    FakeUser(ODD, KEYS, "/ops/a&b/", TAGS, ("robots", "a&b")),
    FakeUser("plain", quarantine="AWSCompromisedKeyQuarantineV3"),
    *(FakeUser(f"user-{n}") for n in range(5)),
]
ROLE = {"RoleArn": "arn:aws:iam::111122223333:role/ops/reader", "RoleSessionName": "keysteward-test"}
ASKED: list[tuple[str, dict[str, object]]] = [
    ("assume_role", {**ROLE, "DurationSeconds": 3600, "Policy": '{"Statement": [{"Action": ["iam:Get*"]}]}'}),
    ("generate_credential_report", {}),
    ("get_credential_report", {}),
    ("get_account_authorization_details", {"Filter": ["User"], "MaxItems": 1000}),
    ("get_account_authorization_details", {"Filter": ["Role", "Group"]}),
    ("get_account_authorization_details", {}),
    ("list_access_keys", {"UserName": ODD}),
    ("list_access_keys", {"UserName": "plain"}),
    ("get_access_key_last_used", {"AccessKeyId": KEYS[0].id}),
    ("get_access_key_last_used", {"AccessKeyId": KEYS[1].id}),
    ("list_users", {}),
    ("list_users", {"MaxItems": 3}),
    ("list_users", {"MaxItems": 3, "Marker": "3"}),
    ("get_user", {"UserName": ODD}),
    ("list_user_tags", {"UserName": ODD}),
    ("list_user_tags", {"UserName": "plain"}),
    ("list_groups_for_user", {"UserName": ODD}),
    ("list_groups_for_user", {"UserName": "plain"}),
    ("get_account_summary", {}),
    ("list_policies", {"Scope": "AWS", "OnlyAttached": True, "MaxItems": 1000}),
]
POLICY = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}'
Make = Callable[..., Wire]
each_wire = pytest.mark.parametrize("make", WIRES.values(), ids=list(WIRES))


def without_policies(value: Any) -> Any:
    """What the signed lane passes over, and what it says of the request, are no part of the answer."""
    if isinstance(value, list):
        return [without_policies(one) for one in value]
    if not isinstance(value, dict):
        return value
    details = PASSED_OVER["GetAccountAuthorizationDetailsResponse"] if "UserDetailList" in value else ()
    left_out = {"ResponseMetadata", *PASSED_OVER["UserDetail"], *details}
    return {name: without_policies(inner) for name, inner in value.items() if name not in left_out}


class Both:
    """The SDK's answer and the signed lane's, in this order."""

    def __init__(self) -> None:
        self._wires = {service: [make(service) for make in WIRES.values()] for service in HOT}

    def __call__(self, operation: str, params: Mapping[str, object]) -> list[Any]:
        wires = self._wires["sts" if operation == "assume_role" else "iam"]
        return [without_policies(wire.send(operation, params, ANN)) for wire in wires]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    accounts = [FakeAccount(HUB, FLEET, root_keys=1), FakeAccount("111122223333")]
    with FakeAws(accounts, clock=lambda: NOW) as fake:
        point_sdk_at(fake.url, monkeypatch)
        fake.handle("iam", "GenerateCredentialReport", {}, "of the hub")
        yield fake


@pytest.fixture
def both(aws: FakeAws) -> Both:
    return Both()


@pytest.mark.parametrize(("operation", "params"), ASKED, ids=lambda it: it if isinstance(it, str) else "")
def test_both_give_the_same_answer(both: Both, operation: str, params: dict[str, object]) -> None:
    theirs, ours = both(operation, params)
    if operation == "assume_role":  # each call gets a session of its own
        theirs["Credentials"]["AccessKeyId"] = ours["Credentials"]["AccessKeyId"]
        theirs["Credentials"]["Expiration"] = ours["Credentials"]["Expiration"]
    assert ours == theirs
    assert theirs


def test_every_hot_operation_is_compared() -> None:
    hot = {name for names in HOT.values() for name in names}
    assert {"".join(word.title() for word in name.split("_")) for name, _ in ASKED} == hot


def test_the_answers_are_what_the_fleet_is(both: Both) -> None:
    _, details = both("get_account_authorization_details", {"Filter": ["User"], "MaxItems": 2})
    assert details["UserDetailList"][0] == {
        "Path": "/ops/a&b/",
        "UserName": ODD,
        "UserId": "AIDA1",
        "Arn": f"arn:aws:iam::{HUB}:user/ops/a&b/{ODD}",
        "CreateDate": datetime(2020, 1, 1, tzinfo=UTC),
        "GroupList": ["robots", "a&b"],
        "Tags": [{"Key": key, "Value": value} for key, value in TAGS.items()],
    }
    assert (details["IsTruncated"], details["Marker"]) == (True, "2")
    _, summary = both("get_account_summary", {})
    assert summary == {"SummaryMap": {"AccountAccessKeysPresent": 1}}


# What XML 1.0 can hold, but for the line ends that every parser makes \n.
letters = some.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff")
names = some.text("abcXYZ019+=,.@-_", min_size=1, max_size=64)
tags = some.dictionaries(some.text(letters, min_size=1, max_size=20), some.text(letters, max_size=30))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(some.dictionaries(names, tags, max_size=4), some.integers(1, 1000))
def test_whatever_the_users_are_called_both_see_them(
    aws: FakeAws, both: Both, users: dict[str, dict[str, str]], page: int
) -> None:
    aws.accounts[HUB].users = [FakeUser(name, tags=worn, groups=tuple(worn)) for name, worn in users.items()]
    for operation in ("list_users", "get_account_authorization_details"):
        theirs, ours = both(operation, {"MaxItems": page})
        assert ours == theirs
    for name, worn in users.items():
        theirs, ours = both("list_user_tags", {"UserName": name})
        assert ours == theirs
        assert {tag["Key"]: tag["Value"] for tag in ours["Tags"]} == worn


@each_wire
def test_users_beyond_a_page_come_after_it(aws: FakeAws, make: Make) -> None:
    aws.accounts[HUB].users = [FakeUser(f"user-{n}") for n in range(150)]
    aws.page_size = 100
    wire, asked = make("iam"), {"Filter": ["User"], "MaxItems": 1000}
    first = wire.send("get_account_authorization_details", asked, ANN)
    rest = wire.send("get_account_authorization_details", {**asked, "Marker": first["Marker"]}, ANN)
    found = [user["UserName"] for page in (first, rest) for user in page["UserDetailList"]]
    assert (len(first["UserDetailList"]), first["IsTruncated"], rest["IsTruncated"]) == (100, True, False)
    assert found == [f"user-{n}" for n in range(150)]


@pytest.mark.parametrize(
    ("action", "code", "status"),
    [
        ("ListUsers", "Throttling", 400),
        ("ListUsers", "AccessDenied", 403),
        ("ListUsers", "ExpiredToken", 403),
        ("ListUsers", "RequestTimeTooSkewed", 403),
        ("ListUsers", "SignatureDoesNotMatch", 403),
        ("ListUsers", "InvalidClientTokenId", 403),
        ("ListUsers", "NoSuchEntity", 404),
        ("ListUsers", "ServiceFailure", 500),
        ("ListUsers", "ServiceUnavailable", 503),
        ("GetCredentialReport", "ReportNotPresent", 410),
        ("GetCredentialReport", "ReportExpired", 410),
        ("GetCredentialReport", "ReportInProgress", 404),
        ("GenerateCredentialReport", "LimitExceeded", 409),
        ("AssumeRole", "AccessDenied", 403),
        ("AssumeRole", "RegionDisabledException", 403),
    ],
)
def test_both_are_refused_alike(aws: FakeAws, action: str, code: str, status: int) -> None:
    service = "sts" if action == "AssumeRole" else "iam"
    aws.fail(HUB, f"{service}:{action}", code, times=2, status=status, message="Rate & <size> exceeded")
    theirs, ours = (refusal(make(service), action, code, status) for make in WIRES.values())
    assert (type(ours), str(ours)) == (type(theirs), str(theirs))


def refusal(wire: Wire, action: str, code: str, status: int) -> Exception:
    """What one wire's refusal is translated to; before that it has AWS's own words."""
    with pytest.raises(ClientError) as caught:
        wire.send(xform_name(action), ROLE if action == "AssumeRole" else {}, ANN)
    answer: Any = caught.value.response
    assert answer["Error"]["Code"] == code
    assert answer["Error"]["Message"] == "Rate & <size> exceeded"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    return translate(caught.value, f"{wire.service}:{action}", "in account 1", "the hub")


@each_wire
def test_every_answer_is_counted_once_and_tells_the_time(aws: FakeAws, make: Make) -> None:
    clock, calls = FixedClock(NOW - timedelta(minutes=3)), Calls()
    skew = DateSkew(clock, elapsed=lambda: 0)
    wire = CountedWire(make("iam"), calls, skew)
    wire.send("list_users", {}, ANN)
    assert skew.skew() == timedelta(minutes=3)
    for code, status in (("Throttling", 400), ("AccessDenied", 403), ("ServiceFailure", 500)):
        aws.fail(HUB, "iam:ListUsers", code, status=status)
        with pytest.raises(ClientError):
            wire.send("list_users", {}, ANN)
    outcomes = {outcome: n for (_, _, outcome), n in calls.snapshot().items()}
    assert outcomes == {"ok": 1, "throttled": 1, "denied": 1, "error": 1}
    assert {key[:2] for key in calls.snapshot()} == {("iam", "ListUsers")}


@each_wire
def test_what_is_not_valid_is_not_sent(aws: FakeAws, make: Make) -> None:
    calls = Calls()
    wire = CountedWire(make("iam"), calls, DateSkew(FixedClock(NOW)))
    for params in ({}, {"UserName": None}, {"UserName": ODD, "Nonsense": 1}):
        with pytest.raises(ParamValidationError):
            wire.send("list_user_tags", params, ANN)
    assert calls.snapshot() == {}
    assert aws.count(HUB, "iam:ListUserTags") == 0


@each_wire
def test_the_other_operations_work_too(aws: FakeAws, make: Make) -> None:
    params = {"UserName": ODD, "AccessKeyId": KEYS[1].id, "Status": "Inactive"}
    make("iam").send("update_access_key", params, ANN)
    assert KEYS[1].status == "Inactive"


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    point_sdk_at(f"http://{host}:{port}", monkeypatch)
    iam: Any = boto3.client("iam", region_name="us-east-1")
    iam.create_user(UserName=ODD, Path="/ops/", Tags=[{"Key": "owner", "Value": TAGS["owner"]}])
    iam.generate_credential_report()
    iam.create_group(GroupName="robots")
    iam.add_user_to_group(GroupName="robots", UserName=ODD)
    iam.put_user_policy(UserName=ODD, PolicyName="p", PolicyDocument=POLICY)
    yield
    iam_backends.reset()
    server.stop()


def test_moto_too_gets_the_same_questions_and_gives_the_same_answers(moto: None) -> None:
    iam: Any = boto3.client("iam", region_name="us-east-1")
    both = Both()
    key_id = iam.create_access_key(UserName=ODD)["AccessKey"]["AccessKeyId"]
    own = {"AccessKeyId": key_id, "UserName": ODD}
    for operation, asked in ASKED:
        params = {name: own.get(name, value) for name, value in asked.items() if name != "Marker"}
        theirs, ours = both(operation, params)
        for answer in (theirs, ours):  # made anew at each call
            for name in ("Credentials", "AssumedRoleUser", "GeneratedTime"):
                answer.pop(name, None)
        assert ours == theirs, operation
