"""Of one destructive act: I1, I2, I3, I6 and I7, by arithmetic of our own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.model import ACTIVE, INACTIVE, Credential, Mode
from tests.machines.lives import Life
from tests.machines.witness import Acted, Law, Looked, Told
from tests.machines.words import Fault, is_sealed

UNUSED, USE_LAG, QUIET = timedelta(days=45), timedelta(hours=24), timedelta(days=30)
NOTICES, OVER, LAST_WARNING = 2, timedelta(days=7), timedelta(hours=24)
PROMPT = timedelta(seconds=10)  # between the read and the act
LEFT_FOR, DISOWNED_FOR = timedelta(days=30), timedelta(days=90)
DOUBT = timedelta(days=2)  # of a clock that was wrong when it was written down
EVERYBODYS = ("sec@example.com", "#iam-keys")  # fallbacks


@dataclass(frozen=True, slots=True)
class Case:
    """``look``: the live read just before it, and when that was seen. ``enforced``: what was told while
    `enforce` applied. ``left``: who has left, and when that was found out."""

    act: Acted
    law: Law
    life: Life
    look: tuple[int, Looked] | None
    enforced: Sequence[Told]
    left: Mapping[str, datetime]
    is_approved: bool

    @property
    def at(self) -> datetime:
        return self.act.begun_at


def faults(case: Case) -> Iterator[Fault]:
    if case.law.mode_of(case.act.account_id) is not Mode.ENFORCE:
        yield "I7", "it is not in enforce"
    if case.law.braked and not case.is_approved:
        yield "brake", "nobody had approved it"
    if case.act.wrong_clock:
        yield "clock", "the clock differed from AWS's"
    if case.act.key == case.law.own:
        yield "I6", "it is the service's own"
    sight = case.look[1].sight if case.look else None
    if case.look is None or sight is None or case.at - case.look[1].at > PROMPT:
        yield "I2", "the key was not read just before"
        return
    yield from _of_sight(case, sight)
    yield from _of_snooze(case, case.look[0])
    yield from (_of_deactivation if case.act.what == "deactivate" else _of_deletion)(case, sight)


def _of_sight(case: Case, sight: Credential) -> Iterator[Fault]:
    wanted = ACTIVE if case.act.what == "deactivate" else INACTIVE
    if sight.status != wanted:
        yield "I3" if wanted == INACTIVE else "I2", f"it was {sight.status}"
    if sight.tags is None or sight.groups is None or sight.last_used.state == "unknown":
        yield "I2", "it was not read whole"
    if is_sealed(sight):
        yield "I6", "it is exempt"


def _of_snooze(case: Case, looked: int) -> Iterator[Fault]:
    known = [until for at, until in case.life.snoozed if at < looked]
    if not known:
        return
    if known[-1] > case.at:
        yield "I6", "it was snoozed"
    elif not _any(case, lambda told: known[-1] <= told.at <= case.at - LAST_WARNING):
        yield "I1", "nobody was told afresh since the snooze"


def _of_deactivation(case: Case, sight: Credential) -> Iterator[Fault]:
    used = sight.last_used.at or sight.created
    if case.at < min(sight.created + case.law.deactivate_after, used + UNUSED + USE_LAG):
        yield "I2", "no rule makes it due"
    told = [t for t in _dated(case, "deactivate") if _in_spell(case, t)]
    yield from _of_promise(case, told)
    counted = [t for t in told if t.names and t.names <= case.at and not t.wrong_clock]
    spaced = _spaced([t.at for t in counted])
    if len(spaced) < NOTICES or spaced[0] > case.at - OVER:
        yield "I1", f"only {len(spaced)} notices count"
    elif not any(_reached_owner(case, sight, t) for t in counted):
        yield "I1", "its owner was not told"


def _of_deletion(case: Case, sight: Credential) -> Iterator[Fault]:
    since = case.life.spell.inactive_since
    if since is None or since > case.at - QUIET:
        yield "I3", f"it is inactive since {since}"
        return
    yield from _of_promise(case, _dated(case, "delete"))
    if not _any(case, lambda told: since <= told.at <= case.at - OVER):
        yield "I1", "nobody was told of the deletion"


def _of_promise(case: Case, told: Sequence[Told]) -> Iterator[Fault]:
    last = max((t.names for t in told if t.names), default=None)
    if last and last > case.at:
        yield "I1", f"{last} had been promised"


def _any(case: Case, holds: Callable[[Told], bool]) -> bool:
    """Whether anybody was told so in this episode; what tells of the deactivation tells of the deletion."""
    mine = (t for t in case.enforced if t.episode == case.life.episode and not t.wrong_clock)
    return any(holds(t) for t in mine if t.kind in ("warning", "done"))


def _dated(case: Case, act: str) -> list[Told]:
    """The warnings of this episode that named a day for ``act``."""
    mine = (t for t in case.enforced if t.episode == case.life.episode and t.kind == "warning")
    return [t for t in mine if t.act == act and t.names]


def _in_spell(case: Case, told: Told) -> bool:
    since = case.life.spell.active_since
    return since is None or told.at >= since


def _spaced(times: Sequence[datetime]) -> list[datetime]:
    found: list[datetime] = []
    for at in sorted(times):
        if not found or at >= found[-1] + OVER / NOTICES:
            found.append(at)
    return found


def _reached_owner(case: Case, sight: Credential, told: Told) -> bool:
    named = [address for address in ((sight.tags or {}).get("owner"), case.law.owner) if address]
    gone = [_gone(case, doubt) for doubt in (-DOUBT, DOUBT)]
    owners = [next((a for a in named if a not in some), EVERYBODYS[0]) for some in gone]
    return told.to_fallback or told.recipient in (*owners, *EVERYBODYS)


def _gone(case: Case, doubt: timedelta) -> set[str]:
    """Who does not answer for the key at present."""
    spans = ((case.left, LEFT_FOR), (case.life.disowned, DISOWNED_FOR))
    return {a for known, span in spans for a, since in known.items() if case.at - since < span + doubt}
