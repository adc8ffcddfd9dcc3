"""The bar: two lines that fit, nothing for what is quick, and nothing left behind."""

import io
import sys
import threading
from collections.abc import Callable

import pytest
from rich.console import Console

from app.cli.bar import Bar, drawn, span
from app.cli.progress import shown, ticking
from app.cli.show import Stderr
from app.service.pulse import Pulse
from app.service.snapshot import Sweep
from tests.fakes.clock import HandClock
from tests.fakes.pictures import sweep

EVER = 10.0  # seconds, for what happens at once
PACE = "1:23 elapsed, about 1:25 left · 3 failed · 1,000 resumed · 41,230 calls, 412/s"


def drawing() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "progress"]


def lines(state: Sweep, width: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width).print(drawn(state, width))
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(("width", "bar"), [(60, 24), (80, 44), (100, 60), (200, 60)])
def test_it_takes_two_lines_whatever_the_width(width: int, bar: int) -> None:
    first, second = lines(sweep(done=10_000), width)
    assert first == f"Reading accounts  {'━' * bar}  10,000 of 10,000"
    assert second == (PACE if width >= len(PACE) else f"{PACE[: width - 1]}…")


@pytest.mark.parametrize("width", [20, 40, 80])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    shown = lines(sweep(phase="asking for reports", calls=12_345_678, elapsed_seconds=36_000.0), width)
    assert len(shown) == 2
    assert all(len(line) <= width for line in shown)


def test_what_is_not_known_or_did_not_happen_is_not_said() -> None:
    early = sweep(done=0, resumed=0, failed=0, calls=12, calls_per_second=None, left_seconds=None)
    assert lines(early, 80)[1] == "1:23 elapsed · 0 failed · 12 calls"


def test_the_count_keeps_its_width_so_that_the_bar_stands_still() -> None:
    ends = {line.rindex(" of ") for line in (lines(sweep(done=n), 80)[0] for n in (0, 7, 700, 10_000))}
    assert len(ends) == 1


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (59.9, "0:59"), (725, "12:05"), (3725, "1:02:05")]
)
def test_spans_are_read_at_a_glance(seconds: float, text: str) -> None:
    assert span(seconds) == text


class Terminal:
    """A pulse on a clock set by hand, and the bar on a terminal of 80 columns."""

    def __init__(self) -> None:
        self.clock, self.out = HandClock(), io.StringIO()
        self.pulse = Pulse(lambda: 7, self.clock, self.clock.monotonic)
        console = Console(file=self.out, force_terminal=True, width=80, _environ={"TERM": "xterm"})
        self.bar = Bar(self.pulse.sweep, console)

    def forget(self) -> None:
        self.out.seek(0)
        self.out.truncate()

    def after(self, seconds: float) -> str:
        """What is written at a tick so much later."""
        self.clock.sleep(seconds)
        self.forget()
        self.bar.tick()
        return self.out.getvalue()


def test_a_scan_that_is_over_within_a_second_leaves_the_terminal_untouched() -> None:
    terminal = Terminal()
    terminal.pulse.start(3)
    assert terminal.after(0.5) == ""
    terminal.pulse.finish()
    assert terminal.after(5) == ""
    terminal.bar.close()
    assert terminal.out.getvalue() == ""


def test_a_longer_one_is_drawn_and_cleared_away_at_its_end() -> None:
    terminal = Terminal()
    terminal.pulse.start(3)
    assert "Reading accounts" in terminal.after(1)
    terminal.pulse.account("prod", failed=False)
    assert "1 of 3" in terminal.after(1)
    terminal.pulse.finish()
    assert terminal.after(0.25).endswith("\x1b[1A\x1b[2K\x1b[1A\x1b[2K")
    assert terminal.after(5) == ""


def test_it_is_cleared_away_when_the_command_ends_in_the_middle() -> None:
    terminal = Terminal()
    terminal.pulse.start(3)
    terminal.after(2)
    terminal.bar.close()
    assert terminal.out.getvalue().count("\x1b[?25l") == terminal.out.getvalue().count("\x1b[?25h")


def test_a_log_line_comes_above_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    stream = Stderr()
    monkeypatch.setattr(sys, "stderr", terminal.out)
    terminal.pulse.start(3)
    terminal.after(2)
    terminal.forget()
    stream.write("account prod: denied\n")
    written = terminal.out.getvalue()
    terminal.bar.close()
    assert (
        written.index("\x1b[1A") < written.index("account prod: denied") < written.index("Reading accounts")
    )
    assert sys.stderr is terminal.out


def test_elsewhere_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    with shown(Pulse()):
        assert drawing() == []
    assert out.getvalue() == ""


def test_ticks_come_until_the_end_also_of_what_fails() -> None:
    ticked = threading.Event()
    tick: Callable[[], None] = ticked.set
    with pytest.raises(KeyError), ticking(tick, 0.001):
        assert ticked.wait(EVER)
        raise KeyError
    assert drawing() == []
