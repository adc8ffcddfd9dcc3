"""Budgets of the whole process: calls a second, calls under way, and retries."""

import pytest

from app.inventory.budget import ApiBudget, RetryBudget, Unbudgeted
from tests.fakes.clock import Sleeper


def budget(time: Sleeper, in_flight: int = 4, per_second: float | None = None) -> ApiBudget:
    return ApiBudget(in_flight, per_second, lambda: time.now)


def test_calls_of_all_accounts_are_spaced_out_first_come_first_served() -> None:
    time = Sleeper()
    shared = budget(time, per_second=20)
    assert [shared.take() for _ in range(4)] == pytest.approx([0, 0.05, 0.1, 0.15])
    time.now = 10
    assert [shared.take() for _ in range(2)] == pytest.approx([0, 0.05])


def test_without_a_ceiling_and_outside_of_the_budget_nothing_waits() -> None:
    for one in (budget(Sleeper()), Unbudgeted()):
        assert [one.take() for _ in range(1000)] == [0.0] * 1000


def test_a_call_more_than_the_budget_allows_at_once_waits_for_one_to_end() -> None:
    shared = budget(Sleeper(), in_flight=1).in_flight
    with shared:
        assert not shared.acquire(blocking=False)
    with shared:
        pass


def test_an_outage_is_not_multiplied_by_retries() -> None:
    retries = RetryBudget()
    assert [retries.spend() for _ in range(100)].count(True) == 500 // 14


def test_successes_bring_retries_back() -> None:
    retries = RetryBudget()
    while retries.spend():
        pass
    for _ in range(14):
        retries.earn(retried=False)
    assert (retries.spend(), retries.spend()) == (True, False)
    retries.earn(retried=True)
    assert (retries.spend(), retries.spend()) == (True, False)


def test_more_than_the_first_quota_is_never_saved_up() -> None:
    retries = RetryBudget()
    assert retries.spend()
    for _ in range(1000):
        retries.earn(retried=True)
    assert [retries.spend() for _ in range(100)].count(True) == 500 // 14
