"""What every sink is handed besides its settings."""

from dataclasses import dataclass, field

from app import __version__
from app.clock import Clock, SystemClock
from app.sinks.texts import Texts
from app.sinks.waits import Waits


@dataclass(frozen=True, slots=True)
class Tools:
    """``waits`` is how to sleep, ``texts`` what to say, ``clock`` the true time, even in a rehearsal."""

    waits: Waits = field(default_factory=Waits)
    texts: Texts = field(default_factory=Texts)
    version: str = __version__
    clock: Clock = field(default_factory=SystemClock)
