"""What is kept of a fleet to be shown: the oldest, and no more of them than there is room for."""

from dataclasses import replace
from datetime import timedelta

from app.model import Account, Credential, LastUsed
from app.plan.actions import Judged
from app.service.census import SHOWN_OK, Census
from tests.fakes.pictures import NOW, PROD

KEY = Credential(
    account_id=PROD,
    user="ci",
    id="AKIAEXAMPLE000000000",
    status="Active",
    created=NOW,
    last_used=LastUsed.never(),
    observed_at=NOW,
    live=True,
)


def judged(number: int, state: str = "ok", key_id: str | None = "") -> Judged:
    """A key that is ``number`` days old."""
    named = f"AKIAEXAMPLE{number:09}" if key_id == "" else key_id
    credential = replace(KEY, id=named, created=NOW - timedelta(days=number))
    return Judged(Account(PROD, "prod"), credential, state)


def census(*rows: Judged) -> Census:
    made = Census(NOW)
    made.add(rows, {})
    return made


def test_of_the_keys_that_are_fine_the_oldest_are_shown() -> None:
    made = census(*(judged(number) for number in range(SHOWN_OK + 5)))
    ages = [(NOW - row.created).days for row in made.oldest_ok()]
    assert ages == sorted(range(5, SHOWN_OK + 5), reverse=True)
    assert made.rows() == ()


def test_what_is_on_a_ladder_is_not_among_them() -> None:
    made = census(judged(80, "warn"), judged(200, "exempt"), judged(70, "unknown"), judged(10))
    assert [row.state for row in made.oldest_ok()] == ["ok"]
    assert [row.state for row in made.rows()] == ["warn"]


def test_keys_that_only_a_report_spoke_of_can_not_be_told_apart_and_are_left_out() -> None:
    made = census(judged(20, key_id=None), judged(20, key_id=None), judged(10))
    assert len(made.oldest_ok()) == 1
    assert sum(made.credentials.values()) == 3
