"""Scanning against the fake AWS: pages, throttling, slow reports, denials, and the number of calls."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from app.errors import Permanent, Transient
from app.inventory.api import Pace
from app.inventory.credentials import session_policy
from app.inventory.iam import IamScanner
from app.inventory.interface import AccountMemory, Need, Scanned
from app.inventory.scan import ATTEMPTS, BETWEEN_ATTEMPTS, Fleet
from app.inventory.sessions import Limits, Sessions
from app.inventory.users import IamLiveReader
from app.model import Account, Inventory, LastUsed, RememberedKey, RememberedUser, RoleRef, Scan, ScanFailure
from tests.fakes.aws import HUB, Bucket, FakeAws, point_sdk_at
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser, report_csv
from tests.fakes.clock import Sleeper

NOW = datetime.now(UTC).replace(microsecond=0)
NEED = Need(near_age=timedelta(days=60))
PROD, DEV = "111122223333", "444455556666"


def days(number: float) -> datetime:
    return NOW - timedelta(days=number)


def key_id(number: int) -> str:
    return f"AKIA{number:016d}"


def user(number: int, *ages: float, **more: object) -> FakeUser:
    keys = [FakeKey(key_id(number * 10 + n), days(age)) for n, age in enumerate(ages)]
    return replace(FakeUser(f"user-{number}", keys), **more)  # type: ignore[arg-type]


def account(account_id: str = PROD) -> Account:
    return Account(account_id, "prod", reader=RoleRef(f"arn:aws:iam::{account_id}:role/keysteward-spoke"))


@pytest.fixture
def waits() -> Sleeper:
    return Sleeper()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    fleet = [FakeAccount(PROD, [user(1, 100), user(2, 5)]), FakeAccount(DEV, [user(3, 100)])]
    with FakeAws(fleet) as fake:
        point_sdk_at(fake.url, monkeypatch)
        yield fake


@pytest.fixture
def sessions(aws: FakeAws, waits: Sleeper) -> Sessions:
    return Sessions(pace=Pace(sleep=waits.sleep, monotonic=lambda: waits.now))


def known(*names: str) -> AccountMemory:
    """Nobody is due for the true-up: everybody was read just now, without keys."""
    return AccountMemory({name: RememberedUser(PROD, name, NOW, ()) for name in names})


def whole(scan: Scan) -> Inventory:
    assert isinstance(scan, Inventory), scan
    return scan


def failed(scan: Scan) -> ScanFailure:
    assert isinstance(scan, ScanFailure), scan
    return scan


def scan_one(sessions: Sessions, memory: AccountMemory | None = None, need: Need = NEED) -> Scanned:
    """The account's last word; the reports and attempts that it waited for took no real time."""
    fleet = Fleet(IamScanner(sessions), pace=sessions.pace)
    *_, last = fleet.scan([account()], need, lambda _: memory or AccountMemory(), NOW)
    return last


def outcomes(sessions: Sessions) -> list[Scanned]:
    """What is heard of the account within one sweep."""
    fleet = Fleet(IamScanner(sessions), pace=sessions.pace)
    return list(fleet.scan([account()], NEED, lambda _: AccountMemory(), NOW))


def scan(sessions: Sessions, memory: AccountMemory | None = None, need: Need = NEED) -> Scan:
    return scan_one(sessions, memory, need).scan


def test_a_near_key_is_read_live_with_everything_the_policy_may_ask(aws: FakeAws, sessions: Sessions) -> None:
    aws.accounts[PROD].users[0] = user(1, 100, path="/ops/", tags={"owner": "a@example.com"}, groups=("g",))
    aws.accounts[PROD].users[0].keys[0].last_used = days(1)
    found = {key.user: key for key in whole(scan(sessions)).credentials}["user-1"]
    assert (found.id, found.live, found.user_path) == (key_id(10), True, "/ops/")
    assert (found.tags, found.groups) == ({"owner": "a@example.com"}, ("g",))
    assert found.last_used == LastUsed("at", days(1), "s3", "eu-central-1")
    assert found.created == days(100)


def test_far_users_cost_nothing_whatever_their_number(aws: FakeAws, sessions: Sessions) -> None:
    aws.accounts[PROD].users = [user(n, 5) for n in range(500)] + [user(900, 100)]
    inventory = whole(scan(sessions))
    assert len(inventory.credentials) == 501
    assert inventory.live_users == {"user-900"}
    assert aws.count(PROD, "iam:*CredentialReport") == 2
    assert aws.count(PROD) == 3 + 2  # of the near user his keys, and everybody's tags and groups


def test_users_near_a_stage_cost_one_call_each_and_their_tags_one_for_all(
    aws: FakeAws, sessions: Sessions
) -> None:
    aws.accounts[PROD].users = [user(n, 100, 90, tags={"owner": f"{n}@example.com"}) for n in range(30)]
    inventory = whole(scan(sessions))
    assert {key.user: key.tags for key in inventory.credentials} == {
        f"user-{n}": {"owner": f"{n}@example.com"} for n in range(30)
    }
    assert aws.count(PROD, "iam:ListAccessKeys") == 30
    assert aws.count(PROD, "iam:GetAccountAuthorizationDetails") == 1
    assert aws.count(PROD) == 3 + 1 + 30


def test_last_uses_come_from_the_report_where_it_can_tell(aws: FakeAws, sessions: Sessions) -> None:
    """Two keys of one second look alike in it: of these it is asked for."""
    aws.accounts[PROD].users = [user(1, 100, 80), user(2, 70, 70), user(3, 100)]
    for one in aws.accounts[PROD].users:
        for number, key in enumerate(one.keys):
            key.last_used = days(number + 1)
    aws.accounts[PROD].users[2].keys[0].rotated = days(3)  # toggled; there is no other
    aws.accounts[PROD].users[2].keys.append(FakeKey(key_id(39), days(90)))
    found = {key.id: key.last_used.at for key in whole(scan(sessions)).credentials}
    assert found == {
        key_id(10): days(1),
        key_id(11): days(2),
        key_id(20): days(1),
        key_id(21): days(2),
        key_id(30): days(1),
        key_id(39): None,
    }
    assert aws.count(PROD, "iam:GetAccessKeyLastUsed") == 2


def test_a_first_scan_of_a_quiet_account_makes_four_calls(aws: FakeAws, sessions: Sessions) -> None:
    aws.accounts[PROD].users = []
    sessions.identity()
    aws.calls.clear()
    whole(scan(sessions))
    assert sum(aws.calls.values()) == 4


def test_every_page_is_followed_even_when_fewer_than_asked_come(aws: FakeAws, sessions: Sessions) -> None:
    tags = {f"tag-{n}": "x" for n in range(5)}
    aws.page_size = 1
    aws.accounts[PROD].users = [user(n, 100, 100, tags=tags, groups=("a", "b", "c")) for n in range(9)]
    inventory = whole(scan(sessions, need=replace(NEED, live=True)))
    assert len(inventory.credentials) == 18
    assert all(key.tags == tags and key.groups == ("a", "b", "c") for key in inventory.credentials)


def test_a_page_that_fails_makes_the_whole_account_fail(aws: FakeAws, sessions: Sessions) -> None:
    aws.page_size = 1
    aws.fail(PROD, "iam:ListUsers", "ValidationError")
    reason = failed(scan(sessions, need=replace(NEED, live=True))).reason
    assert "iam:ListUsers" in reason


def test_throttling_is_slow_but_never_wrong(aws: FakeAws, sessions: Sessions, waits: Sleeper) -> None:
    report = ("GenerateCredentialReport", "GetCredentialReport")
    for action in (*report, "GetAccountAuthorizationDetails", "ListAccessKeys"):
        aws.fail(PROD, f"iam:{action}", "Throttling", times=8)
    aws.fail(HUB, "sts:AssumeRole", "Throttling", times=3)
    aws.accounts[PROD].users = [user(1, 100)]
    (found,) = whole(scan(sessions)).credentials
    assert found.last_used == LastUsed.never()
    assert len(waits.slept) >= 4 * 8 + 3  # and the calls that passed in between, for their slots
    assert all(0 <= pause <= 20 for pause in waits.slept)


def test_a_bucket_shared_by_many_threads_only_slows_the_scan(aws: FakeAws) -> None:
    aws.accounts[PROD].users = [user(n, 100) for n in range(30)]
    aws.bucket = Bucket(rate=60, burst=3)
    quick = Sessions(pace=Pace(base=0.02, longest=0.05))
    inventory = whole(scan(quick, need=replace(NEED, live=True)))
    assert [key.last_used.state for key in inventory.credentials] == ["never"] * 30
    throttled = [n for (_, _, outcome), n in quick.calls.snapshot().items() if outcome == "throttled"]
    assert sum(throttled) > 0


def test_throttling_without_end_fails_the_account_at_its_deadline(
    aws: FakeAws, sessions: Sessions, waits: Sleeper
) -> None:
    aws.fail(PROD, "iam:ListAccessKeys", "Throttling", times=10_000)
    first, *again = outcomes(sessions)
    assert [one.again for one in (first, *again)] == [True, True, False]
    found = failed(again[-1].scan)
    assert "throttled" in found.reason
    assert (found.blocked, found.passing) == (False, True)
    between = 2 * BETWEEN_ATTEMPTS[1]
    assert waits.now == pytest.approx(ATTEMPTS * Limits().account.total_seconds() + between, abs=3 * 21 + 20)


@pytest.mark.parametrize("code", ["AccessDenied", "Throttling", "InternalFailure", "Nonsense"])
def test_a_last_use_that_cant_be_read_is_unknown_never_never(
    aws: FakeAws, sessions: Sessions, code: str
) -> None:
    aws.fail(PROD, "iam:GetAccessKeyLastUsed", code, times=10_000)
    found = IamLiveReader(sessions).read(account(), "user-1", key_id(10), NOW)
    assert found is not None
    assert found.last_used.state == "unknown"
    assert "iam:GetAccessKeyLastUsed" in found.last_used.why_unknown


def test_tags_and_groups_that_are_denied_are_none_and_say_which_permission(
    aws: FakeAws, sessions: Sessions
) -> None:
    aws.accounts[PROD].denied = {
        "iam:GetAccountAuthorizationDetails",
        "iam:ListUserTags",
        "iam:ListGroupsForUser",
    }
    found = whole(scan(sessions)).credentials[0]
    assert (found.tags, found.groups) == (None, None)
    assert "iam:ListUserTags" in found.unreadable
    assert "iam:ListGroupsForUser" in found.unreadable


def test_a_report_that_takes_its_time_is_waited_for_without_hammering(
    aws: FakeAws, sessions: Sessions, waits: Sleeper
) -> None:
    aws.accounts[PROD].report_polls = 3
    inventory = whole(scan(sessions, known("user-1", "user-2")))
    assert aws.count(PROD, "iam:ListUsers") == 0
    assert inventory.warnings == ()
    assert aws.count(PROD, "iam:GenerateCredentialReport") == 1
    assert aws.count(PROD, "iam:GetCredentialReport") == 4
    assert waits.slept == sorted(waits.slept)
    assert sum(waits.slept) > 1


def test_an_expired_report_is_asked_for_again(aws: FakeAws, sessions: Sessions) -> None:
    aws.accounts[PROD].report_expired = True
    whole(scan(sessions))
    assert aws.count(PROD, "iam:GenerateCredentialReport") == 2


def test_generating_too_often_is_answered_by_waiting(
    aws: FakeAws, sessions: Sessions, waits: Sleeper
) -> None:
    aws.fail(PROD, "iam:GenerateCredentialReport", "LimitExceeded", times=3)
    whole(scan(sessions))
    assert aws.count(PROD, "iam:GenerateCredentialReport") == 4
    assert len(waits.slept) == 3
    assert min(waits.slept) > 0.1


@pytest.mark.parametrize("trouble", ["never ready", "old"])
def test_without_a_fresh_report_the_account_is_read_live_and_says_so(
    aws: FakeAws, sessions: Sessions, trouble: str
) -> None:
    target = aws.accounts[PROD]
    target.root_keys = 1
    if trouble == "old":
        target.report_at = days(1.1)
    else:
        target.report_polls = 1000
    inventory = whole(scan(sessions))
    assert inventory.live_users == {"user-1", "user-2"}
    assert inventory.root_keys == 1
    (warning,) = inventory.warnings
    assert "credential report" in warning


def test_a_report_from_the_future_is_fine_in_a_rehearsal_of_the_past(
    aws: FakeAws, sessions: Sessions
) -> None:
    aws.accounts[PROD].report_at = NOW + timedelta(days=2)
    assert whole(scan(sessions)).warnings == ()


@pytest.mark.parametrize("report", [b"", b"user,arn\n", b"<html>"])
def test_a_broken_report_is_a_failure_not_an_empty_account(
    aws: FakeAws, sessions: Sessions, report: bytes
) -> None:
    aws.accounts[PROD].report = report
    assert "credential report" in failed(scan(sessions)).reason


@pytest.mark.parametrize(
    ("denied", "named"),
    [
        ({"sts:AssumeRole"}, "sts:AssumeRole"),
        ({"iam:*"}, "iam:GenerateCredentialReport"),
        ({"iam:ListAccessKeys"}, "iam:ListAccessKeys"),
    ],
)
def test_an_account_that_denies_is_blocked_and_names_the_permission(
    aws: FakeAws, sessions: Sessions, denied: set[str], named: str
) -> None:
    aws.accounts[PROD].denied = denied
    found = failed(scan(sessions))
    assert found.blocked
    assert named in found.reason


def test_a_wrong_external_id_is_explained(aws: FakeAws, sessions: Sessions) -> None:
    aws.accounts[PROD].external_id = "right"
    assert "ExternalId" in failed(scan(sessions)).reason


def test_a_user_with_a_finding_is_judged_whole_however_young_his_keys(
    aws: FakeAws, sessions: Sessions
) -> None:
    aws.accounts[PROD].users = [user(2, 5, tags={"owner": "a@example.com"})]
    seen = RememberedUser(PROD, "user-2", NOW, (RememberedKey(key_id(20), days(5), "Active"),))
    memory = AccountMemory({"user-2": seen}, open_keys={"user-2": frozenset({key_id(20)})})
    (found,) = whole(scan(sessions, memory)).credentials
    assert (found.live, found.tags, found.last_used) == (True, {"owner": "a@example.com"}, LastUsed.never())
    (far,) = whole(scan(sessions, replace(memory, open_keys={}))).credentials
    assert (far.live, far.tags, far.id) == (False, None, key_id(20))


def test_a_user_with_a_finding_is_not_read_again_while_nothing_has_changed(
    aws: FakeAws, sessions: Sessions
) -> None:
    aws.accounts[PROD].users = [user(2, 5, tags={"owner": "a@example.com"})]
    memory = AccountMemory(open_keys={"user-2": frozenset({key_id(20)})})
    first = scan_one(sessions, memory)
    aws.calls.clear()
    known = replace(memory, users={one.user: one for one in first.remembered}, traits_at=NOW)
    (found,) = whole(scan(sessions, known)).credentials
    assert (found.live, found.tags, found.id) == (False, {"owner": "a@example.com"}, key_id(20))
    assert found.last_used == LastUsed.never()
    assert aws.count(PROD) == 3


def test_a_user_with_a_finding_who_is_gone_is_proven_gone(aws: FakeAws, sessions: Sessions) -> None:
    memory = replace(known("user-1", "user-2"), open_keys={"ghost": frozenset({key_id(99)})})
    result = scan_one(sessions, memory)
    assert "ghost" in whole(result.scan).live_users
    assert {one.user: one.keys for one in result.remembered}["ghost"] == ()


def test_a_user_whose_key_was_judged_is_proven_gone_too(aws: FakeAws, sessions: Sessions) -> None:
    memory = replace(known("user-1", "user-2"), judged_users=frozenset({"ghost"}))
    result = scan_one(sessions, memory)
    assert "ghost" in whole(result.scan).live_users


def test_a_full_key_id_that_aws_quotes_never_reaches_a_reason(aws: FakeAws, sessions: Sessions) -> None:
    quoted = f"The Access Key with id {key_id(10)} is odd"
    aws.fail(PROD, "iam:ListAccessKeys", "ValidationError", message=quoted)
    reason = failed(scan(sessions)).reason
    assert key_id(10) not in reason
    assert f"…{key_id(10)[-4:]}" in reason


def test_sigterm_abandons_a_scan_instead_of_finishing_half(aws: FakeAws, waits: Sleeper) -> None:
    stop = Event()
    sessions = Sessions(pace=Pace(stop=stop, sleep=lambda _: stop.set(), monotonic=lambda: waits.now))
    aws.fail(PROD, "iam:ListAccessKeys", "Throttling")
    assert "stopping" in failed(scan(sessions)).reason


def test_one_denied_account_leaves_the_others_alone(aws: FakeAws, sessions: Sessions) -> None:
    aws.accounts[DEV].denied = {"iam:*"}
    fleet = Fleet(IamScanner(sessions), workers=2, pace=sessions.pace)
    results = [one.scan for one in fleet.scan([account(PROD), account(DEV)], NEED, lambda _: known(), NOW)]
    assert {result.account.id: type(result) for result in results} == {PROD: Inventory, DEV: ScanFailure}


def test_reading_sessions_cant_write_even_where_the_role_may(aws: FakeAws, sessions: Sessions) -> None:
    with pytest.raises(Permanent, match="iam:UpdateAccessKey"):
        sessions.reading(account()).call(
            "update_access_key", UserName="user-1", AccessKeyId=key_id(10), Status="Inactive"
        )
    assert aws.accounts[PROD].users[0].keys[0].status == "Active"
    assert len(session_policy("read")) <= 2048


def test_a_role_is_assumed_once_and_again_before_its_hour_ends(
    aws: FakeAws, sessions: Sessions, waits: Sleeper
) -> None:
    for moment, assumed in ((0, 1), (2999, 1), (3001, 2)):
        waits.now = float(moment)
        whole(scan(sessions, known("user-1", "user-2")))
        assert aws.count(HUB, "sts:AssumeRole") == assumed
    asked = aws.sessions[0].params
    assert asked["DurationSeconds"] == "3600"
    assert asked["RoleSessionName"].startswith("keysteward-hub-role-")


def test_an_expired_session_is_replaced_at_once(aws: FakeAws, sessions: Sessions) -> None:
    aws.fail(PROD, "iam:GetCredentialReport", "ExpiredToken", status=403)
    whole(scan(sessions))
    assert aws.count(HUB, "sts:AssumeRole") == 2


def test_the_clock_of_aws_is_compared_with_ours(aws: FakeAws, sessions: Sessions) -> None:
    assert sessions.aws_clock.skew() is None
    aws.clock = lambda: datetime.now(UTC) + timedelta(minutes=7)
    sessions.identity()
    skew = sessions.aws_clock.skew()
    assert skew is not None
    assert skew == pytest.approx(timedelta(minutes=7), abs=timedelta(seconds=5))


def test_calls_are_counted_by_outcome_and_carry_our_name(aws: FakeAws, sessions: Sessions) -> None:
    aws.accounts[PROD].denied = {"iam:GetAccountAuthorizationDetails"}
    scan(sessions)
    counts = sessions.calls.snapshot()
    assert counts["sts", "AssumeRole", "ok"] == 1
    assert counts["iam", "GetAccountAuthorizationDetails", "denied"] == 1
    assert all("keysteward/" in agent for agent in aws.user_agents)


def test_an_overridden_endpoint_is_noticed_and_awss_own_is_not(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sessions.endpoint_overridden()
    monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", "https://iam.amazonaws.com")
    assert not Sessions().endpoint_overridden()
    monkeypatch.delenv("AWS_ENDPOINT_URL_IAM")
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    assert not Sessions().endpoint_overridden()


def test_a_live_read_finds_nothing_of_a_user_or_key_that_is_gone(sessions: Sessions) -> None:
    reader = IamLiveReader(sessions)
    assert reader.read(account(), "ghost", key_id(10), NOW) is None
    assert reader.read(account(), "user-1", key_id(99), NOW) is None


@pytest.mark.parametrize(
    ("action", "code", "error"),
    [
        ("iam:GetUser", "AccessDenied", Permanent),
        ("iam:ListAccessKeys", "AccessDenied", Permanent),
        ("iam:ListAccessKeys", "Throttling", Transient),
    ],
)
def test_a_live_read_raises_when_the_key_itself_cant_be_read(
    aws: FakeAws, sessions: Sessions, action: str, code: str, error: type[Exception]
) -> None:
    aws.fail(PROD, action, code, times=10_000)
    with pytest.raises(error, match=action):
        IamLiveReader(sessions).read(account(), "user-1", key_id(10), NOW)


@pytest.mark.parametrize("denied", [set(), {"iam:GetAccountSummary"}])
def test_of_root_keys_that_a_report_does_not_tell_of_it_is_asked(
    aws: FakeAws, sessions: Sessions, denied: set[str]
) -> None:
    target = aws.accounts[PROD]
    target.root_keys, target.denied = 1, denied
    target.report = "\n".join(line for line in report_csv(target).split("\n") if "<root" not in line).encode()
    inventory = whole(scan(sessions))
    assert (inventory.root_keys, inventory.root_keys_known) == ((0, False) if denied else (1, True))
    assert [bool("root access keys are unknown" in text) for text in inventory.warnings] == [True] * len(
        denied
    )


# --- leaked keys ---


def test_whom_aws_has_quarantined_is_told_whichever_of_its_policies_it_is(
    aws: FakeAws, sessions: Sessions
) -> None:
    aws.accounts[PROD].users = [
        user(1, 100, quarantine="AWSCompromisedKeyQuarantineV2"),
        user(2, 5, quarantine="AWSCompromisedKeyQuarantineV3"),
        user(3, 5),
    ]
    aws.page_size = 1
    assert whole(scan(sessions)).exposed_users == frozenset({"user-1", "user-2"})


def test_where_nobody_is_quarantined_it_costs_one_call(aws: FakeAws, sessions: Sessions) -> None:
    assert whole(scan(sessions)).exposed_users == frozenset()
    assert aws.count(PROD, "iam:ListPolicies") == 1
    assert aws.count(PROD, "iam:ListEntitiesForPolicy") == 0


@pytest.mark.parametrize("action", ["iam:ListPolicies", "iam:ListEntitiesForPolicy"])
def test_whom_aws_has_quarantined_is_unknown_where_that_may_not_be_read_and_never_nobody(
    aws: FakeAws, sessions: Sessions, action: str
) -> None:
    aws.accounts[PROD].users = [user(1, 100, quarantine="AWSCompromisedKeyQuarantineV3")]
    aws.accounts[PROD].denied = {action}
    inventory = whole(scan(sessions))
    assert inventory.exposed_users is None
    (warning,) = inventory.warnings
    assert f"quarantined a leaked key is unknown: {action}" in warning


def test_a_quarantine_that_ends_while_it_is_read_is_none(aws: FakeAws, sessions: Sessions) -> None:
    aws.accounts[PROD].users = [user(1, 100, quarantine="AWSCompromisedKeyQuarantineV3")]
    aws.fail(PROD, "iam:ListEntitiesForPolicy", "NoSuchEntity", status=404)
    assert whole(scan(sessions)).exposed_users == frozenset()
