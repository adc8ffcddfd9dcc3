"""How an answer is judged, and how the scripts join the report with the listed keys."""

from pathlib import Path

import pytest

from bench.fleet import Fleet
from bench.task import UNKNOWN, Listed, Slot, hand_in, last_use
from bench.truth import Due, due_in, hidden_in
from bench.verify import of_file

NOW = 1_800_000_000
FLEET = Fleet(accounts=3, users=100, now=NOW, seed=3)
DUE = [row for number in range(FLEET.accounts) for row in due_in(FLEET, number)]


def verdict(tmp_path: Path, rows: list[Due]) -> str:
    hand_in(tmp_path / "due", rows)
    return str(of_file(FLEET, tmp_path / "due"))


def test_the_whole_set_is_exact(tmp_path: Path) -> None:
    assert verdict(tmp_path, DUE) == f"{len(DUE)}, exact"


def test_a_missing_key_a_foreign_one_and_a_wrong_stage_show(tmp_path: Path) -> None:
    foreign = Due("100000000001", "user-00000", "ZZZZ", "warn")
    shifted = DUE[1]._replace(state="warn")
    answer = verdict(tmp_path, [foreign, shifted, *DUE[2:]])
    assert answer == f"of {len(DUE)}: 2 missing, 2 wrong"


def test_keys_that_the_report_hides_are_told_apart(tmp_path: Path) -> None:
    hidden = {(row.account, row.user) for row in DUE} & {
        (row.account, name) for row in DUE for name in hidden_in(FLEET, int(row.account) - 100_000_000_000)
    }
    seen = [row for row in DUE if (row.account, row.user) not in hidden]
    assert len(seen) < len(DUE)
    assert verdict(tmp_path, seen) == f"{len(DUE)}, exact but {len(DUE) - len(seen)} hidden"


A, B = Listed("a", True, 100.0), Listed("b", True, 200.0)


@pytest.mark.parametrize(
    ("slots", "used"),
    [
        ([Slot(True, 200.0, None), Slot(True, 100.0, 150.0)], [150.0, None]),  # each by its second
        ([Slot(True, 100.0, 150.0), Slot(True, 300.0, 250.0)], [150.0, 250.0]),  # the other one was toggled
        ([Slot(True, 300.0, 150.0), Slot(True, 400.0, 250.0)], [UNKNOWN, UNKNOWN]),  # both were
    ],
)
def test_a_last_use_is_joined_by_the_second_of_creation_or_as_the_only_one_left(
    slots: list[Slot], used: list[float | None]
) -> None:
    assert [last_use(key, [A, B], slots) for key in (A, B)] == used


def test_two_keys_of_the_same_second_are_not_told_apart() -> None:
    twins = [A, A._replace(id="b")]
    slots = [Slot(True, 100.0, None), Slot(True, 100.0, 150.0)]
    assert [last_use(key, twins, slots) for key in twins] == [UNKNOWN, UNKNOWN]
