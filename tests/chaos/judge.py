"""What an outsider holds against the service: I1 to I8 of the design, from a round's record alone.

It is strict where the design is, and lenient only where the design says so: a crash between send and record
may repeat a notice (I5), and a mutation already in flight may land late (I8). Both are counted.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from tests.chaos import company, laws
from tests.chaos.board import Harm
from tests.chaos.clock import real
from tests.chaos.record import Record
from tests.chaos.witness import Seen

Key = tuple[str, tuple[str, int, str, int, str]]
Found = Iterator[str]
CRASHES = ("kill", "stop", "ledger")  # what keeps a sender from recording what it sent
AT_ONCE = real(5.0)  # from a check to its request, on a busy machine


@dataclass
class Verdict:
    """``violations``: (law, what broke it). ``counts``: what was allowed, and what there was."""

    violations: list[tuple[str, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def judge(record: Record) -> Verdict:
    verdict = Verdict()
    for law, found in LAWS:
        verdict.violations += [(law, text) for text in found(record, verdict.counts)]
    verdict.counts.update(_figures(record))
    return verdict


def _figures(record: Record) -> dict[str, int]:
    harms = Counter(harm.what for harm in record.harms)
    holders = [taken.holder for taken in record.leases]
    forced = sum(1 for one, other in pairwise(holders) if one and other)
    return {
        "kills": harms["kill"],
        "stops": harms["stop"],
        "takeovers": forced,
        "faults": sum(record.injected.values()),
        "acts": sum(1 for _ in laws.acts(record)),
        "notices": sum(len(seen.told) for seen in record.seen),
        "commands": len(record.commands),
        "runs": sum(record.runs.values()),
    }


# --- I5: at most once ---


def _told_twice(record: Record, counts: Counter[str]) -> Found:
    sent: dict[Key, Seen] = {}
    for seen in record.seen:
        for told in seen.told:
            earlier = sent.get((seen.channel, told.key))
            if earlier is not None:
                harm = _harm_between(record, earlier, seen)
                if harm is None:
                    yield f"{' '.join(map(str, told.key))} was told twice in {seen.channel}"
                else:
                    counts[f"notice repeated after {harm.what}"] += 1
            sent[seen.channel, told.key] = seen


def _harm_between(record: Record, first: Seen, second: Seen) -> Harm | None:
    """What befell the first's sender before the second was sent; or a stop, so that the second came late."""
    crashes = (harm for harm in record.harms if harm.what in CRASHES)
    mine = (harm for harm in crashes if harm.befell(first.place, first.life))
    between = (h for h in mine if h.at <= second.arrived and h.until >= first.arrived - AT_ONCE)
    return next(between, None) or (_stop_before(record, second) if _is_late(record, second) else None)


def _second_ticket(record: Record, counts: Counter[str]) -> Found:
    for name, number in Counter(record.tickets.values()).items():
        if number > 1:
            yield f"{name} has {number} tickets"


# --- I8: one acts ---


def _without_lease(record: Record, counts: Counter[str]) -> Found:
    """Each write arrives while its sender holds the lease; what a stop held up may land late, once."""
    late: Counter[str] = Counter()
    for seen in record.seen:
        if not seen.is_write or not _is_late(record, seen):
            continue
        late[seen.who] += 1
        if _stop_before(record, seen) and late[seen.who] == 1:
            counts["mutation landed late"] += 1
        else:
            holder = _holder(record, seen.arrived) or "nobody"
            did = f"{seen.channel} {seen.what} on {masked(seen.subject)}"
            yield f"{seen.who} did {did} while {holder} held the lease"


def _holder(record: Record, instant: float) -> str:
    before = [taken for taken in record.leases if taken.at <= instant]
    return before[-1].holder if before else ""


def _is_late(record: Record, seen: Seen) -> bool:
    return _holder(record, seen.arrived) != seen.who


def _stop_before(record: Record, seen: Seen) -> Harm | None:
    """It was stopped between its last look at the lease and the request."""
    mine = (h for h in record.harms if h.what == "stop" and h.befell(seen.place, seen.life))
    return next((h for h in mine if h.at <= seen.arrived <= h.until + AT_ONCE), None)


# --- the rest ---


def _in_observe(record: Record, counts: Counter[str]) -> Found:
    if record.schedule.mode == "observe":
        yield from (f"{seen.channel} {seen.what}" for seen in record.seen if seen.is_write)


def _lost(record: Record, counts: Counter[str]) -> Found:
    yield from record.missing


def _broken(record: Record, counts: Counter[str]) -> Found:
    yield from record.broken


def _leaks(record: Record, counts: Counter[str]) -> Found:
    yield from (f"a key's full id is in {where}" for where in record.leaks)


def masked(text: str) -> str:
    for key, person in company.BY_KEY.items():
        text = text.replace(key, f"{person.name}'s key")
    return text


LAWS: tuple[tuple[str, Callable[[Record, Counter[str]], Found]], ...] = (
    ("I1", laws.unannounced),
    ("I2", laws.unread),
    ("I3", laws.too_early_deleted),
    ("I4", laws.concluded_from_failure),
    ("I5", laws.done_twice),
    ("I5", _told_twice),
    ("I5", _second_ticket),
    ("I6", laws.untouchable),
    ("I6", laws.against_a_persons_word),
    ("I7", _in_observe),
    ("I8", _without_lease),
    ("lost", laws.untold),
    ("lost", _lost),
    ("broken", _broken),
    ("secret", _leaks),
)
