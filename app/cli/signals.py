"""SIGTERM and SIGINT ask to stop: what is under way ends in good order."""

import signal
import threading


def stop_on_signals(stop: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
