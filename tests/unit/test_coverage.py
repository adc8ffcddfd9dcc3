"""How much of the fleet a run read, in numbers and in words."""

import pytest

from app.model import Coverage


@pytest.mark.parametrize(
    ("fresh", "total", "text"),
    [
        (9_998, 10_000, "9,998 of 10,000 accounts (99.98 %)"),
        (10_000, 10_000, "10,000 of 10,000 accounts (100 %)"),
        (99_999, 100_000, "99,999 of 100,000 accounts (99.99 %)"),
        (1, 3, "1 of 3 accounts (33.33 %)"),
        (1, 2, "1 of 2 accounts (50 %)"),
        (1, 1, "1 of 1 account (100 %)"),
        (0, 5, "0 of 5 accounts (0 %)"),
        (0, 0, "0 of 0 accounts"),
    ],
)
def test_it_is_rounded_down_so_that_a_hundred_per_cent_means_all(fresh: int, total: int, text: str) -> None:
    assert Coverage(fresh, total).text == text


def test_what_was_left_out_on_purpose_was_not_to_be_read() -> None:
    accounts = {"success": 7, "failed": 2, "blocked": 1, "suspended": 5, "excluded": 4}
    coverage = Coverage.of(accounts, resumed=3, retried=2)
    assert coverage == Coverage(7, 10, 3, 2)
    assert (coverage.ratio, coverage.unread) == (0.7, 3)


def test_nothing_to_read_is_no_coverage() -> None:
    assert Coverage.of({}).ratio == 0
