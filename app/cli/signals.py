"""SIGTERM and SIGINT ask to stop: what is under way ends in good order."""

import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import NoReturn

AWAKE_EVERY = 0.5  # seconds


def stop_on_signals(stop: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())


def wake_on_hangup(wake: threading.Event) -> None:
    """SIGHUP asks to read the config again."""
    signal.signal(signal.SIGHUP, lambda *_: wake.set())


def wait_until(stop: threading.Event) -> None:
    """Waits in the main thread, where Python runs the handlers of signals.

    Not in one go: a signal that the system hands to another thread doesn't wake this one (Python's
    documentation, "signals and threads"), so that its handler would not run until another signal comes.
    """
    while not stop.wait(AWAKE_EVERY):
        pass


def leave(code: int = 0) -> NoReturn:
    """Exits now: a thread that hangs in a vendor's call must not keep the process past its time.

    Nor is the memory of a whole fleet taken apart piece by piece, which takes as long as reading an account.
    """
    logging.shutdown()
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
