"""The only writer: one key per call, nothing repeated unseen, the narrowest session."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from app.errors import Ambiguous, Permanent, Transient
from app.inventory.actor import IamKeyActor
from app.inventory.api import Pace
from app.inventory.sessions import Sessions
from app.model import Account, RoleRef
from tests.fakes.aws import HUB, FakeAws, point_sdk_at
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser
from tests.fakes.http import Answer, HttpFake, Request

PROD = "111122223333"
KEY, TWIN = "AKIA0000000000000001", "AKIA0000000000000002"
OLD = datetime.now(UTC) - timedelta(days=100)
READER = RoleRef(f"arn:aws:iam::{PROD}:role/reader", "secret-id")
ACTOR = RoleRef(f"arn:aws:iam::{PROD}:role/actor", "other-id")
ACCOUNT = Account(PROD, reader=READER, actor=ACTOR)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    fleet = [FakeAccount(PROD, [FakeUser("ann", [FakeKey(KEY, OLD), FakeKey(TWIN, OLD)])]), FakeAccount(HUB)]
    with FakeAws(fleet) as fake:
        point_sdk_at(fake.url, monkeypatch)
        yield fake


@pytest.fixture
def sessions(aws: FakeAws) -> Sessions:
    """No time passes: three seconds to sign in are few for a busy machine that loads the SDK."""
    return Sessions(pace=Pace(monotonic=lambda: 0.0))


def statuses(aws: FakeAws) -> dict[str, str]:
    return {key.id: key.status for key in aws.accounts[PROD].users[0].keys}


def test_each_act_changes_the_named_key_alone(aws: FakeAws, sessions: Sessions) -> None:
    actor = IamKeyActor(sessions)
    actor.deactivate(ACCOUNT, "ann", KEY)
    assert statuses(aws) == {KEY: "Inactive", TWIN: "Active"}
    actor.activate(ACCOUNT, "ann", KEY)
    assert statuses(aws) == {KEY: "Active", TWIN: "Active"}
    actor.delete(ACCOUNT, "ann", KEY)
    assert statuses(aws) == {TWIN: "Active"}


def test_the_actor_role_is_assumed_only_for_an_act(aws: FakeAws, sessions: Sessions) -> None:
    actor = IamKeyActor(sessions)
    sessions.reading(ACCOUNT).call("list_users")
    assert [session.params["RoleArn"] for session in aws.sessions] == [READER.arn]
    actor.deactivate(ACCOUNT, "ann", KEY)
    assert aws.sessions[-1].params["RoleArn"] == ACTOR.arn
    assert aws.sessions[-1].params["ExternalId"] == "other-id"


def test_an_acting_session_can_change_access_keys_and_nothing_else(aws: FakeAws, sessions: Sessions) -> None:
    with pytest.raises(Permanent, match="iam:ListUsers"):
        sessions.acting(ACCOUNT).once("list_users")


def test_without_an_actor_role_the_reading_role_acts_in_a_session_of_its_own(
    aws: FakeAws, sessions: Sessions
) -> None:
    IamKeyActor(sessions).deactivate(Account(PROD, reader=READER), "ann", KEY)
    assert "iam:UpdateAccessKey" in aws.sessions[0].params["Policy"]
    assert statuses(aws)[KEY] == "Inactive"


def test_without_any_role_the_hubs_own_credentials_act(aws: FakeAws, sessions: Sessions) -> None:
    aws.accounts[HUB].users = [FakeUser("own", [FakeKey(KEY, OLD)])]
    IamKeyActor(sessions).deactivate(Account(HUB), "own", KEY)
    assert aws.accounts[HUB].users[0].keys[0].status == "Inactive"
    assert aws.sessions == []


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("Throttling", 400, Transient),
        ("InternalFailure", 500, Ambiguous),
        ("AccessDenied", 403, Permanent),
        ("NoSuchEntity", 404, Permanent),
    ],
)
def test_a_refused_act_is_not_repeated(
    aws: FakeAws, sessions: Sessions, code: str, status: int, error: type[Exception]
) -> None:
    aws.fail(PROD, "iam:UpdateAccessKey", code, times=9, status=status)
    with pytest.raises(error) as raised:
        IamKeyActor(sessions).deactivate(ACCOUNT, "ann", KEY)
    assert isinstance(raised.value, Ambiguous) is (error is Ambiguous)
    assert aws.count(PROD, "iam:UpdateAccessKey") == 1


class AnotherPage(HttpFake):
    """What a proxy shows instead of AWS: well-formed, and HTTP 200."""

    def operation(self, request: Request) -> str:
        return "any"

    def answer(self, request: Request) -> Answer:
        return Answer(200, "<html><body>Please log in</body></html>")


@pytest.mark.parametrize("act", ["deactivate", "activate", "delete"])
def test_a_page_that_is_not_awss_is_no_yes(
    aws: FakeAws, sessions: Sessions, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    with AnotherPage() as page:
        monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", page.url)
        with pytest.raises(Ambiguous):
            getattr(IamKeyActor(sessions), act)(ACCOUNT, "ann", KEY)


def test_a_key_that_is_gone_is_named_by_no_id(aws: FakeAws, sessions: Sessions) -> None:
    with pytest.raises(Permanent, match="gone") as raised:
        IamKeyActor(sessions).delete(ACCOUNT, "ann", "AKIA9999999999999999")
    assert "9999" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_an_act_is_not_sent_when_assuming_the_role_took_its_time(aws: FakeAws) -> None:
    def passed() -> float:
        return 99.0 if aws.count(HUB, "sts:AssumeRole") else 0.0

    sessions = Sessions(pace=Pace(monotonic=passed))
    with pytest.raises(Transient, match="not sent"):
        IamKeyActor(sessions).deactivate(ACCOUNT, "ann", KEY)
    assert aws.count(PROD, "iam:UpdateAccessKey") == 0


def test_an_unreachable_aws_is_transient_and_surely_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    point_sdk_at("http://127.0.0.1:9", monkeypatch)
    with pytest.raises(Transient) as raised:
        IamKeyActor(Sessions()).deactivate(Account(PROD), "ann", KEY)
    assert not isinstance(raised.value, Ambiguous)


def test_getting_ready_assumes_the_role_and_the_act_is_then_one_request(
    aws: FakeAws, sessions: Sessions
) -> None:
    actor = IamKeyActor(sessions)
    actor.ready(ACCOUNT)
    assert aws.sessions[-1].params["RoleArn"] == ACTOR.arn
    assert statuses(aws)[KEY] == "Active"
    before = aws.calls.total()
    actor.deactivate(ACCOUNT, "ann", KEY)
    assert aws.calls.total() == before + 1


def test_a_role_that_can_not_be_assumed_is_no_doubtful_act(aws: FakeAws, sessions: Sessions) -> None:
    aws.fail(HUB, "sts:AssumeRole", "AccessDenied", status=403)
    with pytest.raises(Permanent, match="AssumeRole"):
        IamKeyActor(sessions).ready(ACCOUNT)
