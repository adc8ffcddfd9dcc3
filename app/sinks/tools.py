"""What every sink is handed besides its settings."""

from dataclasses import dataclass, field

from app import __version__
from app.sinks.texts import Texts
from app.sinks.waits import Waits


@dataclass(frozen=True, slots=True)
class Tools:
    """``waits`` is how to sleep, ``texts`` what to say."""

    waits: Waits = field(default_factory=Waits)
    texts: Texts = field(default_factory=Texts)
    version: str = __version__
