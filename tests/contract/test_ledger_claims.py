"""What every ledger promises of claims, pauses, rehearsals and its lease (`app/ledger/interface.py`)."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from app.errors import LedgerError, Paused, StaleLease
from app.ledger.interface import Ledger
from app.model import Delivery, DeliveryState
from app.plan.record import Change
from tests.fakes.ledger_rows import DAY, NOW, PAUSE, UID, WHOLE, a_uid, delivery, event, facts, run
from tests.fakes.ledger_use import everything, in_threads

NO_WAIT = timedelta(0)
PATIENT = timedelta(seconds=30)
CLAIMABLE = [DeliveryState.PENDING, DeliveryState.FAILED, DeliveryState.AMBIGUOUS]


# --- claims ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", CLAIMABLE)
def test_what_waits_to_be_sent_can_be_claimed(ledger: Ledger, state: DeliveryState) -> None:
    row = delivery(state=state, attempts=1)
    ledger.apply(Change(deliveries=(row,)))
    with ledger.lease("a", NO_WAIT) as lease:
        assert lease
        got = ledger.claim([row.id], "m-1", lease)
        claimed = replace(row, epoch=lease.epoch, attempts=2, message_id="m-1")
        assert got == (claimed,), "the caller sees the state from before the claim"
        assert ledger.delivery(row.id) == replace(claimed, state=DeliveryState.CLAIMED)


@pytest.mark.parametrize("state", [s for s in DeliveryState if s not in CLAIMABLE])
def test_what_does_not_wait_is_left_alone(ledger: Ledger, state: DeliveryState) -> None:
    row = delivery(state=state)
    ledger.apply(Change(deliveries=(row,)))
    with ledger.lease("a", NO_WAIT) as lease:
        assert lease
        assert ledger.claim([row.id, "KS-NONE/1/warn/1/slack/owner"], "m-1", lease) == ()
    assert ledger.delivery(row.id) == row


@pytest.mark.parametrize(
    ("state", "before", "after"),
    [
        (DeliveryState.AMBIGUOUS, "m-old", "m-old"),
        (DeliveryState.AMBIGUOUS, "", "m-new"),
        (DeliveryState.FAILED, "m-old", "m-new"),
    ],
)
def test_only_an_ambiguous_row_keeps_its_message(
    ledger: Ledger, state: DeliveryState, before: str, after: str
) -> None:
    row = delivery(state=state, message_id=before)
    ledger.apply(Change(deliveries=(row,)))
    with ledger.lease("a", NO_WAIT) as lease:
        assert lease
        assert [d.message_id for d in ledger.claim([row.id], "m-new", lease)] == [after]


def test_a_digest_is_claimed_as_one_and_each_row_once(ledger: Ledger) -> None:
    rows = [delivery(a_uid(n)) for n in range(3)]
    ledger.apply(Change(deliveries=tuple(rows)))
    ids = [rows[2].id, rows[0].id, rows[2].id]
    with ledger.lease("a", NO_WAIT) as lease:
        assert lease
        assert [d.id for d in ledger.claim(ids, "m", lease)] == ids[:2]
        assert ledger.claim(ids, "m", lease) == ()
    assert [d.attempts for d in ledger.undelivered()] == [1, 0, 1]


def test_threads_that_claim_at_once_share_nothing(ledger: Ledger) -> None:
    ids = [delivery(a_uid(n)).id for n in range(20)]
    ledger.apply(Change(deliveries=tuple(delivery(a_uid(n)) for n in range(20))))
    got: list[Delivery] = []
    with ledger.lease("a", NO_WAIT) as lease:
        assert lease
        in_threads(lambda name: got.extend(ledger.claim(ids, f"m-{name}", lease)), 4)
    assert sorted(d.id for d in got) == sorted(ids)


def test_a_lost_lease_writes_and_claims_nothing(ledger: Ledger) -> None:
    ledger.apply(WHOLE)
    ledger.apply(Change(deliveries=(delivery(a_uid(1)),)))
    with ledger.lease("a", NO_WAIT) as lost:
        pass
    with ledger.lease("b", NO_WAIT):
        before = everything(ledger)
        assert lost
        with pytest.raises(StaleLease):
            ledger.apply(Change(facts=(facts(a_uid(1)),), events=(event(),)), lost)
        with pytest.raises(StaleLease):
            ledger.claim([delivery(a_uid(1)).id], "m", lost)
    assert everything(ledger) == before


def test_a_kept_lease_writes(ledger: Ledger) -> None:
    with ledger.lease("a", NO_WAIT) as lease:
        ledger.apply(Change(facts=(facts(),)), lease)
    assert list(ledger.view().facts) == [UID]


def test_a_claim_of_a_dead_sender_is_abandoned_until_it_is_settled(ledger: Ledger) -> None:
    rows = [delivery(a_uid(n)) for n in range(3)]
    ledger.apply(Change(deliveries=tuple(rows)))
    with ledger.lease("dies", NO_WAIT) as old:
        assert old
        lost, settled = ledger.claim([rows[0].id, rows[1].id], "m", old)
        ledger.apply(Change(deliveries=(replace(settled, state=DeliveryState.DELIVERED),)))
        assert ledger.abandoned(old) == ()
    with ledger.lease("lives", NO_WAIT) as new:
        assert new
        ledger.claim([rows[2].id], "m", new)
        assert ledger.abandoned(new) == (replace(lost, state=DeliveryState.CLAIMED),)


# --- pause and rehearsals --------------------------------------------------------------------------


def test_a_pause_stops_claims_until_it_ends_and_is_in_the_audit_trail(ledger: Ledger) -> None:
    row = delivery()
    ledger.apply(Change(deliveries=(row,)))
    ledger.pause(PAUSE, event("paused"))
    with ledger.lease("a", NO_WAIT) as lease:
        assert lease
        with pytest.raises(Paused, match="an incident"):
            ledger.claim([row.id], "m", lease)
        assert (ledger.delivery(row.id), ledger.paused(), ledger.view().pause) == (row, PAUSE, PAUSE)
        ledger.pause(None, event("resumed"))
        assert (ledger.paused(), ledger.view().pause) == (None, None)
        assert len(ledger.claim([row.id], "m", lease)) == 1
    assert [e.what for e in ledger.events()] == ["paused", "resumed"]


def test_a_later_pause_replaces_the_first_and_writing_goes_on(ledger: Ledger) -> None:
    later = replace(PAUSE, reason="another")
    ledger.pause(PAUSE, event("paused"))
    ledger.pause(later, event("paused"))
    ledger.apply(Change(facts=(facts(),)))
    assert (ledger.paused(), list(ledger.view().facts)) == (later, [UID])


def test_a_rehearsals_ledger_stays_one(ledger: Ledger) -> None:
    ledger.mark_rehearsal(NOW)
    ledger.apply(Change(run=run()))
    ledger.mark_rehearsal(NOW + DAY)
    assert ledger.rehearsal() == NOW


def test_a_ledger_of_normal_runs_refuses_rehearsals(ledger: Ledger) -> None:
    ledger.apply(Change(run=run()))
    with pytest.raises(LedgerError, match="of its own"):
        ledger.mark_rehearsal(NOW)
    assert ledger.rehearsal() is None


# --- the lease -------------------------------------------------------------------------------------


def test_a_lease_has_one_holder_among_the_threads(ledger: Ledger) -> None:
    got: list[object] = []

    def take(name: int) -> None:
        with ledger.lease(f"thread {name}", NO_WAIT) as lease:
            got.append(lease)

    with ledger.lease("main", NO_WAIT) as held:
        in_threads(take, 2)
    assert held is not None
    assert got == [None, None]


def test_of_a_lease_that_was_given_back_nothing_remains(ledger: Ledger) -> None:
    """Another may hold it by then."""
    with ledger.lease("a", NO_WAIT) as lease:
        assert lease
        assert lease.remaining() > 0
    assert lease.remaining() == 0


def test_each_lease_has_a_higher_epoch_also_after_a_failure(ledger: Ledger) -> None:
    epochs = []
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), ledger.lease("a", NO_WAIT) as lease:
            assert lease
            epochs.append(lease.epoch)
            raise ZeroDivisionError
    assert epochs == sorted(set(epochs))


def test_who_waits_gets_the_lease_when_it_is_free(ledger: Ledger) -> None:
    got: list[int] = []

    def take() -> None:
        with ledger.lease("waits", PATIENT) as lease:
            assert lease
            got.append(lease.epoch)

    waiting = threading.Thread(target=take)
    with ledger.lease("main", NO_WAIT) as held:
        waiting.start()
        assert got == []
    waiting.join()
    assert held
    assert got == [held.epoch + 1]
