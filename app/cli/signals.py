"""SIGTERM and SIGINT ask to stop: what is under way ends in good order."""

import logging
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import NoReturn


def stop_on_signals(stop: threading.Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())


def leave(code: int = 0) -> NoReturn:
    """Exits now: a thread that hangs in a vendor's call must not keep the process past its time.

    Nor is the memory of a whole fleet taken apart piece by piece, which takes as long as reading an account.
    """
    logging.shutdown()
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
