"""How a sink waits: injected, so that no test sleeps."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Waits:
    """``sleep`` takes seconds; ``monotonic`` tells seconds since an arbitrary start."""

    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
