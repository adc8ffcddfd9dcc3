"""Nothing grows with time: days of 10-minute cycles, and years of fewer (`make soak`: the whole year)."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from tests.machines.soak import TABLES, Size, Soak, growth

FLAT: Mapping[str, int] = dict.fromkeys(TABLES, 40)
SIZE = Size(rss=200 * 2**20, handles=12, threads=3, ledger=2 * 2**20, rows=FLAT)
MB = 2**20


def sizes(late: Size) -> list[Size]:
    return [SIZE] * 30 + [late] * 10


def test_what_stays_as_it_is_has_not_grown() -> None:
    assert list(growth(sizes(SIZE))) == []


@pytest.mark.parametrize(
    "late",
    [
        Size(240 * MB, 12, 3, 2 * MB, FLAT),
        Size(200 * MB, 20, 3, 2 * MB, FLAT),
        Size(200 * MB, 12, 9, 2 * MB, FLAT),
        Size(200 * MB, 12, 3, 4 * MB, FLAT),
        Size(200 * MB, 12, 3, 2 * MB, {**FLAT, "refusals": 80}),
    ],
    ids=["memory", "handles", "threads", "the ledger", "one table"],
)
def test_growth_is_found(late: Size) -> None:
    assert len(list(growth(sizes(late)))) == 1


@pytest.mark.slow
def test_no_memory_no_handles_and_no_threads_pile_up_over_weeks(tmp_path: Path) -> None:
    soak = Soak(tmp_path)
    soak.live(days=10)
    assert list(growth(soak.sizes, of_the_ledger=False)) == []


@pytest.mark.slow
def test_no_rows_pile_up_over_years(tmp_path: Path) -> None:
    """The second quarter begins when the first things are old enough to be forgotten."""
    soak = Soak(tmp_path, every=timedelta(days=1))
    soak.live(days=600)
    assert list(growth(soak.sizes)) == []
