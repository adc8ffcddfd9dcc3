"""What replicas that did not run learn from the ledger: the last picture, and whether somebody died."""

from datetime import timedelta

import pytest

from app.ledger.interface import Ledger

NO_WAIT = timedelta(0)


def test_a_new_ledger_holds_no_picture(ledger: Ledger) -> None:
    assert ledger.picture() is None


@pytest.mark.parametrize(
    "body", [b"", bytes(range(256)), b"\0" * 200_000], ids=["empty", "any byte", "large"]
)
def test_a_picture_comes_back_as_it_was_kept(ledger: Ledger, body: bytes) -> None:
    ledger.keep_picture(b"the one before")
    ledger.keep_picture(body)
    assert ledger.picture() == body


def test_who_gives_the_lease_back_leaves_no_orphan(ledger: Ledger) -> None:
    assert not ledger.orphaned()
    with ledger.lease("a", NO_WAIT) as lease:
        assert lease
        assert not ledger.orphaned()
    assert not ledger.orphaned()


def test_who_fails_under_the_lease_gives_it_back_too(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError), ledger.lease("a", NO_WAIT):
        raise ZeroDivisionError
    assert not ledger.orphaned()
