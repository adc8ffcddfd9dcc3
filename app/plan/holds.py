"""How long each act has been held: whoever is on call hears of it after a week, and then weekly."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.model import DESTRUCTIVE
from app.plan.actions import Plan
from app.plan.kept import Hold

PATIENCE = timedelta(days=7)
AGAIN = timedelta(days=7)
# A person put it on hold, with an end: nobody else need hear of it.
BY_CHOICE = frozenset({"snooze"})

Key = tuple[str, str]  # finding, guard


@dataclass(frozen=True, slots=True)
class Aged:
    """Every hold that stands after a run; which of them are new, and which have ended."""

    standing: tuple[Hold, ...] = ()
    new: tuple[Hold, ...] = ()
    ended: tuple[Key, ...] = ()


def aged(known: Iterable[Hold], plan: Plan) -> Aged:
    """``known`` brought up to date by what ``plan`` held in the end.

    What can't be seen does not end: a finding whose account could not be read, a guard that holds more
    than is listed.
    """
    old = {(hold.finding_id, hold.guard): hold for hold in known}
    due = {
        (act.finding_id, act.guard): act.due_at
        for act in plan.held
        if act.verb in DESTRUCTIVE and act.guard not in BY_CHOICE
    }
    unread = {act.finding_id for act in plan.held if act.guard == "scan_failed"}
    new = {key: Hold(*key, max(plan.now, at or plan.now)) for key, at in due.items() if key not in old}
    gone = (key for key in old if key not in due and key[0] not in unread)
    ended = frozenset(key for key in gone if key[1] not in plan.unlisted)
    left = (hold for key, hold in old.items() if key not in ended)
    return Aged((*left, *new.values()), tuple(new.values()), tuple(sorted(ended)))


def lasting(holds: Iterable[Hold], now: datetime) -> tuple[Hold, ...]:
    """Those that have lasted for longer than anybody should have to wait."""
    return tuple(hold for hold in holds if now - hold.since > PATIENCE)


def overdue(holds: Iterable[Hold], sink: str, now: datetime) -> tuple[Hold, ...]:
    """Those that ``sink`` has to call somebody about now."""
    return tuple(hold for hold in lasting(holds, now) if _is_due(hold, sink, now))


def _is_due(hold: Hold, sink: str, now: datetime) -> bool:
    told = hold.told.get(sink)
    return told is None or now - told >= AGAIN


def called(hold: Hold, sink: str, now: datetime) -> Hold:
    return replace(hold, told={**hold.told, sink: now})
