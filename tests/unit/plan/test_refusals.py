"""Who is passed over when an owner is looked for, and for how long."""

from datetime import UTC, datetime, timedelta

import pytest

from app.model import Refusal
from app.plan.record import DISOWNED_FOR, LEFT_FOR, AccountRows, LedgerView, Refusals

NOW = datetime(2026, 6, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
MINE, OTHER = "111122223333/A", "111122223333/B"


def refusal(address: str, uid: str, ago: timedelta = timedelta(0)) -> Refusal:
    return Refusal(address, uid, NOW - ago, "somebody", "")


def view(*refusals: Refusal) -> LedgerView:
    return LedgerView(refusals=Refusals(refusals))


def test_nobody_is_passed_over_without_a_refusal() -> None:
    assert view().refused(MINE, NOW) == frozenset()
    assert view().disowned_at(MINE) is None


def test_who_disowned_a_credential_is_passed_over_for_that_one_alone() -> None:
    seen = view(refusal("Jane@Example.com", MINE), refusal("joe@example.com", OTHER))
    assert seen.refused(MINE, NOW) == {"jane@example.com"}
    assert seen.refused(OTHER, NOW) == {"joe@example.com"}


def test_who_has_left_is_passed_over_for_all() -> None:
    seen = view(refusal("Gone@example.com", ""), refusal("jane@example.com", MINE))
    assert seen.refused(MINE, NOW) == {"gone@example.com", "jane@example.com"}
    assert seen.refused(OTHER, NOW) == {"gone@example.com"}


@pytest.mark.parametrize(("uid", "span"), [(MINE, DISOWNED_FOR), ("", LEFT_FOR)])
def test_a_refusal_lapses(uid: str, span: timedelta) -> None:
    seen = view(refusal("jane@example.com", uid, span))
    assert seen.refused(MINE, NOW) == frozenset()
    assert seen.refused(MINE, NOW - TICK) == {"jane@example.com"}
    assert seen.refusals_at(NOW) == ()
    assert seen.refusals_at(NOW - TICK) == seen.refusals


def test_a_credential_was_disowned_when_it_last_was_even_if_that_has_lapsed() -> None:
    old, older = 2 * DISOWNED_FOR, 3 * DISOWNED_FOR
    seen = view(refusal("a@b.c", MINE, older), refusal("d@e.f", MINE, old), refusal("g@h.i", ""))
    assert seen.disowned_at(MINE) == NOW - old
    assert seen.disowned_at(OTHER) is None


def test_the_view_of_each_account_shares_one_index() -> None:
    seen = view(refusal("jane@example.com", MINE))
    assert seen.with_rows(AccountRows()).refusals is seen.refusals
    assert seen.refusals.at(NOW) is seen.refusals.at(NOW)
