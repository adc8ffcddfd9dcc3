"""A report's lines have no key ids: whatever became of a user's keys, a line is never taken for another's.

Keys are made, toggled and deleted, also in one second and after the report was made; inactive ones may not
show in it.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from app.inventory.join import last_used_in_row, learn_lines
from app.inventory.report import Row, RowKey
from app.model import ACTIVE, INACTIVE, Credential, LastUsed, RememberedKey

START = datetime(2026, 1, 1, tzinfo=UTC)
MADE = 9  # the second in which the report was made


@dataclass(frozen=True)
class Life:
    """One key. Times are seconds since the start; ``rotated``: the last change of its status."""

    name: str
    created: int
    rotated: int
    active: bool = True
    deleted: bool = False  # after the report was made

    @property
    def used(self) -> LastUsed:
        return LastUsed("at", START + timedelta(hours=1, minutes=ord(self.name)), self.name)

    @property
    def line(self) -> RowKey:
        return RowKey(self.active, START + timedelta(seconds=self.rotated), self.used)

    @property
    def known(self) -> RememberedKey:
        status = ACTIVE if self.active else INACTIVE
        return RememberedKey(self.name, START + timedelta(seconds=self.created), status)

    def read(self) -> Credential:
        """As a live read shows it now."""
        now = START + timedelta(hours=2)
        known = self.known
        return Credential("111122223333", "ann", known.id, known.status, known.created, self.used, now, True)


@st.composite
def lives(draw: st.DrawFn, name: str) -> Life:
    created = draw(st.integers(0, 12))
    rotated = draw(st.integers(created, max(MADE, created)))
    return Life(name, created, rotated, rotated == created or draw(st.booleans()), draw(st.booleans()))


@st.composite
def users(draw: st.DrawFn) -> list[Life]:
    """At most two keys at any time: a third one takes the place of one that is deleted."""
    names = ("a", "b", "c")[: draw(st.integers(0, 3))]
    keys = [draw(lives(name)) for name in names]
    assume(sum(key.created <= MADE for key in keys) <= 2)
    assume(sum(not key.deleted for key in keys) <= 2)
    return keys


def deceptive(key: Life, others: list[Life]) -> bool:
    """The one coincidence that no report can show: another key changed in the very second in which this one
    was made, and this one shows another date. What is done about a key is decided on a live reading anyway.
    """
    return key.rotated != key.created and any(other.rotated == key.created for other in others)


@settings(max_examples=400)
@given(users(), st.booleans())
@example([Life("a", 1, 3, deleted=True), Life("b", 10, 10)], False)  # rotated after the report
@example([Life("a", 1, 3, deleted=True), Life("b", 2, 2), Life("c", 10, 10)], False)
@example([Life("a", 1, 5), Life("b", 3, 6)], False)  # both toggled
def test_a_last_use_is_the_keys_own_or_unknown(keys: list[Life], hidden: bool) -> None:
    """``hidden``: inactive keys don't show; of what they were used for nothing is decided by the report."""
    shown = [key for key in keys if key.created <= MADE and not (hidden and not key.active)]
    row = Row("ann", "/", tuple(key.line for key in shown))
    present = [key for key in keys if not key.deleted]
    assume(not any(deceptive(key, [other for other in shown if other is not key]) for key in keys))
    for key in present:
        found = last_used_in_row(row, key.known, [one.known for one in present])
        assert found.state == "unknown" or found == key.used or (hidden and not key.active)


@given(users())
def test_a_key_that_was_never_toggled_is_always_joined_unless_another_was_made_in_its_second(
    keys: list[Life],
) -> None:
    present = [key for key in keys if not key.deleted and key.created <= MADE]
    row = Row("ann", "/", tuple(key.line for key in present))
    for key in present:
        if key.created == key.rotated and all(
            key.created not in (other.created, other.rotated) for other in present if other is not key
        ):
            assert last_used_in_row(row, key.known, [one.known for one in present]) == key.used


@given(st.integers(0, 8), st.integers(1, 9), st.booleans())
def test_a_toggled_key_is_joined_as_the_one_that_is_left_over(created: int, after: int, active: bool) -> None:
    toggled, other = Life("a", created, created + after, active), Life("b", 20, 20)
    for keys in ([toggled], [toggled, other], [other, toggled]):
        row = Row("ann", "/", tuple(key.line for key in keys))
        found = [last_used_in_row(row, key.known, [one.known for one in keys]) for key in keys]
        assert found == [key.used for key in keys]


def test_without_a_row_nothing_is_known() -> None:
    key = Life("a", 1, 1).known
    assert last_used_in_row(None, key, [key]).state == "unknown"


@settings(max_examples=400)
@given(users(), st.booleans())
@example([Life("a", 1, 5), Life("b", 3, 6)], False)
def test_what_a_live_read_learns_of_the_lines_is_true(keys: list[Life], hidden: bool) -> None:
    shown = [key for key in keys if key.created <= MADE and not (hidden and not key.active)]
    row = Row("ann", "/", tuple(key.line for key in shown))
    present = [key for key in keys if not key.deleted]
    assume(not any(deceptive(key, [other for other in shown if other is not key]) for key in keys))
    learnt = learn_lines(row, [key.read() for key in present])
    for key in present:
        assert key.name not in learnt or learnt[key.name] == key.line.rotated or (hidden and not key.active)


def test_two_toggled_keys_are_told_apart_by_their_last_use_and_from_then_on_by_their_lines() -> None:
    one, other = Life("a", 1, 5), Life("b", 3, 6)
    row = Row("ann", "/", (one.line, other.line))
    learnt = learn_lines(row, [one.read(), other.read()])
    known = [replace(key.known, line=learnt[key.name]) for key in (one, other)]
    assert [last_used_in_row(row, key, known) for key in known] == [one.used, other.used]


def test_two_toggled_keys_of_one_last_use_are_not_told_apart() -> None:
    twin = Life("a", 1, 5)
    row = Row("ann", "/", (twin.line, replace(twin, rotated=6).line))
    read = twin.read()
    assert learn_lines(row, [read, replace(read, id="b", created=START + timedelta(seconds=3))]) == {}


def test_a_line_that_changed_again_is_nobodys_until_the_user_is_read_live() -> None:
    one, other = Life("a", 1, 5), Life("b", 3, 6)
    row = Row("ann", "/", (one.line, other.line))
    learnt = learn_lines(row, [one.read(), other.read()])
    known = [replace(key.known, line=learnt[key.name]) for key in (one, other)]
    again = Row("ann", "/", tuple(replace(key, rotated=key.rotated + 2).line for key in (one, other)))
    assert [last_used_in_row(again, key, known).state for key in known] == ["unknown", "unknown"]
