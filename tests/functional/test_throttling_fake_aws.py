"""Throttling over a real port: token buckets of accounts, the budget of the process, acts that pass by."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from app.inventory.api import Pace
from app.inventory.sessions import Limits, Sessions
from app.inventory.users import list_keys
from app.model import Account, RoleRef
from tests.fakes.aws import HUB, Bucket, FakeAws, point_sdk_at
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser
from tests.fakes.clock import Sleeper

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
USERS = [f"user-{n}" for n in range(88)]
ONE, TWO = "111122223333", "444455556666"


def account(account_id: str = ONE) -> Account:
    role = RoleRef(f"arn:aws:iam::{account_id}:role/keysteward")
    return Account(account_id, reader=role, actor=role)


def fake_account(account_id: str) -> FakeAccount:
    users = [FakeUser(name, [FakeKey(f"AKIA{n:016d}", CREATED)]) for n, name in enumerate(USERS)]
    return FakeAccount(account_id, users)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    with FakeAws([fake_account(one) for one in (ONE, TWO)]) as fake:
        point_sdk_at(fake.url, monkeypatch)
        yield fake


@pytest.fixture
def waits() -> Sleeper:
    return Sleeper()


def read_all(sessions: Sessions, account_id: str) -> float:
    """Reads every user's keys as a scan does; seconds."""
    api, begun = sessions.reading(account(account_id)), time.monotonic()
    reader = api.yielding()
    found, error = sessions.crew.each(USERS, lambda user: list_keys(reader, user), api)
    assert error is None
    assert {user: len(keys) for user, keys in found.items()} == dict.fromkeys(USERS, 1)
    return time.monotonic() - begun


def waste(sessions: Sessions) -> float:
    counts = sessions.calls.snapshot()
    throttled = sum(n for (_, _, outcome), n in counts.items() if outcome == "throttled")
    return throttled / sum(counts.values())


def test_a_bucket_of_20_a_second_with_50_in_it_wastes_less_than_a_tenth(aws: FakeAws) -> None:
    aws.bucket = Bucket(rate=20, burst=50, by_action=False)
    sessions = Sessions()
    assert read_all(sessions, ONE) > 1  # 88 calls: it was throttled
    assert 0 < waste(sessions) < 0.1


def test_another_account_is_not_slowed_by_one_that_is_throttled(aws: FakeAws) -> None:
    sessions = Sessions(Limits(connections=4))
    aws.bucket = Bucket(rate=20, burst=20, by_action=False)
    aws.bucket.limited = {ONE}
    with ThreadPoolExecutor(2) as pool:
        slow, quick = pool.map(read_all, [sessions] * 2, [ONE, TWO])
    assert quick < slow


@pytest.mark.slow
def test_a_fleet_of_throttled_accounts_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [f"{n:012d}" for n in range(1, 7)]
    with FakeAws([fake_account(one) for one in ids], bucket=Bucket(8, 40, by_action=False)) as aws:
        point_sdk_at(aws.url, monkeypatch)
        sessions = Sessions()
        with ThreadPoolExecutor(len(ids)) as pool:
            list(pool.map(read_all, [sessions] * len(ids), ids))
        assert 0 < waste(sessions) < 0.1


def test_the_budget_holds_for_all_accounts_together(aws: FakeAws, waits: Sleeper) -> None:
    pace = Pace(sleep=waits.sleep, monotonic=lambda: waits.now)
    sessions = Sessions(Limits(per_second=10), pace)
    for account_id in (ONE, TWO):
        for _ in range(10):
            sessions.reading(account(account_id)).call("get_account_summary")
    calls = sum(sessions.calls.snapshot().values())
    assert calls == 20 + 3  # and who the hub is, and two roles
    assert waits.now == pytest.approx((calls - 1) / 10)


def test_neither_an_act_nor_what_is_read_for_it_waits_for_the_budget(aws: FakeAws, waits: Sleeper) -> None:
    pace = Pace(sleep=waits.sleep, monotonic=lambda: waits.now)
    sessions = Sessions(Limits(per_second=0.1), pace)
    sessions.reading(account()).call("get_account_summary")
    begun = len(waits.slept)
    sessions.reading(account(), timedelta(minutes=1)).call("get_user", UserName=USERS[0])
    key = aws.accounts[ONE].users[0].keys[0]
    sessions.acting(account()).once(
        "update_access_key", UserName=USERS[0], AccessKeyId=key.id, Status="Inactive"
    )
    assert key.status == "Inactive"
    assert len(waits.slept) == begun


def test_an_act_does_not_wait_for_a_throttled_hub(aws: FakeAws, waits: Sleeper) -> None:
    pace = Pace(sleep=waits.sleep, monotonic=lambda: waits.now)
    sessions = Sessions(pace=pace)
    aws.fail(HUB, "sts:AssumeRole", "Throttling", times=6)
    sessions.reading(account()).call("get_account_summary")
    begun = len(waits.slept)
    sessions.acting(account()).once(
        "update_access_key", UserName=USERS[0], AccessKeyId=f"AKIA{0:016d}", Status="Active"
    )
    assert len(waits.slept) == begun


def test_who_asks_an_account_at_the_same_time_keeps_one_pace(aws: FakeAws) -> None:
    sessions = Sessions()
    first, second, other = (sessions.reading(account(one)) for one in (ONE, ONE, TWO))
    assert first.tempo is second.tempo
    assert first.tempo is not other.tempo
