"""Scans that remember: what a second one costs, and that it is none the less right."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Event

import pytest

from app.inventory.api import Pace
from app.inventory.iam import IamScanner
from app.inventory.interface import AccountMemory, Need, Scanned
from app.inventory.scan import Fleet
from app.inventory.sessions import Sessions
from app.model import (
    Account,
    Credential,
    Inventory,
    KeptReport,
    LastUsed,
    RememberedUser,
    RoleRef,
    ScanFailure,
)
from tests.fakes.aws import HUB, FakeAws, point_sdk_at
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser, report_csv
from tests.fakes.clock import Sleeper

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
NEED = Need(near_age=timedelta(days=60))
PROD, DEV = "111122223333", "444455556666"
HOURS = 3600.0


def days(number: float) -> datetime:
    return START - timedelta(days=number)


def key_id(number: int) -> str:
    return f"AKIA{number:016d}"


def user(number: int, *ages: float, **more: object) -> FakeUser:
    keys = [FakeKey(key_id(number * 10 + n), days(age)) for n, age in enumerate(ages)]
    return replace(FakeUser(f"user-{number}", keys, tags={"owner": f"{number}@example.com"}), **more)  # type: ignore[arg-type]


def account(account_id: str = PROD) -> Account:
    return Account(account_id, "prod", reader=RoleRef(f"arn:aws:iam::{account_id}:role/keysteward-spoke"))


def nobody(_: Inventory) -> frozenset[str]:
    return frozenset()


@dataclass
class Memory:
    """What the ledger would keep of one account from scan to scan, fed as a sweep feeds it."""

    users: dict[str, RememberedUser] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    open_keys: dict[str, frozenset[str]] = field(default_factory=dict)
    since: datetime | None = None
    traits_at: datetime | None = None
    report: KeptReport | None = None
    stirs: Callable[[Inventory], frozenset[str]] = nobody

    def given(self, resumed: bool) -> AccountMemory:
        return AccountMemory(
            self.users,
            self.statuses,
            self.open_keys,
            since=self.since,
            traits_at=self.traits_at,
            report=self.report if resumed else None,
            stirs=self.stirs,
        )

    def take(self, scanned: Scanned, now: datetime) -> None:
        self.users.update((one.user, one) for one in scanned.remembered)
        self.traits_at = scanned.traits_at or self.traits_at
        self.report = scanned.report or self.report
        if isinstance(scanned.scan, Inventory):
            self.since = self.since or now


class Stage:
    """An account that is scanned again and again; `hours` sets the time of AWS and of the scanner."""

    def __init__(self, aws: FakeAws) -> None:
        self.aws, self.waits, self.stop = aws, Sleeper(), Event()
        pace = Pace(self.stop, self.waits.sleep, monotonic=lambda: self.waits.now)
        self.sessions = Sessions(pace=pace)
        self.memory = {PROD: Memory(), DEV: Memory()}
        self.now = START
        aws.clock = lambda: self.now

    @property
    def prod(self) -> Memory:
        return self.memory[PROD]

    @property
    def users(self) -> list[FakeUser]:
        return self.aws.accounts[PROD].users

    def outcomes(self, *ids: str, need: Need = NEED, resumed: tuple[str, ...] = ()) -> list[Scanned]:
        fleet = Fleet(IamScanner(self.sessions), pace=self.sessions.pace)
        found = []
        self.aws.calls.clear()

        def given(account_id: str) -> AccountMemory:
            return self.memory[account_id].given(account_id in resumed)

        for one in fleet.scan([account(i) for i in ids], need, given, self.now, resumed):
            self.memory[one.scan.account.id].take(one, self.now)
            found.append(one)
        return found

    def scan(self, hours: float = 0, need: Need = NEED, resumed: bool = False) -> Inventory:
        """So many hours after the start; ``resumed``: from the report that was kept."""
        self.now = START + timedelta(hours=hours)
        self.waits.now = max(self.waits.now, hours * HOURS)
        last = self.outcomes(PROD, need=need, resumed=(PROD,) if resumed else ())[-1].scan
        assert isinstance(last, Inventory), last
        return last

    def key(self, inventory: Inventory, number: int) -> Credential:
        (found,) = [key for key in inventory.credentials if key.id == key_id(number)]
        return found

    def calls(self) -> Mapping[str, int]:
        """Of the last scan, by action; AssumeRole among them."""
        names = {action.partition(":")[2]: n for (who, action), n in self.aws.calls.items() if who == PROD}
        assumed = self.aws.count(HUB, "sts:AssumeRole")
        return names | ({"AssumeRole": assumed} if assumed else {})


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with FakeAws([FakeAccount(PROD), FakeAccount(DEV, [user(900, 100)])]) as fake:
        point_sdk_at(fake.url, monkeypatch)
        yield Stage(fake)


REPORT = {"GenerateCredentialReport": 1, "GetCredentialReport": 1, "ListPolicies": 1}


def crowd() -> list[FakeUser]:
    """Near, far, toggled, inactive, without keys: some of each."""
    near = [user(n, 100, 70) for n in range(20)]
    far = [user(n, 0.1) for n in range(20, 60)]
    toggled = [user(60, 100), user(61, 100, 80), user(62, 100, 80)]
    toggled[0].keys[0].rotated = days(1)
    toggled[1].keys[0].rotated = days(1)
    toggled[2].keys[1].rotated = days(1)
    inactive = [user(70, 100), user(71, 100, 80)]
    for one in inactive:
        one.keys[0].status, one.keys[0].rotated = "Inactive", days(3)
    return [*near, *far, *toggled, *inactive, user(80)]


# --- what it costs ---


def test_a_first_scan_costs_five_calls_and_one_for_each_user_near_a_stage(stage: Stage) -> None:
    stage.users[:] = crowd()
    found = stage.scan()
    looks_young = 1  # user-60: toggled yesterday and never used, so that nothing tells his key's age
    assert len(found.live_users) == 20 + 5 - looks_young
    assert stage.calls() == REPORT | {
        "AssumeRole": 1,
        "GetAccountAuthorizationDetails": 1,
        "ListAccessKeys": len(found.live_users),
    }


def test_a_second_scan_costs_four_calls_whatever_the_number_of_users(stage: Stage) -> None:
    stage.users[:] = crowd()
    first = stage.scan()
    again = stage.scan(6)
    assert stage.calls() == REPORT | {"AssumeRole": 1}
    assert again.live_users == frozenset()
    assert facts(again) == facts(first)


def facts(inventory: Inventory) -> dict[str, object]:
    """What is judged of each key, however it was read."""
    return {
        key.id or key.user: (key.status, key.created, key.last_used, key.tags, key.groups, key.user_path)
        for key in inventory.credentials
    }


def test_a_user_who_newly_comes_near_costs_one_call(stage: Stage) -> None:
    stage.users[:] = [*(user(n, 100) for n in range(20)), user(30, 59.9)]
    stage.scan()
    found = stage.scan(6)
    assert found.live_users == {"user-30"}
    assert stage.calls() == REPORT | {
        "AssumeRole": 1,
        "GetAccountAuthorizationDetails": 1,
        "ListAccessKeys": 1,
    }


def test_a_key_that_was_changed_costs_one_call(stage: Stage) -> None:
    stage.users[:] = [user(n, 100) for n in range(20)]
    stage.scan()
    stage.users[3].keys[0].status, stage.users[3].keys[0].rotated = "Inactive", START + timedelta(hours=5)
    found = stage.scan(6)
    assert found.live_users == {"user-3"}
    assert stage.key(found, 30).status == "Inactive"
    assert stage.calls()["ListAccessKeys"] == 1
    assert sum(stage.calls().values()) <= 6


# --- tags and groups ---


def test_tags_and_groups_of_all_are_read_once_a_day_in_one_call_and_changes_are_seen(stage: Stage) -> None:
    stage.users[:] = [user(n, 100) for n in range(20)]
    stage.scan()
    stage.users[3].tags["owner"] = "new@example.com"
    stage.users[4].groups = ("sealed",)
    assert stage.key(stage.scan(18), 30).tags == {"owner": "3@example.com"}
    found = stage.scan(24)
    assert stage.calls() == REPORT | {"AssumeRole": 1, "GetAccountAuthorizationDetails": 1}
    assert stage.key(found, 30).tags == {"owner": "new@example.com"}
    assert stage.key(found, 40).groups == ("sealed",)
    assert found.live_users == frozenset()
    stage.scan(30)
    assert stage.calls() == REPORT | {"AssumeRole": 1}


def test_where_everybodys_cannot_be_read_at_once_each_user_is_asked_for_and_nothing_is_wrong(
    stage: Stage,
) -> None:
    stage.aws.accounts[PROD].denied = {"iam:GetAccountAuthorizationDetails"}
    stage.users[:] = [user(n, 100, groups=("g",)) for n in range(5)]
    first = stage.scan()
    each = {"ListAccessKeys": 5, "ListUserTags": 5, "ListGroupsForUser": 5}
    assert {name: stage.calls()[name] for name in each} == each
    assert {key.tags and key.tags["owner"] for key in first.credentials} == {
        f"{n}@example.com" for n in range(5)
    }
    assert {key.groups for key in first.credentials} == {("g",)}
    [said] = first.warnings
    assert "grant iam:GetAccountAuthorizationDetails to arn:aws:iam::" in said
    again = stage.scan(6)
    assert sum(stage.calls().values()) == 4
    assert facts(again) == facts(first)
    stage.users[2].tags["owner"] = "new@example.com"
    assert stage.key(stage.scan(24), 20).tags == {"owner": "new@example.com"}


def test_a_user_whose_tags_stay_unreadable_is_not_judged_by_what_was_remembered(stage: Stage) -> None:
    stage.users[:] = [user(1, 100)]
    stage.scan()
    stage.aws.accounts[PROD].denied = {"iam:GetAccountAuthorizationDetails", "iam:ListUserTags"}
    found = stage.key(stage.scan(24), 10)
    assert found.tags is None
    assert "iam:ListUserTags" in found.unreadable


# --- what the ledger knows better ---


def test_a_key_that_we_deactivated_is_read_live_while_the_report_still_says_active(stage: Stage) -> None:
    stage.users[:] = [user(1, 100), user(2, 100)]
    stage.scan()
    stage.prod.statuses = {key_id(10): "Inactive", key_id(20): "Active"}
    stage.aws.accounts[PROD].report = _report_of(stage)
    stage.users[0].keys[0].status = "Inactive"
    found = stage.scan(2)
    assert found.live_users == {"user-1"}
    assert (stage.key(found, 10).status, stage.key(found, 10).live) == ("Inactive", True)
    again = stage.scan(3)  # the same old report contradicts what is remembered now
    assert stage.key(again, 10).status == "Inactive"


def _report_of(stage: Stage) -> bytes:
    """The account's report as it is now: what AWS goes on giving for four hours."""
    return report_csv(stage.aws.accounts[PROD]).encode()


def test_a_user_with_a_finding_who_left_the_report_is_proven_gone(stage: Stage) -> None:
    stage.users[:] = [user(1, 100), user(2, 100)]
    stage.scan()
    stage.prod.open_keys = {"user-1": frozenset({key_id(10)}), "user-2": frozenset({key_id(20)})}
    del stage.users[0]
    found = stage.scan(6)
    assert found.live_users == {"user-1"}
    assert [key.id for key in found.credentials] == [key_id(20)]
    assert stage.prod.users["user-1"].keys == ()


def test_a_key_with_a_finding_that_was_replaced_is_proven_gone(stage: Stage) -> None:
    stage.users[:] = [user(1, 100)]
    stage.scan()
    stage.prod.open_keys = {"user-1": frozenset({key_id(10)})}
    stage.users[0].keys = [FakeKey(key_id(11), START + timedelta(hours=5))]
    found = stage.scan(6)
    assert found.live_users == {"user-1"}
    assert [key.id for key in found.credentials] == [key_id(11)]


# --- users whom the plan would conclude something of ---


def test_whom_the_plan_stirs_is_read_live_and_nobody_else(stage: Stage) -> None:
    stage.users[:] = [user(n, 100) for n in range(9)]
    stage.scan()
    asked: list[frozenset[str | None]] = []

    def stirs(inventory: Inventory) -> frozenset[str]:
        asked.append(frozenset(key.id for key in inventory.credentials))
        return frozenset({"user-3", "user-5"})

    stage.prod.stirs = stirs
    found = stage.scan(6)
    assert found.live_users == {"user-3", "user-5"}
    assert {key.user for key in found.credentials if key.live} == {"user-3", "user-5"}
    assert len(found.credentials) == 9
    assert asked == [frozenset(key_id(10 * n) for n in range(9))]
    assert stage.calls()["ListAccessKeys"] == 2


def test_whom_the_plan_stirs_is_judged_by_the_tags_of_today(stage: Stage) -> None:
    stage.users[:] = [user(n, 100) for n in range(9)]
    stage.scan()
    stage.users[3].tags["exempt"] = "yes"
    stage.prod.stirs = lambda _: frozenset({"user-3"})
    assert stage.key(stage.scan(6), 30).tags == {"owner": "3@example.com", "exempt": "yes"}


@pytest.mark.parametrize("denied", [set(), {"iam:GetAccountAuthorizationDetails"}], ids=["at once", "singly"])
def test_a_live_read_of_whom_something_is_remembered_tells_the_tags_of_today(
    stage: Stage, denied: set[str]
) -> None:
    """Nobody looks again at what was read live: a finding must not open on yesterday's tags."""
    stage.aws.accounts[PROD].denied = denied
    stage.users[:] = [user(n, 100) for n in range(9)]
    stage.scan()
    for number in (3, 5):
        stage.users[number].tags["exempt"] = "yes"
    stage.users[3].keys[0].rotated = START + timedelta(hours=5)
    stage.prod.stirs = lambda _: frozenset({"user-5"})
    found = stage.scan(6)
    assert found.live_users == {"user-3", "user-5"}
    for number in (3, 5):
        assert (stage.key(found, number * 10).tags or {}).get("exempt") == "yes"


# --- reports ---


def test_a_report_in_the_making_keeps_no_other_account_waiting(stage: Stage) -> None:
    stage.users[:] = [user(1, 100)]
    stage.aws.accounts[PROD].report_polls = 3
    stage.sessions.identity()
    order = [one.scan.account.id for one in stage.outcomes(PROD, DEV)]
    assert order == [DEV, PROD]
    assert stage.aws.count(DEV) == 5
    assert stage.aws.count(PROD, "iam:GenerateCredentialReport") == 1
    assert stage.aws.count(PROD, "iam:ListUsers") == 0


def test_an_account_that_went_through_a_passing_error_is_whole_in_the_same_sweep(stage: Stage) -> None:
    stage.users[:] = [user(1, 100)]
    stage.aws.fail(PROD, "iam:ListAccessKeys", "InternalFailure", times=4, status=500)
    results = [one for one in stage.outcomes(PROD, DEV) if one.scan.account.id == PROD]
    assert [type(one.scan) for one in results] == [ScanFailure, Inventory]
    assert [one.again for one in results] == [True, False]


def test_an_account_that_is_denied_is_asked_once(stage: Stage) -> None:
    stage.aws.accounts[PROD].denied = {"iam:GetCredentialReport"}
    results = [one for one in stage.outcomes(PROD, DEV) if one.scan.account.id == PROD]
    assert [one.again for one in results] == [False]
    assert stage.aws.count(PROD, "iam:GetCredentialReport") == 1


def test_what_a_failed_scan_has_learnt_is_not_asked_for_again(stage: Stage) -> None:
    stage.users[:] = [user(n, 100) for n in range(30)]
    stage.sessions.limits = replace(stage.sessions.limits, account=timedelta(seconds=30))
    real, left = stage.aws.handle, iter(range(20))

    def handle(service: str, action: str, *rest: object) -> dict[str, object]:
        if action == "ListAccessKeys" and next(left, None) is None:
            stage.aws.fail(PROD, "iam:ListAccessKeys", "AccessDenied")
        return real(service, action, *rest)  # type: ignore[arg-type]

    stage.aws.handle = handle  # type: ignore[method-assign,assignment]
    (one,) = stage.outcomes(PROD)
    assert isinstance(one.scan, ScanFailure)
    learnt = len(stage.prod.users)
    assert 16 <= learnt < 30
    stage.aws.handle = real  # type: ignore[method-assign]
    found = stage.scan(0.1)
    assert len(found.live_users) == 30 - learnt
    assert len(found.credentials) == 30


def test_a_resumed_account_makes_no_call_and_says_the_same(stage: Stage) -> None:
    stage.users[:] = crowd()
    first = stage.scan()
    assert stage.prod.report is not None
    assert len(stage.prod.report.content) < len(_report_of(stage)) / 3
    again = stage.scan(1, resumed=True)
    assert stage.calls() == {}
    assert facts(again) == facts(first)
    assert again.warnings == ()


def test_sigterm_leaves_no_half_of_an_account(stage: Stage) -> None:
    stage.users[:] = [user(n, 100) for n in range(30)]
    real = stage.aws.handle

    def handle(service: str, action: str, *rest: object) -> dict[str, object]:
        if action == "ListAccessKeys":
            stage.stop.set()
        return real(service, action, *rest)  # type: ignore[arg-type]

    stage.aws.handle = handle  # type: ignore[method-assign,assignment]
    results = {one.scan.account.id: one for one in stage.outcomes(PROD, DEV)}
    cut_short = results[PROD].scan
    assert isinstance(cut_short, ScanFailure)
    assert "stopping" in cut_short.reason
    assert not results[PROD].again
    assert stage.aws.count(PROD, "iam:ListAccessKeys") < 30
    assert set(results) == {PROD, DEV}


def test_a_last_use_that_the_report_learns_of_is_seen_without_a_call(stage: Stage) -> None:
    stage.users[:] = [user(1, 100)]
    stage.scan()
    used = START + timedelta(hours=2)
    stage.users[0].keys[0].last_used = used
    found = stage.key(stage.scan(6), 10)
    assert found.last_used == LastUsed("at", used, "s3", "eu-central-1")
    assert sum(stage.calls().values()) == 4


def test_a_key_that_we_deleted_is_proven_gone_though_no_report_tells_it(stage: Stage) -> None:
    stage.users[:] = [user(1, 100)]
    stage.users[0].keys[0].status = "Inactive"
    stage.prod.open_keys = {"user-1": frozenset({key_id(10)})}
    stage.scan()
    stage.users[0].keys.clear()
    stage.prod.users["user-1"] = replace(stage.prod.users["user-1"], tags=None, groups=None)  # as an act does
    assert stage.scan(24).live_users == {"user-1"}
