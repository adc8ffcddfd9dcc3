"""An act that came to nothing uses up nothing: no approval, no attempt, and no sink is blamed for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from app.errors import LedgerError, PausedMeanwhile
from app.ledger.interface import Change, Lease
from app.ledger.memory import MemoryLedger
from app.model import DeliveryState, Event, Pause
from app.plan.limits import Brake
from app.service.approve import approve
from app.service.parts import ACT_TIMEOUT
from app.service.retry import retry_failed
from app.sinks.interface import Message
from tests.fakes.policies import WARN, ladder, policy
from tests.fakes.world import START, World, aged

NUMBER = 3


class Meanwhile(MemoryLedger):
    """Something happens between the use of an approval and the act. The lease is as long as ``left`` says."""

    def __init__(self) -> None:
        super().__init__()
        self.left = 60.0
        self.happens: Callable[[], None] = lambda: None
        self.answers: Callable[[], None] = lambda: None

    def apply(self, change: Change, lease: Lease | None = None) -> None:
        super().apply(change, lease)
        if any(given.used for given in change.approvals):
            self.happens()

    def paused(self) -> Pause | None:
        self.answers()
        return super().paused()

    @contextmanager
    def lease(self, holder: str, wait: timedelta) -> Iterator[Lease | None]:
        with super().lease(holder, wait) as lease:
            yield Lease(lease.epoch, lambda: self.left) if lease else None


@dataclass
class Case:
    world: World
    ledger: Meanwhile

    def used(self) -> int:
        (given,) = self.ledger.approvals()
        return len(given.used)

    def pause(self) -> None:
        self.ledger.pause(Pause("ann", "an incident", START), Event(START, "ann", "paused"))


@pytest.fixture
def case() -> Case:
    """Three keys that are due, past the brake, and approved."""
    ledger = Meanwhile()
    world = World(
        policy(), *(aged(300 + n, f"AKIAEXAMPLE{n:09d}", f"user{n}") for n in range(NUMBER)), ledger=ledger
    )
    brake = Brake(deactivations=0, share=1.0)
    world.limits = replace(world.limits, share_of_account=1.0, brake=brake)
    world.days(*range(8))
    (plan,) = ledger.held_plans()
    approve(world.parts(), plan.short, "ann", "it is meant")
    return Case(world, ledger)


def too_late(case: Case) -> None:
    case.ledger.left = ACT_TIMEOUT.total_seconds()


def paused(case: Case) -> None:
    case.pause()


def stopping(case: Case) -> None:
    case.world.ended.set()


@pytest.mark.parametrize(
    ("what", "guard"),
    [(too_late, "lease"), (paused, "pause"), (stopping, "stopping")],
    ids=["lease", "pause", "sigterm"],
)
def test_an_approval_used_by_an_act_that_was_then_held_is_given_back(
    case: Case, what: Callable[[Case], None], guard: str
) -> None:
    case.ledger.happens = lambda: what(case)
    report = case.world.day(7.1)
    assert case.world.acts() == []
    assert guard in {held.guard for held in report.plan.held}
    assert case.used() == 0
    case.ledger.happens, case.ledger.left = (lambda: None), 60.0
    case.ledger.pause(None, Event(START, "ann", "resumed"))
    case.world.ended.clear()
    case.world.day(7.2)
    assert len(case.world.acts()) == case.used() == NUMBER


def test_no_act_is_begun_when_the_ledgers_last_answer_took_too_long(case: Case) -> None:
    def slow_from_here() -> None:
        case.ledger.answers = lambda: too_late(case)

    case.ledger.happens = slow_from_here
    report = case.world.day(7.1)
    assert case.world.acts() == []
    assert "lease" in {held.guard for held in report.plan.held}
    assert case.used() == 0


def test_one_that_is_paused_before_it_is_used_is_not_used(case: Case) -> None:
    case.world.ready = lambda account: case.pause()  # type: ignore[method-assign]
    case.world.day(7.1)
    assert (case.world.acts(), case.used()) == ([], 0)


def test_an_act_that_was_held_costs_no_attempt_and_is_no_trouble_of_the_canarys(case: Case) -> None:
    case.ledger.happens = lambda: too_late(case)
    case.world.day(7.1)
    rows = [row for f in case.ledger.view().findings.values() for row in case.ledger.deliveries_of(f.id)]
    acts = [row for row in rows if row.sink == "deactivation"]
    assert {(row.state, row.attempts) for row in acts} == {(DeliveryState.CANCELLED, 0)}
    assert [e for e in case.ledger.events() if e.what == "act_failed"] == []


# --- messages ---------------------------------------------------------------------------------------------


def one_message() -> tuple[World, Meanwhile]:
    ledger = Meanwhile()
    return World(ladder(replace(WARN, repeat=None)), aged(80), ledger=ledger), ledger


def test_a_message_for_which_too_little_of_the_lease_is_left_goes_with_the_next_retry() -> None:
    """Its claim may have waited for another process's write."""
    world, ledger = one_message()
    claim = ledger.claim

    def slow_claim(*args: object) -> object:
        ledger.left = 1.0
        return claim(*args)  # type: ignore[arg-type]

    ledger.claim = slow_claim  # type: ignore[method-assign,assignment]
    report = world.day(0)
    (row,) = ledger.undelivered()
    assert (row.state, row.attempts, world.slack.sent) == (DeliveryState.PENDING, 0, [])
    assert report.failures == ("slack: 1 notice not delivered: too little of the lease is left to send it",)
    assert ledger.frame().breakers == {}
    ledger.claim, ledger.left = claim, 60.0  # type: ignore[method-assign]
    world.clock.instant += timedelta(minutes=1)
    retry_failed(world.parts())
    assert len(world.slack.sent) == 1


def test_a_pause_before_the_request_leaves_the_message_and_its_sink_as_they_were() -> None:
    world, ledger = one_message()
    world.slack.fault = lambda message: PausedMeanwhile("paused by ann: an incident")
    world.day(0)
    (row,) = ledger.undelivered()
    assert (row.state, row.attempts) == (DeliveryState.PENDING, 0)
    assert ledger.frame().breakers == {}


def test_a_ledger_that_fails_before_the_request_is_no_fault_of_the_sink() -> None:
    """Whether a part has left is not known then: it is looked for."""
    world, ledger = one_message()

    def silent(message: Message) -> Exception:
        return LedgerError("the ledger does not answer")

    world.slack.fault = silent
    with pytest.raises(LedgerError):
        world.day(0)
    assert ledger.frame().breakers == {}
    world.slack.fault = lambda message: None
    world.clock.instant += timedelta(minutes=1)
    world.day(0.01)
    assert [message.maybe_sent for message in world.slack.sent] == [True]


def test_what_a_run_has_no_time_for_is_said_to_be_undelivered_and_goes_with_the_next_retry() -> None:
    world, ledger = one_message()
    ledger.left = 5.0
    report = world.day(0)
    (row,) = ledger.undelivered()
    assert (row.state, row.attempts, row.next_attempt_at) == (DeliveryState.PENDING, 0, START)
    assert (report.outcome, len(report.failures)) == ("partial", 1)
    ledger.left = 60.0
    world.clock.instant += timedelta(minutes=1)
    retry_failed(world.parts())
    assert len(world.slack.sent) == 1
