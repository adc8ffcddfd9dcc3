"""The demo's timeline, as it looks on a terminal."""

import io
from datetime import UTC, datetime

from rich.console import Console

from app.demo.timeline import Timeline


def test_a_long_event_goes_on_below_its_own_beginning() -> None:
    out = io.StringIO()
    timeline = Timeline(Console(file=out, width=60), datetime(2026, 10, 5, tzinfo=UTC))
    timeline.begin(1)
    timeline.line("can't read", "account legacy-billing [123]: sts:AssumeRole is denied")
    timeline.line("held", "one")
    assert [line.rstrip() for line in out.getvalue().splitlines()] == [
        "Day 1 · Tue 06 Oct ─────────────────────────────────────────",
        "  can't read  account legacy-billing [123]: sts:AssumeRole",
        "              is denied",
        "  held        one",
    ]
