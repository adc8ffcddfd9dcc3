"""SIGTERM and SIGINT ask to stop: what is under way ends in good order."""

import logging
import os
import signal
import sys
import threading


def stop_on_signals(stop: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())


def leave() -> None:
    """Exits now: a thread that hangs in a vendor's call must not keep the process past its time."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()

    os._exit(0)
