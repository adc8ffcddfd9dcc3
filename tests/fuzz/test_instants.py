"""Instants of the command line (`--at`, `--since`) and of the config (`until`)."""

from datetime import UTC, date, datetime, time

import click
import pytest
from pydantic import TypeAdapter, ValidationError

from app.cli.options import Instant
from app.config import types
from tests.fuzz import texts
from tests.fuzz.attack import attack, each_effort, tried

VALID = (
    "2027-01-31",
    "2027-01-31T09:00:00Z",
    "2027-01-31 09:00",
    "2027-01-31T09:00:00.123456+05:30",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "1970-01-01",
    "2199-12-31T23:59:59Z",
    "20270131T0900",
    "2027-W04-7",
)
READ: TypeAdapter[datetime] = TypeAdapter(types.Instant)
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


@each_effort
def test_an_instant_is_refused_in_words_or_lies_within_the_calendar(examples: int) -> None:
    attack(texts.spoiled(VALID), check, examples)


def check(text: str) -> None:
    typed, words = tried(lambda: Instant().convert(text, None, None), click.BadParameter)
    written, _ = tried(lambda: READ.validate_python(text), ValidationError)
    assert typed or "is not a date" in words
    for found in filter(None, (typed, written)):
        assert found.tzinfo is UTC
        assert sum(not letter.isascii() for letter in text) <= 1  # Python takes any separator
        if len(text) == len("2027-01-31"):
            assert found == datetime.combine(date.fromisoformat(text), time(), UTC)
    assert typed is None or EARLIEST <= typed < LATEST
    assert None in (typed, written) or typed == written


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "0001-01-01", "9999-12-31"]
)
def test_the_ends_of_the_calendar_are_refused_where_sums_would_overflow(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a date"):
        Instant().convert(text, None, None)
