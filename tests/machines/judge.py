"""I1 to I8 (DESIGN, section 6), held against what outsiders saw. Nothing here asks the service."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.model import Mode
from tests.machines import acts, words
from tests.machines.lives import Lives
from tests.machines.witness import (
    Acted,
    Approved,
    Disowned,
    Ended,
    Law,
    Looked,
    Paused,
    Ran,
    Reported,
    Scanned,
    Seen,
    Snoozed,
    Told,
)


@dataclass
class Judge:
    """Hears everything once, in order. ``faults``: what should not have happened."""

    faults: list[str] = field(default_factory=list)
    lives: Lives = field(default_factory=Lives)
    seen: Sequence[Seen] = ()
    heard: int = 0
    laws: dict[int, Law] = field(default_factory=dict)  # by run
    epochs: dict[int, int] = field(default_factory=dict)  # by run
    begun: list[tuple[int, int]] = field(default_factory=list)  # when seen, and the epoch
    paused_at: int | None = None
    well: set[int] = field(default_factory=set)  # runs
    arrivals: dict[tuple[object, ...], tuple[int, Told]] = field(default_factory=dict)  # when seen, the last
    approved: set[str] = field(default_factory=set)
    left: dict[str, datetime] = field(default_factory=dict)  # by address: the last time

    def hear(self, seen: Sequence[Seen]) -> list[str]:
        """What is new in ``seen``; returns all faults so far."""
        self.seen = seen
        while self.heard < len(seen):
            one = seen[self.heard]
            hearing: Callable[[Any], None] = self._hearings[type(one)]
            hearing(one)
            self.heard += 1
        return self.faults

    @property
    def _hearings(self) -> dict[type, Callable[[Any], None]]:
        return {
            Ran: self._ran,
            Ended: self._ended,
            Scanned: self.lives.scanned,
            Looked: self.lives.looked,
            Acted: self._acted,
            Told: self._told,
            Reported: self._in_right,
            Snoozed: lambda s: self.lives.of(s.key).snoozed.append((self.heard, s.until)),
            Disowned: self._disowned,
            Approved: lambda a: self.approved.update(a.keys),
            Paused: self._paused,
        }

    def _ran(self, ran: Ran) -> None:
        self.laws[ran.run], self.epochs[ran.run] = ran.law, ran.epoch
        self.begun.append((self.heard, ran.epoch))

    def _ended(self, end: Ended) -> None:
        self.lives.ended(end)
        if end.well:
            self.well.add(end.run)

    def _disowned(self, word: Disowned) -> None:
        (self.lives.of(word.key).disowned if word.key else self.left)[word.address] = word.at

    def _paused(self, pause: Paused) -> None:
        self.paused_at = self.heard if pause.on else None

    # --- what the service did ---

    def _in_right(self, did: Acted | Told | Reported) -> None:
        """I8, and the pause: what was in flight already may land late."""
        mine = self.epochs.get(did.run, 0)
        if any(epoch > mine and at < did.begun for at, epoch in self.begun):
            self._fault("I8", did, "another replica had taken over")
        if self.paused_at is not None and self.paused_at < did.begun:
            self._fault("pause", did, "the service was paused")

    def _told(self, told: Told) -> None:
        self._in_right(told)
        law = self.laws[told.run]
        for code, text in words.faults(told, law, self.lives.last_sights(told.key)):
            self._fault(code, told, text)
        if told.what in self.arrivals and not self._may_repeat(*self.arrivals[told.what], told):
            self._fault("I5", told, "it had been told already")
        self.arrivals[told.what] = (self.heard, told)
        self.lives.of(told.key).told.append(told)

    def _may_repeat(self, at: int, before: Told, told: Told) -> bool:
        """What was in flight before the other arrived, and what nobody could record, or knew to have arrived,
        where it can't be looked for; or where somebody else answers for the key by now."""
        is_other = before.run != told.run
        unrecorded = is_other and before.run not in self.well
        unknown = unrecorded or not before.answered
        is_new = before.recipient != told.recipient
        return (is_other and told.begun <= at) or (unknown and (is_new or not told.looks))

    def _acted(self, act: Acted) -> None:
        self._in_right(act)
        if act.what != "activate":
            for code, text in acts.faults(self._case(act)):
                self._fault(code, act, text)
        self.approved.discard(act.key)
        self.lives.acted(act)

    def _case(self, act: Acted) -> acts.Case:
        law, life = self.laws[act.run], self.lives.of(act.key)
        look = self._look_before(act)
        enforced = [
            told for told in life.told if self.laws[told.run].mode_of(told.account_id) is Mode.ENFORCE
        ]
        return acts.Case(act, law, life, look, enforced, self.left, act.key in self.approved)

    def _look_before(self, act: Acted) -> tuple[int, Looked] | None:
        """The last live read of its run, if it was of this key and no other act came between."""
        for at in range(act.begun - 1, -1, -1):
            one = self.seen[at]
            if one.run == act.run and isinstance(one, Looked | Acted):
                return (at, one) if isinstance(one, Looked) and one.key == act.key else None
        return None

    def _fault(self, code: str, did: Seen, text: str) -> None:
        self.faults.append(f"{code} (seen as number {self.heard}): {text}: {did}")
