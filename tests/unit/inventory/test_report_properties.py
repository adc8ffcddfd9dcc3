"""Reports at random: the quick parser says what a slow and obvious one says, and no cut goes unseen."""

import csv
import re
from datetime import UTC, datetime
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.inventory.report import Malformed, Report, parse_report
from tests.fakes.aws_fleet import COLUMNS, FakeAccount, FakeKey, FakeUser, report_csv
from tests.fakes.slow_report import SENTINELS, reference

# 2009 to 2026, to the second
MOMENTS = st.integers(1_230_768_000, 1_767_225_600).map(lambda second: datetime.fromtimestamp(second, UTC))
STAMPS = MOMENTS.flatmap(
    lambda moment: st.sampled_from(
        [
            moment.isoformat(),
            f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            f"{moment:%Y-%m-%d}",
            moment.isoformat().replace("+00:00", "+05:30"),
            moment.isoformat().removesuffix("+00:00"),
        ]
    )
)
BROKEN = st.sampled_from(["N/", "tru", "yes", "20", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+23:59"])
PLACES = ("eu-central-1", "s3", *SENTINELS)
NAMES = ("ann", "bob", "c,d", 'e"f', "gü", "<root_account>")


ACTIVE = st.sampled_from(["true", "false", "TRUE", "False", *SENTINELS])
TIMES = st.one_of(STAMPS, STAMPS, st.sampled_from(SENTINELS))


def cell(column: str) -> st.SearchStrategy[str]:
    if column == "user":
        return st.sampled_from(NAMES) | st.uuids().map(str)
    if column == "arn":
        return st.sampled_from(["arn:aws:iam::1:user/ann", "arn:aws:iam::1:user/division/x/ann"])
    if column.endswith("_active"):
        return ACTIVE
    return TIMES if column.endswith(("_last_rotated", "_used_date")) else st.sampled_from(PLACES)


def spoil(draw: st.DrawFn, line: list[str]) -> None:
    line[draw(st.integers(0, len(line) - 1))] = draw(BROKEN)


def lengthen(draw: st.DrawFn, line: list[str]) -> None:
    line.insert(draw(st.integers(0, len(line))), draw(st.sampled_from(SENTINELS)))


def shorten(draw: st.DrawFn, line: list[str]) -> None:
    del line[draw(st.integers(0, len(line) - 1))]


@st.composite
def headers(draw: st.DrawFn) -> list[str]:
    columns = draw(st.permutations([*COLUMNS.split(","), "token_3_active", "token_3_last_rotated", "x"]))
    spare = draw(st.sets(st.sampled_from(columns), max_size=2)) if draw(st.booleans()) else set()
    return [column for column in columns if column not in spare]


@st.composite
def reports(draw: st.DrawFn) -> bytes:
    header = draw(headers())
    lines = draw(st.lists(st.tuples(*map(cell, header)).map(list), max_size=3))
    damage = draw(st.sampled_from([None, spoil, lengthen, shorten]))
    if lines and damage:
        damage(draw, draw(st.sampled_from(lines)))
    written = StringIO()
    writer = csv.writer(
        written,
        draw(st.sampled_from(["excel", "unix"])),  # unix quotes every cell
        lineterminator=draw(st.sampled_from(["\n", "\r\n"])),
    )
    writer.writerows([header, *lines])
    text = draw(st.sampled_from(["", "\ufeff"])) + written.getvalue()
    return text.rstrip("\r\n" if draw(st.booleans()) else "").encode()


def outcome(content: bytes) -> Report | None:
    try:
        return parse_report(content)
    except Malformed:
        return None


@settings(max_examples=150, deadline=None)
@given(reports())
def test_any_report_is_read_or_refused_as_a_slow_and_obvious_parser_does(content: bytes) -> None:
    assert outcome(content) == reference(content)


def test_a_time_before_the_calendar_begins_is_refused() -> None:
    key = FakeKey("AKIA1", datetime(2026, 1, 2, tzinfo=UTC))
    text = report_csv(FakeAccount("111122223333", [FakeUser("ann", [key])]))
    with pytest.raises(Malformed):
        parse_report(text.replace("2026-01-02T00:00:00+00:00", "0001-01-01T00:00:00+23:59").encode())


@st.composite
def users(draw: st.DrawFn) -> list[FakeUser]:
    """As AWS would tell them: a cut of such a report is what the network could leave of it."""
    names = draw(st.lists(st.sampled_from(["ann", "c;d", "gü"]), unique=True, max_size=3))
    return [FakeUser(name, draw(keys())) for name in names]


@st.composite
def keys(draw: st.DrawFn) -> list[FakeKey]:
    found = draw(st.lists(st.tuples(MOMENTS, st.booleans(), st.none() | MOMENTS), max_size=2))
    return [FakeKey("AKIA1", made, "Active" if on else "Inactive", used) for made, on, used in found]


@settings(max_examples=25, deadline=None)
@given(users())
def test_of_a_report_that_is_cut_anywhere_no_line_that_was_begun_is_lost_or_changed(
    told: list[FakeUser],
) -> None:
    text = report_csv(FakeAccount("111122223333", told))
    content = re.sub(r"([^,\n]*);([^,\n]*)", r'"\1,\2"', text).encode()
    whole = list(parse_report(content).rows.values())
    for end in range(len(content)):
        seen = outcome(content[:end])
        begun = len(content[:end].splitlines()) - 2  # less the header and the root's line
        assert seen is None or list(seen.rows.values()) == whole[: max(0, begun)]
