"""One scripted life that goes through everything that the service does, step by step.

Each step can be interrupted and done again. Days count from the start.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from app.model import Account, LastUsed
from app.sinks.presses import Button
from tests.fakes.archive import Shelf
from tests.fakes.world import DAY, PROD, START, Key, aged
from tests.machines import people
from tests.machines.stores import Store
from tests.machines.town import SEALED, Town

DEV = Account("444455556666", "dev")
ANN, BOB, CID, DAN, EVE, FAY, GIL = (f"AKIAEXAMPLE{n:09d}" for n in range(7))
DAILY = range(13)
LATER = (14, 16, 18, 20, 22, 24, 27, 30, 33, 36, 39, 43, 47, 51, 55, 59, 63, 68, 74)


@dataclass(frozen=True)
class Step:
    """``place``: of the process that can be killed meanwhile; nobody's can't."""

    day: float
    name: str
    work: Callable[[Town], object]
    place: str = ""


def run(day: float) -> Step:
    return Step(day, "run", lambda town: town.acting_cycle("a"), "a")


def retry(day: float) -> Step:
    return Step(day, "retry", lambda town: town.retry("a"), "a")


def by_person(day: float, work: Callable[[Town], object]) -> Step:
    return Step(day, "command", work, "person")


def by_hand(day: float, work: Callable[[Town], object]) -> Step:
    return Step(day, "by hand", work)


def fault(sink: str, what: str) -> Callable[[Town], None]:
    return lambda town: setattr(town.sinks[sink], "fault", what)


def law(**changes: object) -> Callable[[Town], None]:
    return lambda town: setattr(town, "law", replace(town.law, **changes))  # type: ignore[arg-type]


def tags(key_id: str, tagged: dict[str, str]) -> Callable[[Town], None]:
    return lambda town: setattr(town.ever[key_id], "tags", tagged)


HAPPENS = (
    by_hand(0.0, fault("mail", "refused")),
    by_hand(1.9, fault("mail", "")),
    by_person(2.1, people.requeue),
    retry(2.2),
    by_person(2.5, lambda town: people.press(town, DAN, Button.NOT_MINE)),
    by_hand(3.5, lambda town: people.delete_by_hand(town, EVE)),
    by_hand(3.6, lambda town: people.close_ticket(town, ANN)),
    by_hand(4.4, tags(FAY, SEALED)),
    by_person(4.5, lambda town: people.press(town, GIL, Button.SNOOZE)),
    by_hand(6.5, law(braked=True)),
    by_person(7.5, people.approve_latest),
    by_hand(8.5, law(braked=False)),
    by_hand(8.6, fault("slack", "down")),
    retry(9.1),
    by_hand(9.4, fault("slack", "")),
    retry(9.45),
    by_person(9.5, lambda town: people.restore(town, CID)),
    by_person(9.6, people.pause),
    by_person(10.5, people.resume),
    by_hand(10.6, tags(FAY, {})),
    by_hand(11.5, law(owner="bob@example.com")),
    by_person(13.0, lambda town: people.snooze(town, BOB, 2)),
)
SCRIPT = tuple(sorted((*HAPPENS, *map(run, (*DAILY, *LATER))), key=lambda step: step.day))


def town(store: Store | None = None) -> Town:
    """Before its first day."""
    never = LastUsed.never()
    keys: tuple[Key, ...] = (
        aged(300, ANN, "ann"),
        aged(76, BOB, "bob"),
        aged(50, CID, "cid", last_used=never),
        aged(300, DAN, "dan", tags={"owner": "dan@example.com"}, account=DEV),
        aged(300, EVE, "eve"),
        aged(86, FAY, "fay"),
        aged(120, GIL, "gil", last_used=never),
    )
    made = Town(*keys, store=store)
    made.accounts, made.archive = [PROD, DEV], Shelf()
    return made


def at_its_time(town: Town, step: Step) -> None:
    town.pass_time(START + step.day * DAY - town.now)
    step.work(town)
