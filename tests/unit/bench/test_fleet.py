"""The fleet out of a seed, and the truth about it, checked by hand."""

import pytest

from bench.fleet import DAY, Fleet, Key, account_id, account_number, key_id, user_of_key
from bench.truth import Due, due_in, hidden_in, looks_near, older_in, state_of, states_in

NOW = 1_800_000_000
FLEET = Fleet(accounts=60, users=100, now=NOW, seed=3)


# Active, and the days since it was created, last changed and last used.
Ages = tuple[bool, float | None, float | None, float | None]


def days(at: float | None) -> float | None:
    return None if at is None else round((NOW - at) / DAY, 2)


def ages(key: Key) -> Ages:
    return (key.active, days(key.created), days(key.rotated), days(key.used))


# The first number of each is the user's; the keys were read by eye, and judged by the ladder in the README.
BY_HAND: dict[int, list[tuple[Ages, str]]] = {
    5: [((True, 52.31, 52.31, 2.11), "ok")],
    11: [((True, 543.19, 543.19, 121.23), "deactivate"), ((False, 151.18, 151.18, None), "inactive")],
    18: [((True, 771.28, 771.28, 5.12), "deactivate"), ((True, 218.25, 38.35, None), "deactivate")],
    24: [((True, 79.3, 79.3, 6.28), "warn"), ((False, 7.35, 7.35, 1.19), "inactive")],
    33: [((True, 89.25, 89.25, 6.22), "final")],
    95: [((True, 86.11, 86.11, 8.37), "ticket")],
}


@pytest.mark.parametrize("number", BY_HAND)
def test_what_a_user_has_and_which_of_it_is_due_was_checked_by_hand(number: int) -> None:
    user = FLEET.users_of(0)[number]
    assert [ages(key) for key in user.keys] == [key for key, _ in BY_HAND[number]]
    mine = {(row.tail, row.state) for row in due_in(FLEET, 0) if row.user == user.name}
    states = zip(user.keys, BY_HAND[number], strict=True)
    assert mine == {(key.id[-4:], state) for key, (_, state) in states if state not in ("ok", "inactive")}


@pytest.mark.parametrize(
    ("active", "age", "idle", "state"),
    [
        (True, 74.9, 1, "ok"),
        (True, 75, 1, "warn"),
        (True, 80, 1, "ticket"),
        (True, 87, 1, "final"),
        (True, 90, 0, "deactivate"),
        (True, 60, 45.9, "ok"),
        (True, 60, 46, "deactivate"),
        (True, 45.9, None, "ok"),
        (True, 46, None, "deactivate"),
        (False, 900, None, "inactive"),
    ],
)
def test_a_key_is_on_the_rung_that_its_age_and_idleness_say(
    active: bool, age: float, idle: float | None, state: str
) -> None:
    used = None if idle is None else NOW - idle * DAY
    assert state_of(active, NOW - age * DAY, used, NOW) == state


def test_a_toggled_key_hides_its_user_only_if_nothing_else_of_his_looks_old() -> None:
    fleet = Fleet(accounts=1, users=300, now=NOW, seed=3)
    hidden = fleet.users_of(0)[142]
    assert [ages(key) for key in hidden.keys] == [(True, 548.25, 27.2, 292.26)]
    assert hidden.name in hidden_in(fleet, 0)
    assert not looks_near(hidden, NOW)
    assert looks_near(fleet.users_of(0)[18], NOW)
    assert fleet.users_of(0)[18].name not in hidden_in(fleet, 0)


def test_the_same_seed_gives_the_same_fleet_and_another_one_another() -> None:
    again = Fleet(60, 100, NOW, seed=3)
    other = Fleet(60, 100, NOW, seed=4)
    assert again.users_of(7) == FLEET.users_of(7)
    assert other.users_of(7) != FLEET.users_of(7)
    assert FLEET.users_of(8) != FLEET.users_of(7)


def test_the_fleet_has_the_shares_that_it_promises() -> None:
    users = [user for number in range(FLEET.accounts) for user in FLEET.users_of(number)]
    keys = [key for user in users for key in user.keys]
    old = sum(any(key.active and NOW - key.created >= 75 * DAY for key in user.keys) for user in users)
    assert len(keys) / len(users) == pytest.approx(1.4, abs=0.02)
    assert old / len(users) == pytest.approx(0.83, abs=0.01)
    assert any(key.used is None for key in keys)
    assert any(key.rotated > key.created for key in keys)
    assert all(key.created <= key.rotated <= NOW and (key.used or NOW) <= NOW for key in keys)
    assert all((key.used or NOW) >= key.created >= user.created for user in users for key in user.keys)


def test_no_key_crosses_a_threshold_within_twelve_hours() -> None:
    later = NOW + 12 * 3600
    keys = [key for number in range(20) for user in FLEET.users_of(number) for key in user.keys]
    moved = [
        key
        for key in keys
        if state_of(key.active, key.created, key.used, NOW)
        != state_of(key.active, key.created, key.used, later)
    ]
    assert moved == []


def test_every_key_id_is_unlike_the_others_and_leads_back_to_its_user() -> None:
    places = [(account, user, slot) for account in (0, 9_999) for user in (0, 1, 99_999) for slot in (0, 1)]
    ids = [key_id(*place) for place in places]
    assert [user_of_key(id_) for id_ in ids] == [(account, user) for account, user, _ in places]
    assert len({id_[-4:] for id_ in ids}) == len(ids)
    assert all(len(id_) == 20 and id_.startswith("AKIA") for id_ in ids)


def test_accounts_and_users_are_found_by_their_names() -> None:
    assert account_number(account_id(59)) == 59
    assert FLEET.user(0, "user-00005") == FLEET.users_of(0)[5]
    assert [FLEET.user(0, name) for name in ("user-00100", "user-5", "root", "user--0001")] == [None] * 4


def test_the_ways_to_count_agree() -> None:
    counts = states_in(FLEET, 0)
    assert sum(counts.values()) == sum(len(user.keys) for user in FLEET.users_of(0))
    due = list(due_in(FLEET, 0))
    assert len(due) == sum(counts[state] for state in ("warn", "ticket", "final", "deactivate"))
    assert {row._replace(state="old") for row in due if row.state != "deactivate"} <= set(
        older_in(FLEET, 0, 75)
    )
    assert Due(account_id(0), "user-00024", due_tail(24), "warn") in due


def due_tail(number: int) -> str:
    return FLEET.users_of(0)[number].keys[0].id[-4:]
