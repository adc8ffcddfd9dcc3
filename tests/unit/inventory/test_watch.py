"""The count of requests, and AWS's clock."""

from datetime import UTC, datetime, timedelta

from app.inventory.watch import Calls, DateSkew

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_the_total_is_of_all_services_operations_and_outcomes() -> None:
    calls = Calls()
    assert calls.total() == 0
    calls.count("iam", "GetCredentialReport", "ok")
    calls.count("iam", "GetCredentialReport", "throttled")
    calls.count("sts", "AssumeRole", "ok")
    assert calls.total() == sum(calls.snapshot().values()) == 3


class Watch:
    """The machine's clock, which people may set, and the time that has passed."""

    def __init__(self) -> None:
        self.wrong, self.passed = timedelta(0), 0.0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.passed) + self.wrong


def test_a_clock_that_is_set_between_two_answers_is_known_to_be_wrong_at_once() -> None:
    watch = Watch()
    skew = DateSkew(watch, lambda: watch.passed)
    assert skew.skew() is None
    skew.saw("Mon, 01 Jun 2026 12:00:00 GMT")
    watch.passed = 3600
    assert skew.skew() == timedelta(0)
    watch.wrong = -DAY
    assert skew.skew() == DAY
    watch.wrong = timedelta(0)
    assert skew.skew() == timedelta(0)
