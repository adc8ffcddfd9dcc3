"""The audit trail is copied after each run: in order, from where it stopped, and never in a run's way."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice

from app.errors import Ambiguous, KeystewardError, Permanent, StaleLease, Transient
from app.ledger.chain import Sealed, canonical
from app.ledger.interface import Archive, Change, Lease
from app.model import CopyMark, Mode, redact
from app.service.parts import Parts
from app.telemetry import log_fields

log = logging.getLogger(__name__)

EVENTS_AN_OBJECT = 1_000
PATIENCE = timedelta(minutes=1)  # the first copy of a long trail takes several runs
TRIES = 3
_TAKEN = (
    "is there already, and not from this ledger: was it restored, or made anew? "
    "Compare the two, then set another audit.s3.prefix"
)


def copy_audit(parts: Parts, lease: Lease) -> list[str]:
    """Copies what is new in the trail; returns what went wrong. The next run goes on.

    Nothing is copied in `observe`, which writes nowhere but to the ledger.
    """
    archive = parts.archive
    if archive is None or parts.policy.mode is Mode.OBSERVE:
        return []
    try:
        _copy(_Copy(parts, archive, lease))
    except StaleLease:
        raise
    except KeystewardError as error:
        why = redact(str(error))
    except Exception as error:  # a fault of the adapter must not cost the run its record
        log.exception("audit copy broke")
        why = type(error).__name__
    else:
        return []
    parts.counts.add("audit_copies_total", outcome="failed")
    log.warning("audit copy failed", **log_fields(target=archive.target, error=why))
    return [f"the audit trail could not be copied to {archive.target}: {why}"]


def uncopied(parts: Parts) -> int | None:
    """How many events wait to be copied; None where none are to be."""
    if parts.archive is None or parts.policy.mode is Mode.OBSERVE:
        return None
    head, done = parts.ledger.chain().head, parts.ledger.copied(parts.archive.target).done
    return max(0, head.seq - done) if head else 0


@dataclass(frozen=True, slots=True)
class _Copy:
    parts: Parts
    archive: Archive
    lease: Lease

    def note(self, mark: CopyMark) -> CopyMark:
        self.parts.ledger.apply(Change(copies=(mark,)), self.lease)
        return mark


def _copy(copy: _Copy) -> None:
    parts, mark = copy.parts, copy.parts.ledger.copied(copy.archive.target)
    until = parts.monotonic() + PATIENCE.total_seconds()
    while not parts.stop.is_set() and parts.monotonic() < until:
        events = _next(copy, mark)
        if not events:
            return
        mark = _write(copy, mark, events)


def _next(copy: _Copy, mark: CopyMark) -> list[Sealed]:
    """What goes into the next object: the same as last time, where nobody knows what became of that."""
    events = list(islice(copy.parts.ledger.sealed(mark.done + 1), EVENTS_AN_OBJECT))
    begun = mark.tried > mark.done
    return [one for one in events if one.seq <= mark.tried] if begun else events


def _write(copy: _Copy, mark: CopyMark, events: Sequence[Sealed]) -> CopyMark:
    last, begun = events[-1].seq, mark.tried > mark.done
    if not begun:  # noted before: after a crash the same object is tried again, under the same name
        mark = copy.note(replace(mark, tried=last))
    try:
        _put(copy, events, begun)
    except Ambiguous:
        raise
    except KeystewardError:
        copy.note(replace(mark, tried=mark.done))
        raise
    copy.parts.counts.add("audit_copies_total", outcome="success")
    return copy.note(replace(mark, done=last, tried=last))


def _put(copy: _Copy, events: Sequence[Sealed], begun: bool) -> None:
    """``begun``: an earlier attempt may have written the object, which then is there as it should be.

    Raises `Ambiguous` for as long as that is not known, whatever was answered since.
    """
    name, content = name_of(events), lines_of(events)
    for attempt in range(1, TRIES + 1):
        try:
            if not copy.archive.put(name, content, copy.parts.clock.now()) and not begun:
                raise Permanent(f"{name} {_TAKEN}")
        except KeystewardError as error:
            begun = begun or isinstance(error, Ambiguous)
            if attempt == TRIES or not isinstance(error, Transient):
                raise (Ambiguous(str(error)) if begun else error) from None
        else:
            return


def name_of(events: Sequence[Sealed]) -> str:
    """In the order of names the objects are in the order of the trail."""
    return f"{events[0].seq:012}-{events[-1].seq:012}.jsonl"


def lines_of(events: Sequence[Sealed]) -> bytes:
    """A line an event, as `history --format json` gives it."""
    lines = (canonical(event.record() | {"hash": event.hash}) for event in events)
    return "".join(f"{line}\n" for line in lines).encode()
