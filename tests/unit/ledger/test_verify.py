"""Whatever is done to a stored trail, and be it one character, is found and said in words."""

import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ledger.chain import CUT, Ends, Link, Sealed, digest, seal
from app.ledger.interface import Ledger
from app.ledger.verify import verify
from tests.fakes.ledger_rows import NOW, event

START = Link()


class Kept:
    """A trail as somebody may have left it."""

    def __init__(self, rows: Iterable[Sealed], ends: Ends, later: Ends | None = None) -> None:
        self.rows, self._ends = sorted(rows, key=lambda row: row.seq), [ends, later or ends]

    def sealed(self, since_seq: int | None = None) -> Iterator[Sealed]:
        return iter(self.rows)

    def chain(self) -> Ends:
        return self._ends.pop(0)


def found(rows: Iterable[Sealed], ends: Ends, later: Ends | None = None) -> list[str]:
    verdict = verify(cast(Ledger, Kept(rows, ends, later)))
    return [broken.text for broken in verdict.breaks]


def trail(number: int, after: Link = START) -> list[Sealed]:
    return seal([event(f"e{n}", NOW + timedelta(minutes=n)) for n in range(number)], after)


def ends_of(rows: list[Sealed], anchor: Link = START) -> Ends:
    return Ends(anchor, rows[-1].link if rows else anchor)


def edited(row: Sealed) -> Sealed:
    return replace(row, body=row.body.replace('"by":"keysteward"', '"by":"nobody"'))


def rehashed(row: Sealed, previous: str) -> Sealed:
    return replace(row, hash=digest(previous, row.body))


ROWS = trail(9)
ENDS = ends_of(ROWS)
ALTERED = "event {} is altered, or the one before with its hash"

Tampering = Callable[[list[Sealed]], list[Sealed]]
TAMPERINGS: list[tuple[str, Tampering, list[str]]] = [
    ("nothing", lambda r: r, []),
    ("an edit", lambda r: [*r[:4], edited(r[4]), *r[5:]], [ALTERED.format(5)]),
    ("an edit of the first", lambda r: [edited(r[0]), *r[1:]], [ALTERED.format(1)]),
    ("an edit of the last", lambda r: [*r[:8], edited(r[8])], [ALTERED.format(9)]),
    ("another time", lambda r: [*r[:4], replace(r[4], at=r[5].at), *r[5:]], [ALTERED.format(5)]),
    ("a hash", lambda r: [*r[:4], replace(r[4], hash="0" * 64), *r[5:]], [ALTERED.format(5)]),
    (
        "an edit with its hash",
        lambda r: [*r[:4], rehashed(edited(r[4]), r[3].hash), *r[5:]],
        [ALTERED.format(6)],
    ),
    (
        "three edits in a row",
        lambda r: [*r[:4], *map(edited, r[4:7]), *r[7:]],
        ["events 5 to 7 are altered, or the one before with its hash"],
    ),
    (
        "two edits",
        lambda r: [*r[:2], edited(r[2]), *r[3:6], edited(r[6]), *r[7:]],
        [ALTERED.format(3), ALTERED.format(7)],
    ),
    ("one away", lambda r: [*r[:4], *r[5:]], ["event 5 is missing, so event 6 can't be checked"]),
    ("some away", lambda r: [*r[:3], *r[6:]], ["events 4 to 6 are missing, so event 7 can't be checked"]),
    ("the first away", lambda r: r[1:], ["event 1 is missing, so event 2 can't be checked"]),
    (
        "the end away",
        lambda r: r[:7],
        ["events 8 to 9 are missing: the end was cut off, or the head was altered"],
    ),
    (
        "all away",
        lambda r: [],
        ["events 1 to 9 are missing: the end was cut off, or the head was altered"],
    ),
    (
        "one behind the end",
        lambda r: [*r, *trail(1, r[-1].link)],
        ["event 10 is where none was written: added, twice, or behind the end"],
    ),
    (
        "one before the beginning",
        lambda r: [replace(r[0], seq=0), *r],
        ["event 0 is where none was written: added, twice, or behind the end"],
    ),
]


@pytest.mark.parametrize(
    ("tamper", "texts"), [case[1:] for case in TAMPERINGS], ids=[case[0] for case in TAMPERINGS]
)
def test_each_break_is_said_in_words(tamper: Tampering, texts: list[str]) -> None:
    assert found(tamper(ROWS), ENDS) == texts


HEAD = "the head is lost, or does not hold the hash of the last event: one of the two was altered"


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (None, HEAD),
        (replace(ROWS[-1].link, hash="0" * 64), HEAD),
        (ROWS[7].link, "event 9 is where none was written: added, twice, or behind the end"),
        (Link(10, "0" * 64), "event 10 is missing: the end was cut off, or the head was altered"),
    ],
)
def test_a_head_that_was_tampered_with_is_found(head: Link | None, text: str) -> None:
    assert found(ROWS, Ends(head=head)) == [text]


def test_a_trail_that_was_wholly_forged_betrays_itself_by_its_head() -> None:
    assert found(seal([event("forged") for _ in ROWS], Link()), ENDS) == [HEAD]


def test_events_that_are_written_meanwhile_are_no_break() -> None:
    assert found(ROWS[:5], ends_of(ROWS[:5]), ENDS) == []
    assert found(ROWS[:7], ends_of(ROWS[:5]), ENDS) == []


# --- a trail whose old events were dropped ------------------------------------------------------------


def cut_at(anchor: Link, told: Link) -> list[Sealed]:
    said = event(CUT, data={"seq": told.seq, "hash": told.hash})
    return [*ROWS[anchor.seq :], *seal([said, event("later")], ROWS[-1].link)]


def test_a_trail_that_was_cut_by_the_service_begins_at_its_anchor() -> None:
    anchor = ROWS[3].link
    rows = cut_at(anchor, anchor)
    verdict = verify(cast(Ledger, Kept(rows, ends_of(rows, anchor))))
    assert (verdict.breaks, verdict.anchor, verdict.events) == ((), anchor, 7)


NOT_TOLD = "the trail begins with event 5, and no event tells that it was cut there"


def test_an_anchor_that_no_event_tells_of_is_found() -> None:
    anchor = ROWS[3].link
    assert found(ROWS[4:], ends_of(ROWS, anchor)) == [NOT_TOLD]
    rows = cut_at(anchor, ROWS[2].link)
    assert found(rows, ends_of(rows, anchor)) == [NOT_TOLD]


def test_an_anchor_hides_no_events_that_are_still_there() -> None:
    anchor = ROWS[3].link
    rows = [edited(ROWS[1]), *cut_at(anchor, anchor)]
    assert found(rows, ends_of(rows, anchor)) == [
        "event 2 is where none was written: added, twice, or behind the end"
    ]


def test_an_anchor_with_another_hash_is_found() -> None:
    anchor = replace(ROWS[3].link, hash="0" * 64)
    assert found(ROWS[4:], ends_of(ROWS, anchor)) == [ALTERED.format(5), NOT_TOLD]


# --- whatever somebody does --------------------------------------------------------------------------


@st.composite
def tampered(draw: st.DrawFn) -> tuple[list[Sealed], Ends]:
    """One edit, deletion, swap or insertion; or one at the ends."""
    rows = trail(draw(st.integers(1, 7)), Link())
    how = draw(st.sampled_from([_edit, _edit, _delete, _swap, _insert, _append, _shift]))
    ends = ends_of(rows)
    if draw(st.integers(0, 4)) == 0:
        return rows, draw(_other_ends(ends))
    return how(draw, rows), ends


def _other_ends(ends: Ends) -> st.SearchStrategy[Ends]:
    assert ends.head
    links = st.builds(Link, st.integers(-1, 9), st.sampled_from(["0" * 64, "f" * 64, ends.head.hash]))
    heads = st.one_of(st.none(), links).map(lambda head: replace(ends, head=head))
    anchors = links.map(lambda anchor: replace(ends, anchor=anchor))
    return st.one_of(heads, anchors).filter(lambda other: other != ends)


def _edit(draw: st.DrawFn, rows: list[Sealed]) -> list[Sealed]:
    at = draw(st.integers(0, len(rows) - 1))
    row, name = rows[at], draw(st.sampled_from(["body", "hash", "at", "both"]))
    field = "body" if name == "both" else name
    changed = draw(_another(getattr(row, field)))
    row = replace(row, **{field: changed})  # type: ignore[arg-type]
    if name == "both":
        row = rehashed(row, rows[at - 1].hash if at else Link().hash)
    return [*rows[:at], row, *rows[at + 1 :]]


def _another(text: str) -> st.SearchStrategy[str]:
    """One character away, added or another; or something else altogether."""
    places = st.integers(0, len(text) - 1)
    letters = st.characters(codec="utf-8")
    away = places.map(lambda at: text[:at] + text[at + 1 :])
    added = st.builds(lambda at, letter: text[:at] + letter + text[at:], places, letters)
    other = st.builds(lambda at, letter: text[:at] + letter + text[at + 1 :], places, letters)
    whole = st.sampled_from(["", "{}", "[]", "null", "[" * 5000, text + " "])
    return st.one_of(away, added, other, whole).filter(lambda changed: changed != text)


def _delete(draw: st.DrawFn, rows: list[Sealed]) -> list[Sealed]:
    at = draw(st.integers(0, len(rows) - 1))
    return [*rows[:at], *rows[at + 1 :]]


def _swap(draw: st.DrawFn, rows: list[Sealed]) -> list[Sealed]:
    """Two events in each other's place, with their hashes or without."""
    if len(rows) == 1:
        return _delete(draw, rows)
    one, other = draw(st.lists(st.integers(0, len(rows) - 1), min_size=2, max_size=2, unique=True))
    names = ["at", "body", "hash"] if draw(st.booleans()) else ["at", "body"]
    put = {a: replace(rows[a], **{n: getattr(rows[b], n) for n in names}) for a, b in _both(one, other)}
    return [put.get(at, row) for at, row in enumerate(rows)]


def _both(one: int, other: int) -> list[tuple[int, int]]:
    return [(one, other), (other, one)]


def _insert(draw: st.DrawFn, rows: list[Sealed]) -> list[Sealed]:
    """A well-linked forgery between two events; those behind it give way, or its number is taken twice."""
    at = draw(st.integers(0, len(rows) - 1))
    before = rows[at - 1].link if at else Link()
    (forged,) = seal([event("forged")], before)
    room = draw(st.booleans())
    return [*rows[:at], forged, *(replace(row, seq=row.seq + room) for row in rows[at:])]


def _append(draw: st.DrawFn, rows: list[Sealed]) -> list[Sealed]:
    return [*rows, *trail(draw(st.integers(1, 3)), rows[-1].link)]


def _shift(draw: st.DrawFn, rows: list[Sealed]) -> list[Sealed]:
    """One taken out, those behind it moved up to hide the gap."""
    at = draw(st.integers(0, len(rows) - 1))
    return [*rows[:at], *(replace(row, seq=row.seq - 1) for row in rows[at + 1 :])]


@settings(max_examples=1500, deadline=None)
@given(tampered())
def test_any_tampering_with_any_trail_is_found(case: tuple[list[Sealed], Ends]) -> None:
    assert found(*case) != []


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 4), max_size=6))
def test_a_trail_as_it_was_written_is_whole(groups: list[int]) -> None:
    rows: list[Sealed] = []
    for number in groups:
        rows += trail(number, rows[-1].link if rows else Link())
    assert found(rows, ends_of(rows)) == []


class Endless(Kept):
    """A long trail that is made while it is read."""

    def __init__(self, number: int) -> None:
        self.number, self.last = number, Link()

    def sealed(self, since_seq: int | None = None) -> Iterator[Sealed]:
        for number in range(self.number):
            (row,) = seal([event(str(number))], self.last)
            self.last = row.link
            yield row

    def chain(self) -> Ends:
        return Ends(head=self.last)


def test_memory_does_not_grow_with_the_trail() -> None:
    tracemalloc.start()
    try:
        verdict = verify(cast(Ledger, Endless(10_000)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (verdict.events, verdict.breaks) == (10_000, ())
    assert peak < 500_000  # bytes; the trail is ten times that
