"""What the page says, before it is laid out."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.model import AccountState, RunRecord
from app.service.snapshot import CountKey, Snapshot
from app.web.page import relative, states, status_page, worst_first
from tests.fakes.pictures import NOW, PROD, finding, sweep

RUN = RunRecord(NOW, NOW, "success")
CALM = Snapshot(last_run=RUN, accounts_by_outcome={"success": 3})


@pytest.mark.parametrize(
    ("snapshot", "headline", "tone"),
    [
        (Snapshot(), "Waiting for the first scan to end", "quiet"),
        (CALM, "3 accounts read; nothing is due within 7 days", "good"),
        (replace(CALM, due_within={"7d": 1}), "3 accounts read; 1 credential due within 7 days", "warn"),
        (
            replace(
                CALM, accounts_by_outcome={"success": 1, "failed": 1, "blocked": 1}, due_within={"7d": 9}
            ),
            "2 of 3 accounts could not be read",
            "bad",
        ),
        (
            replace(CALM, accounts=(AccountState(PROD, "prod", NOW, exposed=2),)),
            "2 exposed credentials: rotate now",
            "bad",
        ),
    ],
)
def test_the_headline_says_the_worst_thing(snapshot: Snapshot, headline: str, tone: str) -> None:
    page = status_page(snapshot, NOW)
    assert (page.headline, page.tone) == (headline, tone)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "reading accounts, 6,812 of 10,000 accounts, 3 failed; about 2 min left"),
        ({"left_seconds": 12.0}, "reading accounts, 6,812 of 10,000 accounts, 3 failed; about 1 min left"),
        (
            {"failed": 0, "left_seconds": None, "total": 1, "done": 0},
            "reading accounts, 0 of 1 account",
        ),
        ({"under_way": False}, ""),
    ],
)
def test_a_scan_under_way_is_told_of(changes: dict[str, object], text: str) -> None:
    assert status_page(replace(CALM, sweep=sweep(**changes)), NOW).under_way == text


def test_before_any_scan_none_is_told_of() -> None:
    assert status_page(CALM, NOW).under_way == ""


def test_the_worst_comes_first_and_the_snoozed_last() -> None:
    soon, later = NOW + timedelta(days=1), NOW + timedelta(days=9)
    rows = [
        finding(1, due_at=None),
        finding(2, due_at=soon, snoozed_until=later),
        finding(3, due_at=later),
        finding(4, due_at=soon),
        finding(5, due_at=soon),
        finding(6, due_at=None, exposed=True),
    ]
    assert [row.finding_id[-1] for row in worst_first(rows)] == ["6", "5", "4", "3", "1", "2"]


def test_states_go_from_calm_to_worst_by_the_ladders_own_order() -> None:
    counts = {
        CountKey(PROD, "prod", "access_key", s): 1 for s in ("zap", "inactive", "nudge", "ok", "unknown")
    }
    named = replace(CALM, credentials=counts, stages=("nudge", "zap"))
    assert [state for state, _ in states(named)] == ["ok", "inactive", "unknown", "nudge", "zap"]
    assert [part.shade for part in status_page(named, NOW).slices][-2:] == ["shade-1", "shade-5"]


def test_the_bar_is_full_to_its_end() -> None:
    counts = {CountKey(PROD, "prod", "access_key", s): n for s, n in [("ok", 1), ("warn", 1), ("final", 1)]}
    last = status_page(replace(CALM, credentials=counts), NOW).slices[-1]
    assert last.x + last.width == pytest.approx(1000, abs=0.1)


def test_days_gone_by_are_not_on_the_calendar() -> None:
    calendar = {date(2026, 11, 19): 4, date(2026, 11, 20): 2, date(2026, 11, 22): 1}
    page = status_page(replace(CALM, calendar=calendar), NOW)
    assert [(day.day.day, day.number, day.width) for day in page.days] == [(20, 2, 100.0), (22, 1, 50.0)]


def test_a_longer_calendar_is_cut_and_says_so() -> None:
    calendar = {NOW.date() + timedelta(days=n): 1 for n in range(14)}
    page = status_page(replace(CALM, calendar=calendar), NOW)
    assert (len(page.days), page.later_days) == (10, 4)


def test_failed_accounts_are_those_with_an_error_the_longest_failing_first() -> None:
    states = tuple(
        AccountState(str(n), str(n), NOW, error, NOW - timedelta(days=n))
        for n, error in enumerate(["denied", "", "denied"])
    )
    page = status_page(replace(CALM, accounts=states), NOW)
    assert [account.account_id for account in page.failed] == ["2", "0"]


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(days=3, hours=23), "in 3 days"),
        (timedelta(days=1), "in 1 day"),
        (timedelta(hours=23, minutes=59), "in 23 h"),
        (timedelta(minutes=1), "in 1 min"),
        (timedelta(seconds=59), "now"),
        (timedelta(hours=-2), "2 h ago"),
        (timedelta(days=-400), "400 days ago"),
    ],
)
def test_spans_are_rounded_down(span: timedelta, text: str) -> None:
    assert relative(NOW + span, NOW) == text
