"""What outsiders saw, in the order in which it took effect. The judge knows nothing else."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.model import Credential, Mode

NOBODY = 0  # the run of what no run did


@dataclass(frozen=True, slots=True)
class Law:
    """The config in force, as a person reads it. ``modes``: of accounts, where they are lower."""

    mode: Mode = Mode.ENFORCE
    modes: Mapping[str, Mode] = field(default_factory=dict)
    deactivate_after: timedelta = timedelta(days=90)
    owner: str = ""  # of every key whose user has no tag
    braked: bool = False  # no act without an approval
    own: str = ""  # the service's own key

    def mode_of(self, account_id: str) -> Mode:
        return Mode.lowest(self.mode, self.modes.get(account_id))


@dataclass(frozen=True, slots=True)
class Seen:
    """``at`` is the true time; ``run`` numbers the runs of all replicas together."""

    at: datetime
    run: int


@dataclass(frozen=True, slots=True)
class Ran(Seen):
    """A run began under a lease of this epoch."""

    epoch: int
    law: Law


@dataclass(frozen=True, slots=True)
class Ended(Seen):
    """A run came to its end. Not ``well``: it was killed, or gave up."""

    well: bool


@dataclass(frozen=True, slots=True)
class Scanned(Seen):
    """What a scan of an account gave; a key that it proved gone is None. ``sights`` None: it failed."""

    account_id: str
    sights: Mapping[str, Credential | None] | None


@dataclass(frozen=True, slots=True)
class Looked(Seen):
    """A live read of one key; None: it is gone."""

    key: str
    sight: Credential | None


@dataclass(frozen=True, slots=True)
class Acted(Seen):
    """A write to AWS that took effect. ``begun``: what had been seen when it was called, at ``begun_at``."""

    what: str
    key: str
    account_id: str
    begun: int
    begun_at: datetime
    wrong_clock: bool = False


@dataclass(frozen=True, slots=True)
class Told(Seen):
    """One notice as it reached its reader, or a ticket's closing (``kind`` resolved).

    ``names``: the day of the act that it speaks of. ``answered``: the sender knows that it arrived.
    ``looks``: its sink finds an earlier attempt instead of repeating it. ``counts``: a person read it.
    """

    sink: str
    recipient: str
    finding: str
    episode: int
    stage: str
    occurrence: int
    kind: str
    act: str
    names: datetime | None
    key: str
    account_id: str
    begun: int
    to_fallback: bool = False
    answered: bool = True
    looks: bool = True
    counts: bool = True
    wrong_clock: bool = False

    @property
    def what(self) -> tuple[object, ...]:
        """I5's key."""
        place = (self.sink, self.to_fallback)
        return (self.finding, self.episode, self.stage, self.occurrence, self.kind == "resolved", *place)


@dataclass(frozen=True, slots=True)
class Reported(Seen):
    """The team read a run's summary."""

    sink: str
    begun: int


@dataclass(frozen=True, slots=True)
class Snoozed(Seen):
    """Somebody put a key on hold, or ended that."""

    key: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Disowned(Seen):
    """An address does not answer for a key; an empty key: for none any more."""

    key: str
    address: str


@dataclass(frozen=True, slots=True)
class Approved(Seen):
    """These keys' acts were let through the brake."""

    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Paused(Seen):
    on: bool


@dataclass
class Witness:
    """Remembers. Thread-safe."""

    seen: list[Seen] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def mark(self) -> int:
        """How much has been seen: what is called now can't know of anything later."""
        return len(self.seen)

    def note(self, *seen: Seen) -> None:
        with self.lock:
            self.seen += seen
