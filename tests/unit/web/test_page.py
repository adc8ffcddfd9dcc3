"""What the page says, before it is laid out."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.model import AccountState, RunRecord
from app.service.snapshot import AgeHistogram, AgeKey, CountKey, Snapshot
from app.web.charts import states
from app.web.page import relative, status_page, worst_first
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
    calendar = {date(2026, 11, 19): 4, date(2026, 11, 20): 40, date(2026, 11, 22): 1}
    page = status_page(replace(CALM, calendar=calendar), NOW)
    week = page.weeks[0]
    assert [cell.day.day for cell in week] == [16, 17, 18, 19, 20, 21, 22]
    assert [(cell.number, cell.shade) for cell in week[3:]] == [(0, 0), (40, 4), (0, 0), (1, 1)]
    assert [cell.past for cell in week] == [True] * 4 + [False] * 3
    assert [cell.day.day for cell in week if cell.today] == [20]


def test_a_longer_calendar_is_cut_and_says_so() -> None:
    calendar = {NOW.date() + timedelta(days=n): 1 for n in range(40)}
    page = status_page(replace(CALM, calendar=calendar), NOW)
    shown = sum(cell.number for week in page.weeks for cell in week)
    assert (len(page.weeks), shown, page.later) == (5, 31, 9)


def test_with_nothing_due_there_is_no_calendar() -> None:
    assert status_page(replace(CALM, calendar={date(2026, 11, 19): 4}), NOW).weeks == ()


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


def counts(**numbers: int) -> Snapshot:
    return replace(CALM, credentials={CountKey(PROD, "prod", "access_key", s): n for s, n in numbers.items()})


@pytest.mark.parametrize(
    ("snapshot", "text"),
    [
        (counts(ok=7, exempt=1, inactive=1, warn=1), "90 %"),
        (counts(ok=9_999, warn=1), "99.9 %"),
        (counts(ok=3), "100 %"),
        (counts(unknown=3), "0 %"),
        (CALM, "–"),
    ],
)
def test_the_share_is_rounded_down_and_what_is_unknown_is_not_compliant(
    snapshot: Snapshot, text: str
) -> None:
    assert status_page(snapshot, NOW).share.text == text


def test_every_credential_is_in_one_bar_by_its_age() -> None:
    days = [0.5, 7, 7.1, 30, 44, 60, 75, 89.9, 90.1, 130, 200, 500, 731, 4_000]
    ages = {
        AgeKey(PROD, "prod", "access_key"): AgeHistogram.of(days[:9]),
        AgeKey(PROD, "prod", "signing_certificate"): AgeHistogram.of(days[9:]),
    }
    bars = status_page(replace(CALM, ages=ages), NOW).ages
    assert [(bar.label, bar.number) for bar in bars] == [
        ("7", 2), ("30", 2), ("45", 1), ("60", 1), ("75", 1), ("90", 1), ("120", 1),
        ("180", 1), ("1 y", 1), ("2 y", 1), ("2 y+", 2),
    ]  # fmt: skip
    assert (bars[1].span, bars[-1].span) == ("7 to 30 days", "over 730 days")
    assert (bars[0].height, bars[2].height) == (100, 50)


def test_before_the_first_count_there_are_no_bars() -> None:
    assert status_page(CALM, NOW).ages == ()
