from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.plan.freeze import FreezeWindow, parse_freeze

WEEKEND = "Fri 16:00 - Mon 08:00 Europe/Berlin"
NIGHT = "18:00 - 08:00 Europe/Berlin"
HOLIDAYS = "2026-12-20 - 2027-01-04 Europe/Berlin"
# 2024 to 2029, to the second
INSTANTS = st.integers(1_704_067_200, 1_893_456_000).map(lambda second: datetime.fromtimestamp(second, UTC))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("window", "instant", "covered"),
    [
        # winter: Berlin is UTC+1
        (WEEKEND, "2026-11-20 14:59:59", False),
        (WEEKEND, "2026-11-20 15:00", True),  # Friday 16:00
        (WEEKEND, "2026-11-21 12:00", True),
        (WEEKEND, "2026-11-23 06:59:59", True),
        (WEEKEND, "2026-11-23 07:00", False),  # Monday 08:00: the end is outside
        (WEEKEND, "2026-11-25 12:00", False),
        # summer: UTC+2
        (WEEKEND, "2026-07-17 13:59:59", False),
        (WEEKEND, "2026-07-17 14:00", True),
        (WEEKEND, "2026-07-20 05:59:59", True),
        (WEEKEND, "2026-07-20 06:00", False),
        # over the weekend of the change itself: it begins in one offset and ends in the other
        (WEEKEND, "2026-10-23 14:00", True),  # still UTC+2
        (WEEKEND, "2026-10-26 06:30", True),  # 07:30, by now UTC+1
        (WEEKEND, "2026-10-26 07:00", False),
        (WEEKEND, "2027-03-26 15:00", True),  # UTC+1
        (WEEKEND, "2027-03-29 06:00", False),  # 08:00, by now UTC+2
        (NIGHT, "2026-11-20 16:59", False),
        (NIGHT, "2026-11-20 17:00", True),
        (NIGHT, "2026-11-20 23:30", True),
        (NIGHT, "2026-11-21 06:59", True),
        (NIGHT, "2026-11-21 07:00", False),
        (NIGHT, "2026-07-17 16:00", True),
        ("18:00 - 08:00 America/New_York", "2026-11-02 12:30", True),  # EST since the day before
        ("18:00 - 08:00 America/New_York", "2026-11-02 13:00", False),
        ("18:00 - 08:00 America/New_York", "2026-10-30 12:00", False),  # EDT
        ("18:00 - 08:00 America/New_York", "2026-03-09 11:59", True),  # EDT since the day before
        ("18:00 - 08:00 America/New_York", "2026-03-09 12:00", False),
        ("09:00 - 17:00", "2026-11-20 09:00", True),  # no zone: UTC
        ("09:00 - 17:00", "2026-11-20 17:00", False),
        ("09:00 - 17:00", "2026-11-20 08:59", False),
        (HOLIDAYS, "2026-12-19 22:59", False),
        (HOLIDAYS, "2026-12-19 23:00", True),  # 20 December 00:00 in Berlin
        (HOLIDAYS, "2027-01-03 22:59", True),
        (HOLIDAYS, "2027-01-03 23:00", False),
        ("2026-12-20 18:00 - 2026-12-20 20:00", "2026-12-20 19:00", True),
        ("2026-12-20 18:00 - 2026-12-20 20:00", "2026-12-20 20:00", False),
        ("Mon 08:00 - Mon 06:00", "2026-11-23 07:00", False),  # all week but two hours
        ("Mon 08:00 - Mon 06:00", "2026-11-23 05:59", True),
        ("Mon 08:00 - Mon 10:00", "2026-11-23 09:00", True),
        ("Mon 08:00 - Mon 10:00", "2026-11-24 09:00", False),
        ("Sun 22:00 - Mon 02:00 Pacific/Kiritimati", "2026-11-22 08:00", True),  # UTC+14
        ("Sun 22:00 - Mon 02:00 Pacific/Kiritimati", "2026-11-22 12:00", False),
    ],
)
def test_a_window_covers_from_its_start_until_before_its_end(
    window: str, instant: str, covered: bool
) -> None:
    assert parse_freeze(window).covers(utc(instant)) is covered


@pytest.mark.parametrize(
    ("window", "instant", "end"),
    [
        (WEEKEND, "2026-11-20 15:00", "2026-11-23 07:00"),
        (WEEKEND, "2026-10-23 14:00", "2026-10-26 07:00"),
        (NIGHT, "2026-10-24 20:00", "2026-10-25 07:00"),  # a night of one hour more
        (NIGHT, "2027-03-27 20:00", "2027-03-28 06:00"),  # and of one less
        (HOLIDAYS, "2026-12-25 00:00", "2027-01-03 23:00"),
    ],
)
def test_the_end_is_told_in_utc(window: str, instant: str, end: str) -> None:
    assert parse_freeze(window).next_end(utc(instant)) == utc(end)


@pytest.mark.parametrize(
    ("window", "instant", "end"),
    [
        # 25 October 2026: Berlin's clocks show 02:30 twice, at 00:30Z and at 01:30Z
        ("01:00 - 02:30 Europe/Berlin", "2026-10-25 01:00", "2026-10-25 01:30"),
        ("02:30 - 04:00 Europe/Berlin", "2026-10-25 00:30", "2026-10-25 03:00"),
        # 28 March 2027: there is no 02:30; the clocks jump at 01:00Z
        ("01:00 - 02:30 Europe/Berlin", "2027-03-28 01:15", "2027-03-28 01:30"),
        # the next night's window begins before this one's ends: together they are one
        ("02:30 - 02:15 Europe/Berlin", "2026-10-25 00:45", "2026-10-26 01:15"),
        # 1 November 2026: New York shows 01:30 twice, at 05:30Z and at 06:30Z
        ("00:00 - 01:30 America/New_York", "2026-11-01 06:00", "2026-11-01 06:30"),
    ],
)
def test_in_a_doubtful_hour_the_window_is_the_longer_one(window: str, instant: str, end: str) -> None:
    assert parse_freeze(window).next_end(utc(instant)) == utc(end)


def test_asking_for_the_end_of_a_window_that_is_not_on_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not cover"):
        parse_freeze(NIGHT).next_end(utc("2026-11-20 12:00"))


def test_white_space_does_not_matter_and_the_text_is_kept() -> None:
    assert parse_freeze(" Fri  16:00-Mon 08:00   Europe/Berlin ").text == "Fri 16:00-Mon 08:00 Europe/Berlin"
    assert parse_freeze("Fri 16:00-Mon 08:00").covers(utc("2026-11-21 12:00"))


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "a freeze window is"),
        ("weekends", "a freeze window is"),
        ("Fri - Mon", "a freeze window is"),
        ("Fry 16:00 - Mon 08:00", "a freeze window is"),
        ("fri 16:00 - mon 08:00", "a freeze window is"),
        ("24:00 - 08:00", "a freeze window is"),
        ("16:60 - 08:00", "a freeze window is"),
        ("4pm - 8am", "a freeze window is"),
        ("2026-12-20", "a freeze window is"),
        ("0001-01-01 - 9999-12-31", "a freeze window is"),
        ("Fri 16:00 - 08:00", "same form"),
        ("2026-12-20 - Mon 08:00", "same form"),
        ("2026-12-20 - 08:00", "same form"),
        ("2026-02-30 - 2026-03-02", "not a date"),
        ("18:00 - 18:00", "must not end where it starts"),
        ("2026-12-20 - 2026-12-20", "must not end where it starts"),
        ("2027-01-04 - 2026-12-20", "must not end before it starts"),
        ("18:00 - 08:00 Berlin", 'unknown time zone "Berlin"'),
        (f"18:00 - 08:00 {'Europe/' * 1000}Berlin", 'unknown time zone "Europe/Europe/'),
        ("18:00 - 08:00 Europe", 'unknown time zone "Europe"'),
        ("18:00 - 08:00 Europe/../Europe/Berlin", "a freeze window is"),
    ],
)
def test_a_bad_window_is_refused_with_a_sentence(text: str, part: str) -> None:
    with pytest.raises(ValueError, match=part):
        parse_freeze(text)


@given(st.text(alphabet="MonFriSat0123456789:- Europe/BerlinUTC.", max_size=50))
def test_random_text_is_a_window_or_a_sentence(text: str) -> None:
    sentence = refusal(text)
    assert sentence is None or any(word in sentence for word in ("freeze window", "time zone", "date"))


def refusal(text: str) -> str | None:
    try:
        parse_freeze(text).covers(utc("2026-11-20 12:00"))
    except ValueError as error:
        return str(error)
    return None


@given(INSTANTS)
def test_the_window_and_its_complement_share_out_the_week(instant: datetime) -> None:
    """Weekly windows whose ends are no doubtful hour: exactly one of the two holds at any instant."""
    closed, open_ = parse_freeze(WEEKEND), parse_freeze("Mon 08:00 - Fri 16:00 Europe/Berlin")
    assert closed.covers(instant) is not open_.covers(instant)


@given(INSTANTS, st.sampled_from(["Europe/Berlin", "America/New_York"]))
def test_a_daily_window_follows_the_wall_clock_on_every_day(instant: datetime, zone: str) -> None:
    wall = instant.astimezone(ZoneInfo(zone))
    assert parse_freeze(f"18:00 - 08:00 {zone}").covers(instant) is (wall.hour >= 18 or wall.hour < 8)


@given(INSTANTS, st.sampled_from([WEEKEND, NIGHT, HOLIDAYS, "00:00 - 02:30 Europe/Berlin"]))
def test_a_window_is_over_at_its_end_and_not_a_moment_before(instant: datetime, text: str) -> None:
    window: FreezeWindow = parse_freeze(text)
    if window.covers(instant):
        end = window.next_end(instant)
        assert end > instant
        assert window.covers(end - timedelta(microseconds=1))
        assert not window.covers(end)
