"""Who must be read live, and what is said of those who needn't."""

from datetime import UTC, datetime, timedelta

import pytest

from app.inventory.interface import Need
from app.inventory.look import far_credentials, must_read_live
from app.inventory.report import Row, RowKey
from app.model import LastUsed, RememberedKey, RememberedUser

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
USED = LastUsed("at", NOW - timedelta(hours=3), "s3", "eu-central-1")
NEED = Need(near_age=timedelta(days=60))
ACCOUNT = "111122223333"


def days(number: float) -> datetime:
    return NOW - timedelta(days=number)


def row(*keys: tuple[bool, float], user: str = "ann") -> Row:
    return Row(user, "/", tuple(RowKey(active, days(age), USED) for active, age in keys))


def memory(*keys: tuple[str, float], read: float = 1) -> RememberedUser:
    known = tuple(RememberedKey(f"AKIA{n}", days(age), status) for n, (status, age) in enumerate(keys))
    return RememberedUser(ACCOUNT, "ann", days(read), known)


def asks(row: Row, remembered: RememberedUser | None, *, is_open: bool = False, need: Need = NEED) -> bool:
    return must_read_live(ACCOUNT, row, remembered, is_open, need, NOW)


# ann's true-up day is known by search, so that no case below depends on it by accident
FRESH = 0.01


@pytest.mark.parametrize(
    ("shown", "known", "live"),
    [
        pytest.param(row((True, 59.9)), memory(("Active", 59.9), read=FRESH), False, id="far"),
        pytest.param(row((True, 60)), memory(("Active", 60), read=FRESH), True, id="near, exactly"),
        pytest.param(row((True, 1)), memory(("Active", 400), read=FRESH), True, id="toggled yesterday"),
        pytest.param(row((False, 1)), memory(("Inactive", 1), read=FRESH), True, id="inactive shown"),
        pytest.param(row(), memory(("Inactive", 9), read=FRESH), True, id="inactive hidden by the row"),
        pytest.param(row((True, 0.001)), memory(("Active", 20), read=FRESH), True, id="changed since"),
        pytest.param(row((True, 9), (True, 9)), memory(("Active", 9), read=FRESH), True, id="one more"),
        pytest.param(row(), memory(("Active", 9), read=FRESH), True, id="one less"),
        pytest.param(row(), memory(read=FRESH), False, id="no keys, as known"),
    ],
)
def test_the_row_suffices_only_while_it_is_far_and_agrees_with_memory(
    shown: Row, known: RememberedUser, live: bool
) -> None:
    assert asks(shown, known) is live


def test_an_inactive_key_is_of_no_interest_when_no_ladder_counts_inactive() -> None:
    need = Need(near_age=timedelta(days=60), inactive_matters=False)
    assert asks(row((False, 9)), memory(("Inactive", 9), read=FRESH), need=need) is False


def test_a_user_with_an_open_finding_is_always_read_live() -> None:
    assert asks(row((True, 1)), memory(("Active", 1), read=FRESH), is_open=True)


def test_a_policy_with_short_thresholds_reads_everybody_live() -> None:
    assert asks(row(), memory(read=FRESH), need=Need(timedelta(days=60), live=True))


def true_up_days(remembered_at: datetime | None, user: str) -> list[int]:
    """The days of the next 60 on which an unremarkable user is read, at 12:00."""
    found = []
    for day in range(60):
        now = NOW + timedelta(days=day)
        known = RememberedUser(ACCOUNT, user, remembered_at, ()) if remembered_at else None
        if must_read_live(ACCOUNT, Row(user, "/", ()), known, False, NEED, now):
            found.append(day)
            remembered_at = now if remembered_at else None
    return found


def test_a_user_never_read_has_one_day_in_thirty() -> None:
    first, second = true_up_days(None, "ann")
    assert second - first == 30


def test_a_user_once_read_is_read_again_every_thirty_days() -> None:
    first, second = true_up_days(NOW - timedelta(hours=1), "ann")
    assert second - first == 30


def test_a_missed_true_up_is_made_up_at_the_next_scan() -> None:
    assert true_up_days(NOW - timedelta(days=45), "ann")[0] == 0


def test_true_ups_are_spread_over_the_month() -> None:
    first_days = {true_up_days(None, f"user-{n}")[0] for n in range(300)}
    assert first_days == set(range(30))


def test_without_memory_a_row_gives_a_credential_without_an_id() -> None:
    (found,) = far_credentials(ACCOUNT, row((True, 10)), None, NOW)
    assert (found.id, found.created, found.live, found.last_used) == (None, days(10), False, USED)
    assert (found.tags, found.groups, found.unreadable) == (None, None, "")


def test_memory_gives_the_true_creation_and_the_id() -> None:
    (found,) = far_credentials(ACCOUNT, row((True, 2)), memory(("Active", 30)), NOW)
    assert (found.id, found.created) == ("AKIA0", days(30))
    assert found.last_used.state == "unknown"  # the dates don't join: the row may speak of another key


def test_a_last_use_is_joined_by_the_second_of_creation() -> None:
    known = memory(("Active", 30), ("Active", 20))
    older, newer = far_credentials(ACCOUNT, row((True, 20), (True, 25)), known, NOW)
    assert older.last_used.state == "unknown"
    assert newer.last_used == USED


def test_two_keys_of_one_second_are_not_joined() -> None:
    known = memory(("Active", 20), ("Active", 20))
    found = far_credentials(ACCOUNT, row((True, 20), (True, 20)), known, NOW)
    assert [key.last_used.state for key in found] == ["unknown", "unknown"]
