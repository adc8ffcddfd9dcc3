"""How a sweep goes, for whoever waits for it: a bar on a terminal, elsewhere a log line now and then."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from app.cli import show
from app.service.pulse import ProgressLog, Pulse

# In seconds.
DRAWN_EVERY = 0.25
LOOKED_EVERY = 1.0


@contextmanager
def shown(pulse: Pulse, logged: bool = False) -> Iterator[None]:
    """Shows the sweep of what runs inside. ``logged``: in log lines where stderr is not a terminal."""
    if sys.stderr.isatty():
        from app.cli.bar import Bar  # what draws it takes its time to load, and most runs draw nothing

        with closing(Bar(pulse.sweep, show.console(stderr=True))) as bar, ticking(bar.tick, DRAWN_EVERY):
            yield
    elif logged:
        with ticking(ProgressLog(pulse.sweep).tick, LOOKED_EVERY):
            yield
    else:
        yield


@contextmanager
def ticking(tick: Callable[[], None], every: float) -> Iterator[None]:
    """Calls ``tick`` every so many seconds, in a thread of its own: a scan may be silent for long."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(every):
            tick()

    thread = threading.Thread(target=run, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
