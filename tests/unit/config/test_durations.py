from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config.durations import format_duration, parse_duration

LONGEST = timedelta(days=36_500)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("6h", timedelta(hours=6)),
        ("75d", timedelta(days=75)),
        ("2w", timedelta(weeks=2)),
        (" 75d ", timedelta(days=75)),
        ("36500d", LONGEST),
    ],
)
def test_a_duration_is_a_whole_number_and_a_unit(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "d", "75", "75 d", "-1d", "+1d", "1.5h", "1d12h", "75D", "٧d", "0s", "0w", "36501d", "999999999w"],
)
def test_anything_else_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="a duration"):
        parse_duration(text)


@given(st.integers(1, int(LONGEST.total_seconds())))
def test_what_is_formatted_reads_back(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


@given(st.text() | st.from_regex(r"\A\d{1,12}[smhdwx]\Z"))
def test_random_text_is_a_positive_duration_or_a_sentence(text: str) -> None:
    try:
        duration = parse_duration(text)
    except ValueError as error:
        assert_sentence(error)
    else:
        assert timedelta() < duration <= LONGEST


def assert_sentence(error: ValueError) -> None:
    assert str(error).startswith("a duration ")
