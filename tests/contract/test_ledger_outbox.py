"""What every ledger promises of dead letters that are put back, and of what it may forget."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.errors import StaleLease
from app.ledger.interface import Ledger
from app.model import MAYBE_SENT, Delivery, DeliveryState, FindingState, Refusal, Snooze, Verb
from app.plan.record import Change, Refusals
from tests.fakes.ledger_rows import DAY, NOW, UID, a_uid, delivery, event, facts, finding, run
from tests.fakes.ledger_use import everything

NO_WAIT = timedelta(0)
LONG_AGO = NOW - 100 * DAY
CUT = NOW - 90 * DAY
ENDED = (DeliveryState.DELIVERED, DeliveryState.DEAD, DeliveryState.CANCELLED)


def prune(ledger: Ledger, before: datetime = CUT) -> dict[str, int]:
    with ledger.lease("a", NO_WAIT) as lease:
        assert lease
        return dict(ledger.prune(before, lease))


def told(occurrence: int, at: datetime = LONG_AGO, **fields: Any) -> Delivery:
    return delivery(state=DeliveryState.DELIVERED, occurrence=occurrence, settled_at=at, **fields)


# --- dead letters ----------------------------------------------------------------------------------


def test_a_dead_letter_that_is_put_back_waits_anew_and_is_audited(ledger: Ledger) -> None:
    dead = delivery(state=DeliveryState.DEAD, attempts=12, settled_at=NOW, error="HTTP 400", message_id="m")
    ledger.apply(Change(deliveries=(dead,)))
    (back,) = ledger.requeue({dead.id: event("requeued")}, NOW + DAY)
    assert back == replace(
        dead,
        state=DeliveryState.PENDING,
        attempts=0,
        settled_at=None,
        next_attempt_at=NOW + DAY,
        requeued_at=NOW + DAY,
    )
    assert ledger.delivery(dead.id) == back
    assert [e.what for e in ledger.events()] == ["requeued"]


def test_one_that_may_have_arrived_is_looked_for_under_its_old_message(ledger: Ledger) -> None:
    dead = delivery(state=DeliveryState.DEAD, message_id="m-old", receipt={MAYBE_SENT: "true"})
    ledger.apply(Change(deliveries=(dead,)))
    (back,) = ledger.requeue({dead.id: event("requeued")}, NOW)
    assert (back.state, back.receipt) == (DeliveryState.AMBIGUOUS, {})
    with ledger.lease("a", NO_WAIT) as lease:
        assert lease
        assert [row.message_id for row in ledger.claim([dead.id], "m-new", lease)] == ["m-old"]


@pytest.mark.parametrize("state", [s for s in DeliveryState if s is not DeliveryState.DEAD])
def test_what_is_not_dead_is_not_put_back_nor_audited(ledger: Ledger, state: DeliveryState) -> None:
    row = delivery(state=state)
    ledger.apply(Change(deliveries=(row,)))
    asked = {row.id: event("requeued"), "KS-NONE/1/warn/1/slack/owner": event("requeued")}
    assert ledger.requeue(asked, NOW) == ()
    assert (ledger.delivery(row.id), ledger.events()) == (row, [])


def test_a_dead_letter_is_put_back_once(ledger: Ledger) -> None:
    dead = delivery(state=DeliveryState.DEAD)
    ledger.apply(Change(deliveries=(dead,)))
    assert [len(ledger.requeue({dead.id: event("requeued")}, NOW)) for _ in range(2)] == [1, 0]


# --- what may be forgotten -------------------------------------------------------------------------


@pytest.mark.parametrize("state", ENDED)
def test_what_ended_long_ago_in_an_earlier_episode_is_forgotten(ledger: Ledger, state: DeliveryState) -> None:
    old, young = (
        delivery(state=state, episode=episode, settled_at=at) for episode, at in ((1, LONG_AGO), (2, CUT))
    )
    ledger.apply(Change(findings=(finding(episode=3),), deliveries=(old, young)))
    assert prune(ledger) == {"deliveries": 1, "findings": 0, "runs": 0}
    assert ledger.deliveries_of(old.finding_id) == [young]


def test_what_waits_is_never_forgotten(ledger: Ledger) -> None:
    waiting = [delivery(state=s, stage=s.value, created_at=LONG_AGO) for s in DeliveryState if s not in ENDED]
    ledger.apply(Change(findings=(finding(episode=2),), deliveries=tuple(waiting)))
    prune(ledger)
    assert ledger.deliveries_of(waiting[0].finding_id) == waiting


def test_of_a_running_episode_the_reminders_in_the_middle_are_forgotten(ledger: Ledger) -> None:
    """What `require` and the next occurrence are counted from stays, and so does an act's record."""
    act = told(1, stage="deactivate", sink="deactivation", verb=Verb.DEACTIVATE)
    rows = [act, told(1), told(2), told(3), told(4), told(1, sink="jira"), told(2, sink="jira")]
    ledger.apply(Change(facts=(facts(),), findings=(finding(),), deliveries=tuple(rows)))
    assert prune(ledger)["deliveries"] == 2
    assert ledger.deliveries_of(act.finding_id) == [row for row in rows if row not in (rows[2], rows[3])]


def test_who_was_told_the_day_first_and_days_to_come_are_remembered(ledger: Ledger) -> None:
    undated, first = told(1), told(2, names_date=LONG_AGO, enforced=True)
    past, promise = told(3, names_date=LONG_AGO, enforced=True), told(4, names_date=NOW, enforced=True)
    rows = (undated, first, past, promise, told(5))
    ledger.apply(Change(findings=(finding(),), deliveries=rows))
    assert prune(ledger)["deliveries"] == 1
    assert [row.occurrence for row in ledger.deliveries_of(first.finding_id)] == [1, 2, 4, 5]


def test_a_resolved_finding_keeps_its_closing_as_long_as_its_key_is_there(ledger: Ledger) -> None:
    over = finding(state=FindingState.RESOLVED, resolved_at=LONG_AGO)
    closing = told(1, stage="resolved", verb=Verb.RESOLVE)
    ledger.apply(Change(facts=(facts(),), findings=(over,), deliveries=(told(1), closing)))
    assert prune(ledger) == {"deliveries": 1, "findings": 0, "runs": 0}
    assert ledger.deliveries_of(over.id) == [closing]
    ledger.apply(Change(forget=(UID,)))
    assert prune(ledger)["findings"] == 1
    assert ledger.finding(over.id) is None
    assert ledger.deliveries_of(over.id) == []


def test_a_finding_goes_with_its_snooze_and_its_refusals(ledger: Ledger) -> None:
    over, other = finding(state=FindingState.RESOLVED, resolved_at=LONG_AGO), a_uid(1)
    snoozes = tuple(Snooze(uid, LONG_AGO, "a", "b", LONG_AGO) for uid in (UID, other))
    refusals = tuple(Refusal("joe@example.com", uid, LONG_AGO, "a", "b") for uid in (UID, other, ""))
    ledger.apply(Change(findings=(over,), snoozes=snoozes, refusals=refusals))
    prune(ledger)
    assert ledger.frame().snoozes == {other: snoozes[1]}
    assert ledger.frame().refusals == Refusals(refusals[1:])


@pytest.mark.parametrize(
    ("change", "deliveries"),
    [
        ({"state": FindingState.OPEN, "resolved_at": None}, ()),
        ({"resolved_at": CUT}, ()),
        ({}, (delivery(),)),
    ],
    ids=["open", "young", "something of it waits"],
)
def test_any_other_finding_stays(
    ledger: Ledger, change: dict[str, Any], deliveries: tuple[Delivery, ...]
) -> None:
    over = finding(**{"state": FindingState.RESOLVED, "resolved_at": LONG_AGO, **change})
    ledger.apply(Change(findings=(over,), deliveries=deliveries))
    assert prune(ledger)["findings"] == 0
    assert ledger.finding(over.id) is not None


def test_old_runs_are_forgotten_but_the_last_one_and_no_event_is(ledger: Ledger) -> None:
    for at in (LONG_AGO, CUT, LONG_AGO):
        ledger.apply(Change(run=run(at), events=(event(at=at),)))
    assert prune(ledger)["runs"] == 1
    assert prune(ledger)["runs"] == 0
    assert ledger.frame().last_run == run(LONG_AGO)
    assert len(ledger.events()) == 3


def test_much_is_forgotten_at_once(ledger: Ledger) -> None:
    uids = [a_uid(number) for number in range(1201)]
    findings = tuple(finding(uid, state=FindingState.RESOLVED, resolved_at=LONG_AGO) for uid in uids)
    rows = tuple(delivery(uid, state=DeliveryState.DELIVERED, settled_at=LONG_AGO) for uid in uids)
    ledger.apply(Change(facts=(facts(uids[0]),), findings=findings, deliveries=rows))
    assert prune(ledger) == {"deliveries": 1201, "findings": 1200, "runs": 0}
    assert list(ledger.view().findings) == uids[:1]


def test_whoever_has_lost_the_lease_forgets_nothing(ledger: Ledger) -> None:
    rows = (delivery(state=DeliveryState.DELIVERED, settled_at=LONG_AGO),)
    ledger.apply(Change(deliveries=rows))
    with ledger.lease("a", NO_WAIT) as lost:
        pass
    with ledger.lease("b", NO_WAIT):
        before = everything(ledger)
        assert lost
        with pytest.raises(StaleLease):
            ledger.prune(CUT, lost)
    assert everything(ledger) == before
