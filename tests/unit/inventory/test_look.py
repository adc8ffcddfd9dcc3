"""Who must be read live, and what is said of those who needn't."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.inventory.interface import AccountMemory, Need
from app.inventory.look import answer
from app.inventory.report import Row, RowKey
from app.model import Credential, LastUsed, RememberedKey, RememberedUser

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
USED = LastUsed("at", NOW - timedelta(hours=3), "s3", "eu-central-1")
NEED = Need(near_age=timedelta(days=60))
ACCOUNT = "111122223333"
TAGS = {"owner": "ann@example.com"}


def days(number: float) -> datetime:
    return NOW - timedelta(days=number)


def row(*keys: tuple[bool, float], user: str = "ann") -> Row:
    return Row(user, "/", tuple(RowKey(active, days(age), USED) for active, age in keys))


# ann's true-up day is known by search, so that no case below depends on it by accident
FRESH = 0.01


def seen(*keys: tuple[str, float], read: float = FRESH, near: bool = False) -> RememberedUser:
    """As a live read left it; ``near``: with the tags and groups that are read of users near a stage."""
    known = tuple(RememberedKey(f"AKIA{n}", days(age), status) for n, (status, age) in enumerate(keys))
    return RememberedUser(ACCOUNT, "ann", days(read), known, *((TAGS, ("g",)) if near else ()))


def memory(known: RememberedUser | None, **more: object) -> AccountMemory:
    users = {known.user: known} if known else {}
    return AccountMemory(users, since=days(100), **more)  # type: ignore[arg-type]


def ask(row: Row, known: RememberedUser | None, need: Need = NEED, **more: object) -> list[Credential] | None:
    return answer(ACCOUNT, row, memory(known, **more), need, NOW)


def reads_live(row: Row, known: RememberedUser | None, need: Need = NEED, **more: object) -> bool:
    return ask(row, known, need, **more) is None


@pytest.mark.parametrize(
    ("shown", "known", "live"),
    [
        pytest.param(row((True, 59.9)), seen(("Active", 59.9)), False, id="far"),
        pytest.param(row((True, 60)), seen(("Active", 60)), True, id="newly near, exactly"),
        pytest.param(row((True, 60)), seen(("Active", 60), near=True), False, id="near, known, unchanged"),
        pytest.param(row((True, 1)), seen(("Active", 400)), True, id="old, toggled yesterday"),
        pytest.param(row((True, 1)), seen(("Active", 400), near=True), False, id="the same, known so"),
        pytest.param(row((False, 1)), seen(("Inactive", 1)), True, id="inactive shown"),
        pytest.param(row((False, 1)), seen(("Inactive", 1), near=True), False, id="inactive, known so"),
        pytest.param(row(), seen(("Inactive", 9)), True, id="inactive hidden by the row"),
        pytest.param(row(), seen(("Inactive", 9), near=True), False, id="inactive, hidden, known so"),
        pytest.param(row((True, 0.001)), seen(("Active", 20)), True, id="changed since"),
        pytest.param(row((True, 0.001)), seen(("Active", 90), near=True), True, id="near, changed since"),
        pytest.param(row((True, 9), (True, 9)), seen(("Active", 9)), True, id="one more"),
        pytest.param(row(), seen(("Active", 9)), True, id="one less"),
        pytest.param(row((False, 9)), seen(("Active", 9), near=True), True, id="not active any more"),
        pytest.param(row((True, 9)), seen(("Inactive", 9), near=True), True, id="active again"),
        pytest.param(row((False, 9), (False, 9)), seen(("Inactive", 9), near=True), True, id="one more hid"),
        pytest.param(row(), seen(), False, id="no keys, as known"),
    ],
)
def test_the_row_suffices_only_while_it_agrees_with_a_memory_that_can_judge(
    shown: Row, known: RememberedUser, live: bool
) -> None:
    assert reads_live(shown, known) is live


@pytest.mark.parametrize("missing", ["tags", "groups"])
def test_a_user_near_a_stage_is_read_live_while_his_tags_or_groups_are_not_known(missing: str) -> None:
    known = replace(seen(("Active", 90), near=True), **{missing: None})  # type: ignore[arg-type]
    assert reads_live(row((True, 90)), known)


def test_an_inactive_key_is_of_no_interest_when_no_ladder_counts_inactive() -> None:
    need = Need(near_age=timedelta(days=60), inactive_matters=False)
    assert not reads_live(row((False, 9)), seen(("Inactive", 9)), need)


OPEN = {"ann": frozenset({"AKIA0"})}


def test_a_user_with_an_open_finding_is_not_read_again_while_nothing_has_changed() -> None:
    assert not reads_live(row((True, 1)), seen(("Active", 1), near=True), open_keys=OPEN)


def test_a_user_with_an_open_finding_is_near_however_young_his_keys() -> None:
    assert reads_live(row((True, 1)), seen(("Active", 1)), open_keys=OPEN)
    assert reads_live(row((True, 1)), None, open_keys=OPEN)


def test_a_finding_of_a_key_that_the_memory_does_not_know_is_looked_into() -> None:
    other = {"ann": frozenset({"AKIA0", "AKIA9"})}
    assert reads_live(row((True, 1)), seen(("Active", 1), near=True), open_keys=other)


def test_what_the_ledger_knows_better_is_read_live() -> None:
    """We deactivated it; the memory and the report, hours old, still say Active."""
    known = seen(("Active", 90), near=True)
    assert reads_live(row((True, 90)), known, statuses={"AKIA0": "Inactive"})
    assert not reads_live(row((True, 90)), known, statuses={"AKIA0": "Active"})


def test_a_policy_with_short_thresholds_reads_everybody_live() -> None:
    assert reads_live(row(), seen(), Need(timedelta(days=60), live=True))


# --- the true-up ---


LONG_AGO = days(100)


def true_up_days(known: RememberedUser | None, user: str, since: datetime | None = LONG_AGO) -> list[int]:
    """The days of the next 60 on which an unremarkable user is read, at 12:00."""
    found = []
    for day in range(60):
        now = NOW + timedelta(days=day)
        users = {user: replace(known, user=user)} if known else {}
        if answer(ACCOUNT, Row(user, "/", ()), AccountMemory(users, since=since), NEED, now) is None:
            found.append(day)
            known = RememberedUser(ACCOUNT, user, now, ())
    return found


def test_a_user_never_read_has_one_day_in_thirty() -> None:
    first, second = true_up_days(None, "ann", since=NOW)
    assert second - first == 30


def test_a_user_once_read_is_read_again_every_thirty_days() -> None:
    first, second = true_up_days(seen(read=1 / 24), "ann")
    assert second - first == 30


def test_a_missed_true_up_is_made_up_at_the_next_scan() -> None:
    assert true_up_days(seen(read=45), "ann")[0] == 0


def test_true_ups_are_spread_over_the_month() -> None:
    first_days = {true_up_days(None, f"user-{n}", since=NOW)[0] for n in range(300)}
    assert first_days == set(range(1, 31))


def test_a_first_scan_trues_nobody_up() -> None:
    found = {true_up_days(None, f"user-{n}", since=None)[:1] == [] for n in range(100)}
    assert found == {True}


def test_a_known_user_near_a_stage_is_trued_up_too() -> None:
    assert reads_live(row((True, 90)), seen(("Active", 90), near=True, read=31))


# --- what is said without a live read ---


def told(row: Row, known: RememberedUser) -> Sequence[Credential]:
    found = ask(row, known)
    assert found is not None
    return found


def test_without_memory_a_row_gives_a_credential_without_an_id() -> None:
    found = answer(ACCOUNT, row((True, 10)), AccountMemory(), NEED, NOW)
    assert found is not None
    (key,) = found
    assert (key.id, key.created, key.live, key.last_used) == (None, days(10), False, USED)
    assert (key.tags, key.groups, key.unreadable, key.judgeable) == (None, None, "", False)


def test_memory_gives_the_true_creation_and_the_id() -> None:
    (found,) = told(row((True, 2)), seen(("Active", 30)))
    assert (found.id, found.created, found.live) == ("AKIA0", days(30), False)


def test_tags_and_groups_are_told_only_of_users_near_a_stage() -> None:
    (far,) = told(row((True, 30)), seen(("Active", 30), near=True))
    assert (far.tags, far.groups, far.judgeable) == (None, None, False)
    (near,) = told(row((True, 90)), seen(("Active", 90), near=True))
    assert (near.tags, near.groups, near.judgeable) == (TAGS, ("g",), True)


def test_the_path_is_the_rows() -> None:
    (found,) = told(replace(row((True, 90)), path="/ops/"), seen(("Active", 90), near=True))
    assert found.user_path == "/ops/"


# --- joining a row's keys, which have no ids, with those that are known ---


def uses(shown: Row, known: RememberedUser) -> list[str]:
    return [_name(key.last_used) for key in told(shown, known)]


def _name(used: LastUsed) -> str:
    return used.service or used.state


def line(active: bool, age: float, service: str) -> RowKey:
    return RowKey(active, days(age), LastUsed("at", NOW, service, "eu-central-1"))


def lines(*keys: RowKey) -> Row:
    return Row("ann", "/", keys)


@pytest.mark.parametrize(
    ("shown", "known", "joined"),
    [
        pytest.param(
            lines(line(True, 20, "old"), line(True, 10, "new")),
            seen(("Active", 20), ("Active", 10)),
            ["old", "new"],
            id="both by the second of their creation",
        ),
        pytest.param(
            lines(line(True, 2, "toggled")),
            seen(("Active", 30)),
            ["toggled"],
            id="the only one, toggled since",
        ),
        pytest.param(
            lines(line(True, 10, "new"), line(True, 2, "toggled")),
            seen(("Active", 20), ("Active", 10)),
            ["toggled", "new"],
            id="the one that is left over",
        ),
        pytest.param(
            lines(line(True, 3, "a"), line(True, 2, "b")),
            seen(("Active", 20), ("Active", 10)),
            ["unknown", "unknown"],
            id="both toggled",
        ),
        pytest.param(
            lines(line(True, 20, "a"), line(True, 20, "b")),
            seen(("Active", 20), ("Active", 20)),
            ["unknown", "unknown"],
            id="made in one second",
        ),
        pytest.param(
            lines(line(True, 10, "new"), line(True, 10, "toggled then")),
            seen(("Active", 20), ("Active", 10)),
            ["unknown", "unknown"],
            id="toggled in the second in which the other was made",
        ),
    ],
)
def test_a_last_use_is_joined_only_where_one_key_alone_can_stand_behind_the_line(
    shown: Row, known: RememberedUser, joined: list[str]
) -> None:
    assert uses(shown, known) == joined


def test_an_active_key_near_a_stage_whose_line_is_not_certain_is_read_live() -> None:
    shown = lines(line(True, 3, "a"), line(True, 2, "b"))
    assert reads_live(shown, seen(("Active", 90), ("Active", 80), near=True))


def test_of_an_inactive_key_the_last_use_may_stay_unknown() -> None:
    shown = lines(line(True, 90, "active"))
    assert uses(shown, seen(("Active", 90), ("Inactive", 80), near=True)) == ["active", "unknown"]


def test_a_key_that_was_made_about_when_its_user_was_read_may_have_been_missed() -> None:
    """IAM shows a change late, and our clock may be ahead: one key deleted, one made, looks the same."""
    known = seen(("Active", 400), read=1, near=True)
    minute = 1 / 24 / 60
    assert reads_live(row((True, 1 + 2 * minute)), known)
    assert not reads_live(row((True, 1 + 11 * minute)), known)
