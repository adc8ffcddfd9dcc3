"""Freeze windows: what is not understood must not load, or acts would happen in it."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from app.plan.freeze import FreezeWindow, parse_freeze
from tests.fuzz import texts
from tests.fuzz.attack import attack, each_effort, tried

VALID = (
    "Fri 16:00 - Mon 08:00 Europe/Berlin",
    "Sat 00:00 - Sat 23:59",
    "18:00 - 08:00 America/New_York",
    "09:00-17:00 Etc/GMT+12",
    "2026-12-20 - 2027-01-04 12:00 Australia/Lord_Howe",
    "2199-12-31 23:59 - 2199-12-31 - Pacific/Kiritimati",
    "2026-02-28 - 2028-02-29 Africa/Casablanca",
)
# The instants that are asked about: runs, and days that notices name.
INSTANTS = st.integers(0, 7_258_118_400).map(lambda second: datetime.fromtimestamp(second, UTC))  # to 2200


@each_effort
def test_a_freeze_window_is_refused_in_words_or_covers_one_span_at_a_time(examples: int) -> None:
    attack(st.tuples(texts.spoiled(VALID), INSTANTS), check, examples)


def check(given: tuple[str, datetime]) -> None:
    text, now = given
    window, words = tried(lambda: parse_freeze(text), ValueError)
    assert len(words) < 600
    if window is None:
        return
    assert window == FreezeWindow(" ".join(text.split()))
    assert parse_freeze(window.text) == window
    assert window.text.isascii()
    assert window.text[0] in "FMSTW0123456789"
    for instant in (now, *edges(window, now)):
        ends(window, instant)


def ends(window: FreezeWindow, instant: datetime) -> None:
    """A window that covers an instant ends after it, and no earlier than it stops covering."""
    if not window.covers(instant):
        return
    end = window.next_end(instant)
    assert end > instant
    assert window.covers(end - timedelta(microseconds=1))


def edges(window: FreezeWindow, now: datetime) -> list[datetime]:
    """Instants near the window's own dates, where it names any."""
    dates = [word for word in window.text.split() if word.count("-") == 2 and word[:2] in ("20", "21")]
    return [datetime.fromisoformat(word).replace(tzinfo=UTC) + (now - now.replace(hour=0)) for word in dates]
