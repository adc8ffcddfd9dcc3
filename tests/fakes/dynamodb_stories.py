"""Series of changes that are told again and again, with something happening at another request each time."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from app.ledger.interface import Lease, Ledger
from app.ledger.verify import verify
from app.model import DeliveryState, KeptReport
from app.plan.record import Change
from tests.fakes.dynamodb import FakeDynamodb
from tests.fakes.dynamodb_faults import Death, Happening, Line, dies, process
from tests.fakes.ledger_rows import (
    ACCOUNT,
    DAY,
    NOW,
    PAUSE,
    WHOLE,
    a_uid,
    approval,
    delivery,
    event,
    facts,
    finding,
)
from tests.fakes.ledger_use import everything

LEASE = Lease(1)
OLD = NOW - 500 * DAY
WAITING = delivery(a_uid(1))
DEAD = delivery(a_uid(1), DeliveryState.DEAD, occurrence=2)
Step = Callable[[Ledger], object]


@dataclass(frozen=True)
class Story:
    """Steps on a table, a change each. ``proof`` is the id of a delivery that the first one writes."""

    steps: Sequence[Step]
    base: FakeDynamodb
    proof: str = ""

    def table(self) -> FakeDynamodb:
        return self.base.copy()

    def first(self) -> "Story":
        return Story(self.steps[:1], self.base, self.proof)

    def tell(self, ledger: Ledger) -> None:
        for step in self.steps:
            step(ledger)

    def memories(self) -> list[object]:
        """What is known before the first step, and after each."""
        table = self.table()
        found = [memory_of(table)]
        for step in self.steps:
            step(process(table))
            found.append(memory_of(table))
        return found

    def goes_on(self, table: FakeDynamodb, done: int) -> object:
        """What is known when another process has done the rest."""
        Story(self.steps[done:], table).tell(process(table))
        return memory_of(table)

    def requests(self) -> range:
        """The numbers of all of them, where nothing happens."""
        line = Line(self.table())
        ledger = process(line)
        line.sent = 0
        self.tell(ledger)
        return range(line.sent)

    def deaths(self) -> Iterator[tuple[FakeDynamodb, int]]:
        """The table after a death at each request, and how many steps were done by then."""
        for at in self.requests():
            table, done = self.table(), 0
            with suppress(Death):
                _, ledger = met(table, at, dies, lasts=True)
                for step in self.steps:
                    step(ledger)
                    done += 1
            yield table, done


def met(table: FakeDynamodb, at: int, happens: Happening, lasts: bool = False) -> tuple[Line, Ledger]:
    """A process that meets this at its request number ``at``."""
    line = Line(table)
    ledger = process(line)
    line.arm(at, happens, lasts)
    return line, ledger


def memory_of(table: FakeDynamodb) -> object:
    """What another process finds."""
    ledger = process(table)
    assert verify(ledger).breaks == ()
    return everything(ledger), ledger.picture()


def table_with(*changes: Change) -> FakeDynamodb:
    """Its lease was taken once, under epoch 1."""
    table = FakeDynamodb()
    ledger = process(table)
    for change in changes:
        ledger.apply(change)
    with ledger.lease("a", timedelta(0)) as lease:
        assert lease == LEASE
    return table


@cache
def small() -> Story:
    """A change of each kind, as they are day by day: small enough for the head."""
    base = table_with(Change(findings=(finding(a_uid(1)),), deliveries=(WAITING, DEAD), events=(event(),)))
    steps: list[Step] = [
        lambda ledger: ledger.apply(WHOLE, LEASE),
        lambda ledger: ledger.claim([WAITING.id], "m-1", LEASE),
        lambda ledger: ledger.requeue({DEAD.id: event("requeued")}, NOW),
        lambda ledger: ledger.approve(approval(number=7), event("plan_approved")),
        lambda ledger: ledger.keep_picture(b"a picture"),
        lambda ledger: ledger.pause(PAUSE, event("paused")),
    ]
    return Story(steps, base, WHOLE.deliveries[0].id)


@cache
def large() -> Story:
    """A change larger than an item and than a part of the log, and few requests."""
    return _told_of(2)


@cache
def wide() -> Story:
    """Larger than a transaction too."""
    return _told_of(45)


def _told_of(credentials: int) -> Story:
    uids = [a_uid(number) for number in range(credentials)]
    noise = random.Random(7)
    change = Change(
        findings=tuple(finding(uid, refs={"jira": {"key": f"SEC-{uid[-2:]}"}}) for uid in uids),
        deliveries=tuple(map(delivery, uids)),
        facts=tuple(map(facts, uids)),
        events=tuple(event(uid[-3:]) for uid in uids),
        reports=(KeptReport(ACCOUNT, NOW, NOW, noise.randbytes(700_000)),),
    )
    base = table_with(Change(reports=(KeptReport(ACCOUNT, OLD, OLD, noise.randbytes(350_000)),)))
    base.page = 100
    return Story([lambda ledger: ledger.apply(change, LEASE)], base, change.deliveries[0].id)


STORIES = {"small": small, "large": large, "wide": wide}
