"""SQLite remembers what the reference in memory remembers, over random histories."""

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.errors import LedgerError
from app.ledger.interface import Lease, Ledger
from app.ledger.memory import MemoryLedger
from app.ledger.open import open_ledger
from app.model import DeliveryState, Finding
from app.plan.record import Change
from tests.fakes.ledger_rows import (
    ACCOUNT,
    DAY,
    NOW,
    PAUSE,
    WHOLE,
    a_uid,
    delivery,
    event,
    facts,
    finding,
    run,
)

UIDS = [a_uid(number) for number in range(3)]
uids = st.sampled_from(UIDS)
small = st.integers(0, 2)
instants = st.builds(lambda microseconds: NOW + timedelta(microseconds=microseconds), small)


def some(rows: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(rows, max_size=3).map(tuple)


deliveries = st.builds(
    lambda uid, episode, occurrence, state, message, epoch: delivery(
        uid, state, episode=episode, occurrence=occurrence, message_id=message, epoch=epoch
    ),
    uids,
    small,
    small,
    st.sampled_from(DeliveryState),
    st.sampled_from(["", "m-old"]),
    small,
)
findings = st.builds(
    lambda uid, episode, revision: finding(uid, episode=episode, revision=revision), uids, small, small
)
changes = st.builds(
    Change,
    facts=some(st.builds(lambda uid, at: facts(uid, first_seen=at), uids, instants)),
    forget=some(uids),
    findings=some(findings),
    deliveries=some(deliveries),
    events=some(st.builds(event, st.sampled_from("abc"), instants)),
    users=some(st.builds(lambda n: replace(WHOLE.users[0], user=f"user-{n}"), small)),
    accounts=some(st.builds(lambda n: replace(WHOLE.accounts[0], root_keys=n), small)),
    snoozes=some(st.builds(lambda uid, at: replace(WHOLE.snoozes[0], uid=uid, until=at), uids, instants)),
    run=st.none() | st.builds(run, instants),
)


class Histories(RuleBasedStateMachine):
    """Does the same to both, and expects the same answers, the same errors and the same memory."""

    @initialize()
    def open(self) -> None:
        self.cleanup = ExitStack()
        folder = self.cleanup.enter_context(tempfile.TemporaryDirectory())
        self.url = f"sqlite:///{folder}/ledger.db"
        self.ledgers: list[Ledger] = [MemoryLedger(), open_ledger(self.url)]
        self.leases = [Lease(0)]

    def both(self, method: str, *arguments: Any) -> None:
        reference, sql = (self.outcome(ledger, method, *arguments) for ledger in self.ledgers)
        assert sql == reference

    @staticmethod
    def outcome(ledger: Ledger, method: str, *arguments: Any) -> Any:
        try:
            return getattr(ledger, method)(*arguments)
        except LedgerError as error:
            return type(error)

    @rule(change=changes, leased=st.booleans())
    def apply(self, change: Change, leased: bool) -> None:
        self.both("apply", change, self.leases[-1] if leased else None)

    @rule(data=st.data())
    def apply_on_top_of_what_is_stored(self, data: st.DataObject) -> None:
        stored = list(self.ledgers[0].view().findings.values())
        risen = [replace(f, episode=data.draw(small)) for f in stored]
        self.both("apply", Change(findings=tuple(risen)))

    @rule(lease_back=small, rows=some(deliveries))
    def claim(self, lease_back: int, rows: tuple[Any, ...]) -> None:
        lease = self.leases[max(-len(self.leases), -1 - lease_back)]
        self.both("claim", [row.id for row in rows], "m-new", lease)

    @rule()
    def claim_all_that_waits(self) -> None:
        waiting = [row.id for row in self.ledgers[0].undelivered()]
        self.both("claim", waiting, "m-new", self.leases[-1])

    @rule(on=st.booleans())
    def pause(self, on: bool) -> None:
        self.both("pause", PAUSE if on else None, event("paused"))

    @rule()
    def take_the_lease(self) -> None:
        taken = set()
        for ledger in self.ledgers:
            with ledger.lease("a", timedelta(0)) as lease:
                taken.add(lease)
        (lease,) = taken
        assert lease
        self.leases.append(lease)

    @rule(at=instants)
    def rehearse(self, at: Any) -> None:
        self.both("mark_rehearsal", at)

    @rule()
    def reopen(self) -> None:
        self.ledgers[1].close()
        self.ledgers[1] = open_ledger(self.url)

    @invariant()
    def they_remember_the_same(self) -> None:
        self.both("view")
        self.both("undelivered")
        self.both("abandoned", self.leases[-1])
        self.both("account", ACCOUNT)
        self.both("frame")
        self.both("events", NOW)
        self.both("events", NOW + DAY)
        self.both("rehearsal")
        self.both("paused")
        for uid in UIDS:
            self.both("deliveries_of", Finding.id_for(uid))

    def teardown(self) -> None:
        self.ledgers[1].close()
        self.cleanup.close()


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=40,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
