"""The bar that shows on a terminal how a sweep goes."""

from collections.abc import Callable

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from app.service.snapshot import Sweep

QUIET = 1.0  # seconds: what is over by then needs no bar
WIDEST_BAR = 60
NARROWEST_BAR = 10


class Bar:
    """Draws the sweep under way and clears it away at its end. Other output to stderr goes above it."""

    def __init__(self, sweep: Callable[[], Sweep | None], console: Console) -> None:
        self._sweep, self._console = sweep, console
        self._live: Live | None = None

    def tick(self) -> None:
        sweep = self._sweep()
        if sweep is None or not sweep.under_way:
            self.close()
        elif sweep.elapsed_seconds >= QUIET:
            self._draw(drawn(sweep, self._console.width))

    def _draw(self, picture: Group) -> None:
        if self._live is None:
            # Data goes to stdout: what is printed there is none of the bar's business.
            self._live = Live(
                console=self._console, auto_refresh=False, transient=True, redirect_stdout=False
            )
            self._live.start()
        self._live.update(picture, refresh=True)

    def close(self) -> None:
        if self._live:
            self._live.stop()
            self._live = None


def drawn(sweep: Sweep, width: int) -> Group:
    """Two lines: how far it is, and at what pace."""
    phase = Text(sweep.phase[:1].upper() + sweep.phase[1:], style="bold")
    total = f"{sweep.total:,}"
    count = Text(f"{sweep.done:,}".rjust(len(total)) + f" of {total}")  # as wide at its start as at its end
    room = width - len(phase) - len(count) - 4
    # Before the first account is done it only moves: a bar at nothing looks stuck.
    bar = ProgressBar(
        total=sweep.total if sweep.done else None,
        completed=sweep.done,
        width=max(NARROWEST_BAR, min(WIDEST_BAR, room)),
    )
    line = Table.grid(padding=(0, 2, 0, 0))
    for _ in range(3):
        line.add_column(no_wrap=True)
    line.add_row(phase, bar, count)
    return Group(line, pace(sweep))


def pace(sweep: Sweep) -> Text:
    """``1:23 elapsed, about 0:14 left · 2 failed · 41,230 calls, 412/s``."""
    left = f", about {span(sweep.left_seconds)} left" if sweep.left_seconds else ""
    speed = f", {sweep.calls_per_second:,.0f}/s" if sweep.calls_per_second is not None else ""
    said = [
        (f"{span(sweep.elapsed_seconds)} elapsed{left}", "dim"),
        (f"{sweep.failed:,} failed", "red" if sweep.failed else "dim"),
        (f"{sweep.resumed:,} resumed" if sweep.resumed else "", "dim"),
        (f"{sweep.calls:,} calls{speed}", "dim"),
    ]
    line = Text(" · ", style="dim").join(Text(words, style=style) for words, style in said if words)
    line.no_wrap, line.overflow = True, "ellipsis"
    return line


def span(seconds: float) -> str:
    """``0:09``, ``12:05``, ``1:02:05``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
