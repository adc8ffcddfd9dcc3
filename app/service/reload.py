"""A new config while the service runs: looked for, judged, and put in force between two cycles.

A valid one is used from the next cycle on; a broken one changes nothing, and is told once. What loading means
and what it brings into force are the caller's: this is only when, and what is said of it.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from app.clock import Clock
from app.errors import ConfigError, KeystewardError
from app.service.snapshot import Snapshot
from app.telemetry import log_fields

log = logging.getLogger(__name__)

LOOK_EVERY = timedelta(seconds=10)
# What a broken config names (a secret, a list of owners) may only have been missing for a while.
TRY_AGAIN = timedelta(minutes=5)
TELL_AGAIN = timedelta(minutes=1)
OUR_FAULT = "it could not be read, and that is our fault: the log tells more"

T = TypeVar("T")


@dataclass
class Watch:
    """Tells when what is watched has changed and come to rest: what is half written is nobody's wish.

    ``known`` is what was loaded last, or tried to be.
    """

    known: str
    _moving: str | None = None

    def settled(self, present: str) -> bool:
        """Whether ``present`` is new, and was so at the look before already."""
        new = present != self.known
        at_rest = new and present == self._moving
        self._moving = present if new else None
        return at_rest

    def take(self, present: str) -> None:
        self.known, self._moving = present, None


@dataclass
class ConfigStatus:
    """How the last reload ended, for metrics, page and probes. ``loaded_at``: when the last good one was."""

    loaded_at: datetime
    faults: tuple[str, ...] = ()  # as `check-config` prints them; empty: the config in force is the newest

    def __call__(self, snapshot: Snapshot) -> Snapshot:
        faults = self.faults
        return replace(
            snapshot, config_reload_ok=not faults, config_loaded_at=self.loaded_at, config_faults=faults
        )

    def remarks(self) -> tuple[str, ...]:
        """For probes, which anybody may ask: the faults themselves are for the log and the page."""
        return ("the config could not be reloaded: the earlier one is in force",) if self.faults else ()


@dataclass
class Reloader(Generic[T]):
    """Looks, loads, and hands over. `look` is for one thread; `newest` may be asked by another.

    ``digest`` is of everything that the config is made of. ``load`` makes ready what is to be in force, and
    raises `ConfigError` with the lines of `check-config`. ``install`` brings `newest` into force if it is not
    yet and no cycle is under way: the next one asks for `newest` itself. ``tell`` tells the on-call; False:
    not now. ``monotonic`` is in seconds.
    """

    watch: Watch
    status: ConfigStatus
    clock: Clock
    digest: Callable[[], str]
    load: Callable[[], T]
    install: Callable[[], None]
    tell: Callable[[Sequence[str]], bool]
    monotonic: Callable[[], float] = time.monotonic
    _newest: T | None = None
    _untold: tuple[str, ...] = ()
    _tried_at: float = 0.0
    _tell_at: float = 0.0

    def newest(self) -> T | None:
        """What was loaded last; None: nothing since the start."""
        return self._newest

    def look(self, asked: bool = False) -> None:
        """One look at what is watched; ``asked`` (SIGHUP): it is loaded whether it has changed or not."""
        present = self.digest()
        if self.watch.settled(present) or asked or self._is_time_to_try_again():
            self.watch.take(present)
            self._load(asked)
        self.install()
        self._tell()

    def _tell(self) -> None:
        """What could not be told is not tried again at every look: somebody may be rested."""
        if self._untold and self.monotonic() >= self._tell_at:
            self._tell_at = self.monotonic() + TELL_AGAIN.total_seconds()
            if self.tell(self._untold):
                self._untold = ()

    def _is_time_to_try_again(self) -> bool:
        waited = self.monotonic() - self._tried_at
        return bool(self.status.faults) and waited >= TRY_AGAIN.total_seconds()

    def _load(self, asked: bool) -> None:
        self._tried_at = self.monotonic()
        try:
            self._newest = self.load()
        except ConfigError as error:
            self._refuse(tuple(str(error).splitlines()), asked)
        except Exception:
            log.exception("config reload broke")
            self._refuse((OUR_FAULT,), asked)
        else:
            self.status.faults = self._untold = ()
            self.status.loaded_at = self.clock.now()
            log.info("config reloaded: the next cycle uses it")

    def _refuse(self, faults: tuple[str, ...], asked: bool) -> None:
        """Told once, also where it is looked at again and again."""
        news = faults != self.status.faults
        for line in faults if news or asked else ():
            log.error("config not reloaded", **log_fields(fault=line))
        if news:
            self.status.faults = self._untold = faults
            self._tell_at = 0.0


def watching(look: Callable[[bool], None], wake: threading.Event, stop: threading.Event) -> None:
    """Looks every ten seconds, and at once when ``wake`` is set (SIGHUP), in a thread of its own.

    It ends soon after ``stop``. Nobody waits for the thread's end: a look may be at AWS for a secret.
    """

    def run() -> None:
        while not stop.is_set():
            asked = wake.wait(LOOK_EVERY.total_seconds())
            if asked:
                wake.clear()
            if not stop.is_set():
                _look(look, asked)

    threading.Thread(target=run, name="reload", daemon=True).start()


def _look(look: Callable[[bool], None], asked: bool) -> None:
    try:
        look(asked)
    except KeystewardError as error:
        log.warning("config reload goes on later", **log_fields(reason=str(error)))
    except Exception:
        log.exception("config reload broke")
