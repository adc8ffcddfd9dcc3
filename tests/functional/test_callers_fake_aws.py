"""Who uses a key, out of a fake CloudTrail over a real port: pages, pacing, denials, and what is kept."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from app.errors import Ambiguous, Permanent, Transient
from app.inventory.api import Pace
from app.inventory.callers import CloudTrailCallers
from app.inventory.sessions import Sessions
from app.model import Account, Caller, RoleRef
from tests.fakes.aws import HUB, FakeAws, point_sdk_at
from tests.fakes.aws_fleet import FakeAccount
from tests.fakes.aws_trail import FakeEvent
from tests.fakes.clock import Sleeper

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PROD, DEV = "111122223333", "444455556666"
KEY, TWIN = "AKIA0000000000000001", "AKIA0000000000000002"
READER = RoleRef(f"arn:aws:iam::{PROD}:role/reader", "secret-id")
ACCOUNT = Account(PROD, reader=READER)
HOME, GLOBAL = "eu-central-1", "us-east-1"
LOOKUP = "cloudtrail:LookupEvents"


@pytest.fixture
def waits() -> Sleeper:
    return Sleeper()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    with FakeAws([FakeAccount(PROD), FakeAccount(DEV), FakeAccount(HUB)]) as fake:
        point_sdk_at(fake.url, monkeypatch)
        yield fake


@pytest.fixture
def history(aws: FakeAws, waits: Sleeper) -> CloudTrailCallers:
    return CloudTrailCallers(Sessions(pace=Pace(sleep=waits.sleep, monotonic=lambda: waits.now)))


def event(hours_ago: float = 1, **more: str) -> FakeEvent:
    at = NOW - timedelta(hours=hours_ago)
    return FakeEvent(**{"key_id": KEY, "at": at, **more})  # type: ignore[arg-type]


def remember(aws: FakeAws, *events: FakeEvent) -> None:
    aws.accounts[PROD].events.extend(events)


def test_calls_are_grouped_and_the_most_frequent_caller_comes_first(
    aws: FakeAws, history: CloudTrailCallers
) -> None:
    boto = "Boto3/1.34.42 md/Botocore#1.34.42 exec-env/AWS_Lambda_python3.12"
    remember(aws, event(1), event(5, source="198.51.100.1", agent=boto), event(3), event(2))
    assert history.callers(ACCOUNT, KEY, [HOME], NOW) == (
        Caller("203.0.113.7", "aws-cli/2.15", "s3", HOME, 3, NOW - timedelta(hours=1)),
        Caller("198.51.100.1", "Boto3/1.34 (lambda)", "s3", HOME, 1, NOW - timedelta(hours=5)),
    )


def test_callers_of_equal_weight_come_latest_first_and_at_most_five(
    aws: FakeAws, history: CloudTrailCallers
) -> None:
    remember(aws, *(event(hour, source=f"203.0.113.{hour}") for hour in range(9, 0, -1)))
    found = history.callers(ACCOUNT, KEY, [HOME], NOW)
    assert [caller.source[-1] for caller in found] == ["1", "2", "3", "4", "5"]


def test_another_key_of_the_same_account_is_not_counted(aws: FakeAws, history: CloudTrailCallers) -> None:
    remember(aws, event(key_id=TWIN))
    assert history.callers(ACCOUNT, KEY, [HOME], NOW) == ()


def test_each_region_is_asked_once_and_the_counts_stand_together(
    aws: FakeAws, history: CloudTrailCallers
) -> None:
    remember(aws, event(region=HOME), event(region=GLOBAL, service="iam"), event(region="eu-west-1"))
    found = history.callers(ACCOUNT, KEY, [HOME, GLOBAL, HOME], NOW)
    assert {(caller.region, caller.service) for caller in found} == {(HOME, "s3"), (GLOBAL, "iam")}
    assert aws.count(PROD, LOOKUP) == 2


@pytest.mark.parametrize("regions", [[], ["aws-global"], ["x.example.com/"]])
def test_without_a_usable_region_the_partitions_global_one_is_asked(
    aws: FakeAws, history: CloudTrailCallers, regions: list[str]
) -> None:
    remember(aws, event(region=GLOBAL), event(region=HOME))
    assert [caller.region for caller in history.callers(ACCOUNT, KEY, regions, NOW)] == [GLOBAL]


def test_the_global_region_is_the_partitions_own(
    aws: FakeAws, history: CloudTrailCallers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-gov-east-1")
    remember(aws, event(region="us-gov-west-1"))
    assert len(history.callers(ACCOUNT, KEY, [], NOW)) == 1


def test_pages_are_followed_to_a_small_ceiling_newest_first(aws: FakeAws, history: CloudTrailCallers) -> None:
    remember(aws, *(event(2) for _ in range(120)), *(event(1, source="198.51.100.1") for _ in range(110)))
    found = history.callers(ACCOUNT, KEY, [HOME], NOW)
    assert [(caller.source, caller.calls) for caller in found] == [("198.51.100.1", 110), ("203.0.113.7", 90)]
    assert aws.count(PROD, LOOKUP) == 4


def test_what_lies_outside_the_ninety_days_is_left_out(aws: FakeAws, history: CloudTrailCallers) -> None:
    remember(aws, event(24 * 90 + 1), event(24 * 90 - 1), event(-1))
    assert [caller.calls for caller in history.callers(ACCOUNT, KEY, [HOME], NOW)] == [1]


def test_two_requests_a_second_go_to_one_account_and_region(
    aws: FakeAws, history: CloudTrailCallers, waits: Sleeper
) -> None:
    remember(aws, *(event() for _ in range(101)))
    history.callers(ACCOUNT, KEY, [HOME], NOW)
    history.callers(ACCOUNT, TWIN, [HOME], NOW)
    assert waits.slept == [0.5, 0.5, 0.5]
    history.callers(ACCOUNT, KEY, [GLOBAL], NOW)
    history.callers(Account(DEV, reader=RoleRef(f"arn:aws:iam::{DEV}:role/reader")), KEY, [HOME], NOW)
    assert len(waits.slept) == 3  # another region and another account have their own turns


def test_throttling_is_waited_out(aws: FakeAws, history: CloudTrailCallers, waits: Sleeper) -> None:
    remember(aws, event())
    aws.fail(PROD, LOOKUP, "ThrottlingException", times=3)
    assert len(history.callers(ACCOUNT, KEY, [HOME], NOW)) == 1
    assert len(waits.slept) == 3


def test_throttling_without_end_is_transient_and_bounded(
    aws: FakeAws, history: CloudTrailCallers, waits: Sleeper
) -> None:
    aws.fail(PROD, LOOKUP, "ThrottlingException", times=999)
    with pytest.raises(Transient, match="throttled"):
        history.callers(ACCOUNT, KEY, [HOME], NOW)
    assert waits.now < 60


def test_a_missing_permission_is_permanent_and_names_the_remedy(
    aws: FakeAws, history: CloudTrailCallers
) -> None:
    aws.accounts[PROD].denied = {"cloudtrail:*"}
    with pytest.raises(Permanent, match=r"grant cloudtrail:LookupEvents") as raised:
        history.callers(ACCOUNT, KEY, [HOME], NOW)
    assert KEY not in str(raised.value)
    assert raised.value.__context__ is None


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("AccessDeniedException", 400, Permanent),
        ("OperationNotPermittedException", 400, Permanent),
        ("UnrecognizedClientException", 400, Permanent),  # a region that the account has not opted in to
        ("InternalFailure", 500, Ambiguous),
    ],
)
def test_each_refusal_has_its_kind(
    aws: FakeAws, history: CloudTrailCallers, code: str, status: int, error: type[Exception]
) -> None:
    aws.fail(PROD, LOOKUP, code, times=9, status=status)
    with pytest.raises(error):
        history.callers(ACCOUNT, KEY, [HOME], NOW)


def test_an_unreachable_cloudtrail_is_transient(
    aws: FakeAws, history: CloudTrailCallers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDTRAIL", "http://127.0.0.1:9")
    with pytest.raises(Transient, match="could not be reached"):
        history.callers(ACCOUNT, KEY, [HOME], NOW)


def test_the_role_is_assumed_once_in_a_session_that_only_looks_up(
    aws: FakeAws, history: CloudTrailCallers
) -> None:
    history.callers(ACCOUNT, KEY, [HOME, GLOBAL], NOW)
    history.callers(ACCOUNT, TWIN, [HOME], NOW)
    (session,) = aws.sessions
    assert (session.params["RoleArn"], session.params["ExternalId"]) == (READER.arn, "secret-id")
    assert session.allows(LOOKUP)
    assert not session.allows("iam:ListUsers")
    assert session.policy is not None
    assert len(session.policy) <= 2048


def test_the_scanning_session_may_not_look_up_events(aws: FakeAws) -> None:
    sessions = Sessions()
    sessions.reading(ACCOUNT).call("list_users")
    assert not aws.sessions[0].allows(LOOKUP)


def test_without_any_role_the_hubs_own_credentials_look_up(aws: FakeAws, history: CloudTrailCallers) -> None:
    aws.accounts[HUB].events = [event()]
    assert len(history.callers(Account(HUB), KEY, [HOME], NOW)) == 1
    assert aws.sessions == []


def test_an_agent_is_one_short_redacted_line(aws: FakeAws, history: CloudTrailCallers) -> None:
    remember(aws, event(agent=f"tool {TWIN}\nsecond line " + "x" * 300))
    (found,) = history.callers(ACCOUNT, KEY, [HOME], NOW)
    assert found.agent.startswith("tool …0002 second line")
    assert len(found.agent) == 60


@pytest.mark.parametrize("record", ["", "{", "[]", "null", "{}", json.dumps({"eventTime": 5}), '"text"'])
def test_an_event_of_an_unknown_shape_is_passed_over(
    aws: FakeAws, history: CloudTrailCallers, record: str
) -> None:
    remember(aws, event(1, record=record), event(2))
    assert [caller.calls for caller in history.callers(ACCOUNT, KEY, [HOME], NOW)] == [1]


def test_an_event_without_a_user_agent_still_counts(aws: FakeAws, history: CloudTrailCallers) -> None:
    told = {
        "eventTime": "2026-11-20T11:00:00Z",
        "eventSource": "kms.amazonaws.com",
        "awsRegion": HOME,
        "sourceIPAddress": "AWS Internal",
        "userAgent": None,
    }
    remember(aws, event(1, record=json.dumps(told)))
    (found,) = history.callers(ACCOUNT, KEY, [HOME], NOW)
    assert (found.source, found.agent, found.service) == ("AWS Internal", "unknown", "kms")


def test_a_stopping_service_waits_for_no_turn(aws: FakeAws) -> None:
    pace = Pace()
    history = CloudTrailCallers(Sessions(pace=pace))
    pace.stop.set()
    with pytest.raises(Transient, match="stopping"):
        history.callers(ACCOUNT, KEY, [HOME], NOW)
    assert aws.count(PROD) == 0
