"""What the benchmark's fake AWS remembers: reports in the making, token buckets."""

import pytest

from bench.fake.state import Buckets, Refusal, Reports


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_report_is_started_first_then_in_progress_then_complete_for_four_hours() -> None:
    time = Time()
    reports = Reports(seconds=2, clock=time)
    with pytest.raises(Refusal, match="Generate"):
        reports.made_at("1")
    assert (reports.generate("1"), reports.generate("1")) == ("STARTED", "INPROGRESS")
    with pytest.raises(Refusal, match="being made"):
        reports.made_at("1")
    time.now += 2
    assert reports.generate("1") == "COMPLETE"
    assert reports.made_at("1") == 1002
    time.now += 4 * 3600
    with pytest.raises(Refusal, match="too old"):
        reports.made_at("1")
    assert reports.generate("1") == "STARTED"


def test_expired_reports_must_be_generated_anew_at_once() -> None:
    time = Time()
    reports = Reports(seconds=0, clock=time)
    reports.generate("1")
    reports.expire()
    with pytest.raises(Refusal):
        reports.made_at("1")
    assert reports.generate("1") == "STARTED"


def test_a_bucket_gives_its_burst_then_its_rate_and_each_account_has_its_own() -> None:
    time = Time()
    buckets = Buckets(rate=2, burst=3, monotonic=time)
    assert [buckets.take("1") for _ in range(4)] == [True, True, True, False]
    assert buckets.take("2")
    time.now += 1
    assert [buckets.take("1") for _ in range(3)] == [True, True, False]
    buckets.refill()
    assert buckets.take("1")


def test_a_rate_of_zero_is_no_limit() -> None:
    buckets = Buckets(rate=0, burst=0)
    assert all(buckets.take("1") for _ in range(100))
