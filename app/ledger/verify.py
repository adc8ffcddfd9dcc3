"""Whether the audit trail is whole. It is streamed: memory doesn't grow with the trail."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from app.errors import LedgerError
from app.ledger.chain import CUT, GENESIS, Ends, Link, Sealed, digest
from app.ledger.interface import Ledger

Kind = Literal["altered", "missing", "cut", "added", "head", "anchor"]


@dataclass(frozen=True, slots=True)
class Break:
    """Where the trail is not what was written, in events ``first`` to ``last``."""

    kind: Kind
    first: int
    last: int

    @property
    def text(self) -> str:
        these = _these(self.first, self.last)
        return _TEXTS[self.kind].format(these=these, first=self.first, behind=self.last + 1)


_TEXTS: dict[Kind, str] = {
    "altered": "{these} altered, or the one before with its hash",
    "missing": "{these} missing, so event {behind} can't be checked",
    "cut": "{these} missing: the end was cut off, or the head was altered",
    "added": "{these} where none was written: added, twice, or behind the end",
    "head": "the head is lost, or does not hold the hash of the last event: one of the two was altered",
    "anchor": "the trail begins with event {first}, and no event tells that it was cut there",
}


def _these(first: int, last: int) -> str:
    return f"event {first} is" if first == last else f"events {first} to {last} are"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``events`` were read; ``last`` is the link of the last one, to be compared with a copy elsewhere."""

    events: int
    anchor: Link
    last: Link
    breaks: tuple[Break, ...]


def verify(ledger: Ledger) -> Verdict:
    """Reads the whole trail. Events may be written meanwhile: the ends are read before and after."""
    before = ledger.chain()
    walk = Walk(before.anchor)
    found = _Joined()
    for sealed in ledger.sealed():
        found.add(walk.take(sealed))
    after = ledger.chain()
    if after.anchor != before.anchor:
        return verify(ledger)  # its old end was cut off meanwhile, which happens once a day at the most
    found.add(walk.end(before, after))
    return Verdict(walk.events, before.anchor, walk.last, tuple(found.breaks))


class _Joined:
    """Breaks of one kind that follow each other are one."""

    def __init__(self) -> None:
        self.breaks: list[Break] = []

    def add(self, more: Iterator[Break]) -> None:
        for one in more:
            old = self.breaks[-1] if self.breaks else None
            if old and old.kind == one.kind and one.first in (old.last, old.last + 1):
                self.breaks[-1] = replace(old, last=max(old.last, one.last))
            else:
                self.breaks.append(one)


class Walk:
    """Goes along the chain from its anchor; takes the events in the order of their numbers."""

    def __init__(self, anchor: Link) -> None:
        self.last = anchor
        self.events = 0
        self._anchor = anchor
        self._told = anchor == Link(0, GENESIS)  # whether the trail itself tells of its anchor
        # What the next event may follow: the last hash as stored and, where that is in doubt, as it should
        # be. Nothing behind a gap.
        self._previous = {anchor.hash}

    def take(self, sealed: Sealed) -> Iterator[Break]:
        self.events += 1
        if sealed.seq <= self.last.seq:
            yield Break("added", sealed.seq, sealed.seq)
            return
        if sealed.seq > self.last.seq + 1:
            yield Break("missing", self.last.seq + 1, sealed.seq - 1)
            self._previous = set()
        if not self._follows(sealed):
            yield Break("altered", sealed.seq, sealed.seq)
        self.last = sealed.link

    def _follows(self, sealed: Sealed) -> bool:
        should_be = {digest(previous, sealed.body) for previous in self._previous}
        linked = not should_be or sealed.hash in should_be
        # One altered hash must not put the blame on the event behind it too.
        self._previous = {sealed.hash} if linked else {sealed.hash, digest(self.last.hash, sealed.body)}
        record = _read(sealed)
        self._told = self._told or _tells_of(record, self._anchor)
        return linked and (record.get("seq"), record.get("at")) == (sealed.seq, sealed.at)

    def end(self, before: Ends, after: Ends) -> Iterator[Break]:
        """``before`` and ``after`` the walk: an end that moved on meanwhile cuts nothing off."""
        last, heads = self.last, (before.head, after.head)
        if not self._told:
            yield Break("anchor", self._anchor.seq + 1, self._anchor.seq + 1)
        if before.head and before.head.seq > last.seq:
            yield Break("cut", last.seq + 1, before.head.seq)
        elif after.head and after.head.seq < last.seq:
            yield Break("added", after.head.seq + 1, last.seq)
        if any(head is None or (head.seq == last.seq and head != last) for head in heads):
            yield Break("head", last.seq, last.seq)


def _read(sealed: Sealed) -> Mapping[str, Any]:
    try:
        return sealed.record()
    except LedgerError:
        return {}


def _tells_of(record: Mapping[str, Any], anchor: Link) -> bool:
    return record.get("what") == CUT and record.get("data") == {"seq": anchor.seq, "hash": anchor.hash}
