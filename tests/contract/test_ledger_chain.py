"""What every ledger of `conftest.py` promises of its audit trail: numbered, sealed, and its ends known."""

import pytest

from app.errors import ConflictingWrite
from app.ledger.chain import Ends, Link, seal
from app.ledger.interface import Ledger
from app.ledger.verify import verify
from app.model import CopyMark, Origin
from app.plan.record import Change
from tests.fakes.ledger_rows import KEY_ID, NOW, PAUSE, WHOLE, event, finding
from tests.fakes.ledger_use import in_threads


def test_events_are_sealed_in_the_order_of_writing_from_number_1_on(ledger: Ledger) -> None:
    events = [event(what, origin=Origin("enforce", "c0ffee", "1.2.3")) for what in "abcd"]
    ledger.apply(Change(events=tuple(events[:2])))
    ledger.pause(PAUSE, events[2])
    ledger.apply(Change(events=(events[3],)))
    sealed = seal(events, Link())
    assert list(ledger.sealed()) == sealed
    assert [one.seq for one in sealed] == [1, 2, 3, 4]
    assert ledger.chain() == Ends(Link(), sealed[-1].link)
    assert ledger.events() == events


def test_the_trail_is_read_from_any_number_on_however_long_it_is(ledger: Ledger) -> None:
    ledger.apply(Change(events=tuple(event(str(number)) for number in range(1, 1203))))
    assert [one.seq for one in ledger.sealed(700)] == list(range(700, 1203))
    assert list(ledger.sealed(1203)) == []
    assert verify(ledger).events == 1202


def test_a_write_that_fails_leaves_no_gap(ledger: Ledger) -> None:
    ledger.apply(Change(events=(event("a"),)))
    with pytest.raises(ConflictingWrite):
        ledger.apply(Change(findings=(finding(revision=7),), events=(event("lost"),)))
    ledger.apply(Change(events=(event("b"),)))
    assert [e.what for e in ledger.events()] == ["a", "b"]
    assert (verify(ledger).events, verify(ledger).breaks) == (2, ())


def test_who_write_at_once_make_one_chain(ledger: Ledger) -> None:
    def write(name: int) -> None:
        for number in range(15):
            ledger.apply(Change(events=(event(f"{name}-{number}"), event(f"{name}-{number} too"))))

    in_threads(write, 4)
    verdict = verify(ledger)
    assert (verdict.events, verdict.last.seq, verdict.breaks) == (120, 120, ())


def test_no_full_key_id_is_in_an_event(ledger: Ledger) -> None:
    said = event(detail=f"restore {KEY_ID}", data={KEY_ID: [KEY_ID, {"tag": KEY_ID}]}, by=f"ann {KEY_ID}")
    ledger.apply(Change(events=(said,)))
    assert KEY_ID not in str(ledger.events()) + str(list(ledger.sealed()))
    assert ledger.events()[0].detail == f"restore …{KEY_ID[-4:]}"


def test_how_far_a_copy_is_gets_replaced_by_its_target(ledger: Ledger) -> None:
    one, other = CopyMark("s3://a/", 3, 5), CopyMark("s3://b/", 1, 1)
    ledger.apply(Change(copies=(one, other)))
    ledger.apply(Change(copies=(CopyMark("s3://a/", 5, 5),)))
    assert ledger.copied("s3://a/") == CopyMark("s3://a/", 5, 5)
    assert ledger.copied("s3://b/") == other
    assert ledger.copied("s3://c/") == CopyMark("s3://c/", 0, 0)


def test_a_row_of_the_trail_says_itself_where_it_belongs(ledger: Ledger) -> None:
    ledger.apply(WHOLE)
    (one,) = ledger.sealed()
    assert f'"at":"{one.at}"' in one.body
    assert '"seq":1' in one.body
    assert one.at == NOW.isoformat()
