"""What is known of each key, by what was seen: in doubt, what is the milder for the service."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.model import INACTIVE, Credential
from tests.machines.witness import Acted, Ended, Looked, Scanned, Told

MAYBE = -1  # the run of a sight that nobody need have remembered


@dataclass(frozen=True, slots=True)
class Spell:
    """Since when a key is what it is. ``sure``: it was seen inactive by somebody who remembers."""

    active_since: datetime | None = None
    inactive_since: datetime | None = None
    sure: bool = False

    def seen(self, sight: Credential, at: datetime) -> "Spell":
        if sight.status == INACTIVE:
            return Spell(self.active_since, self.inactive_since or at, True)
        return Spell(at if self.sure else self.active_since)

    def or_else(self, before: "Spell") -> "Spell":
        """Nobody knows whether what lies between the two was written down."""
        inactive = [at for at in (self.inactive_since, before.inactive_since) if at]
        active = (
            None
            if before.active_since is None
            else min(self.active_since or before.active_since, before.active_since)
        )
        return Spell(active, min(inactive, default=None), before.sure)


@dataclass
class Life:
    spell: Spell = Spell()
    told: list[Told] = field(default_factory=list)
    sights: list[tuple[int, Credential | None]] = field(default_factory=list)  # by run
    snoozed: list[tuple[int, datetime]] = field(default_factory=list)  # when it was seen, and until when
    disowned: dict[str, datetime] = field(default_factory=dict)  # by address: the last time

    @property
    def episode(self) -> int:
        """The latest that anybody was told of."""
        return max((told.episode for told in self.told), default=0)


@dataclass
class Lives:
    """By key."""

    lives: dict[str, Life] = field(default_factory=dict)
    broken: set[int] = field(default_factory=set)  # runs
    before: dict[int, dict[str, Spell]] = field(default_factory=dict)  # by run and key

    def of(self, key: str) -> Life:
        return self.lives.setdefault(key, Life())

    def scanned(self, scan: Scanned) -> None:
        for key, sight in (scan.sights or {}).items():
            life = self.of(key)
            life.sights.append((scan.run, sight))
            self.before.setdefault(scan.run, {}).setdefault(key, life.spell)
            if sight:
                life.spell = life.spell.seen(sight, scan.at)

    def looked(self, look: Looked) -> None:
        self.of(look.key).sights.append((MAYBE, look.sight))

    def acted(self, act: Acted) -> None:
        life = self.of(act.key)
        if act.what == "deactivate":
            life.spell = Spell(life.spell.active_since, life.spell.inactive_since or act.at, True)
        if act.what == "activate":
            life.spell = Spell(act.at)

    def ended(self, end: Ended) -> None:
        """What a broken run has seen, the next one may not know of."""
        before: Mapping[str, Spell] = self.before.pop(end.run, {})
        if not end.well:
            self.broken.add(end.run)
            for key, spell in before.items():
                self.of(key).spell = self.of(key).spell.or_else(spell)

    def last_sights(self, key: str) -> list[Credential | None]:
        """One of them is the last that the service remembers."""
        found = []
        for run, sight in reversed(self.of(key).sights):
            found.append(sight)
            if run != MAYBE and run not in self.broken:
                break
        return found
