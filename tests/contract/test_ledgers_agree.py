"""Every ledger remembers what the reference in memory remembers, over random histories."""

import tempfile
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.errors import LedgerError
from app.ledger.dynamodb.address import Address
from app.ledger.dynamodb.ledger import ledger_over
from app.ledger.interface import Lease, Ledger
from app.ledger.memory import MemoryLedger
from app.ledger.open import open_ledger
from app.ledger.verify import verify
from app.model import MAYBE_SENT, CopyMark, DeliveryState, Finding, FindingState, KeptReport
from app.plan.kept import Approval, Hold, Trial
from app.plan.record import Change
from tests.fakes.dynamodb import FakeDynamodb
from tests.fakes.ledger_rows import (
    ACCOUNT,
    DAY,
    KEY_ID,
    NOW,
    PAUSE,
    WHOLE,
    a_uid,
    approval,
    delivery,
    event,
    facts,
    finding,
    held_plan,
    run,
)
from tests.servers.moto import Dynamodb
from tests.servers.postgres import Postgres

OTHER = "444455556666"
ACCOUNTS = [ACCOUNT, OTHER]
UIDS = [a_uid(0), a_uid(1), f"{OTHER}/{KEY_ID}"]
ENDED = (DeliveryState.DELIVERED, DeliveryState.DEAD, DeliveryState.CANCELLED)
TICKETS = ["", "SEC-1", "SEC-2"]
TARGETS = ["s3://a/", "s3://b/"]
uids = st.sampled_from(UIDS)
small = st.integers(0, 2)
instants = st.builds(lambda microseconds: NOW + timedelta(microseconds=microseconds), small)


def some(rows: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(rows, min_size=1, max_size=3).map(tuple)


deliveries = st.builds(
    lambda uid, episode, occurrence, state, message, epoch, ended, names, receipt: delivery(
        uid,
        state,
        episode=episode,
        occurrence=occurrence,
        message_id=message,
        epoch=epoch,
        settled_at=ended if state in ENDED else None,
        names_date=names,
        enforced=names is not None,
        receipt=receipt,
    ),
    uids,
    small,
    small,
    st.sampled_from(DeliveryState),
    st.sampled_from(["", "m-old"]),
    small,
    instants,
    st.none() | instants,
    st.sampled_from([{}, {MAYBE_SENT: "true"}]),
)
findings = st.builds(
    lambda uid, episode, revision, state, ticket, ended: finding(
        uid,
        account_id=uid.partition("/")[0],
        episode=episode,
        revision=revision,
        state=state,
        resolved_at=ended if state is FindingState.RESOLVED else None,
        refs={"jira": {"key": ticket}},
    ),
    uids,
    small,
    st.sampled_from([0, 0, 0, 0, 1]),  # added to the stored one: seldom stale
    st.sampled_from(FindingState),
    st.sampled_from(TICKETS),
    instants,
)
accounts = st.sampled_from(ACCOUNTS)
users = st.builds(
    lambda account, n, groups: replace(WHOLE.users[0], account_id=account, user=f"user-{n}", groups=groups),
    accounts,
    small,
    st.sampled_from([None, (), ("developers",)]),
)
reports = st.builds(KeptReport, accounts, instants, instants, st.binary(max_size=4))
a_facts = st.builds(
    lambda uid, at: facts(uid, account_id=uid.partition("/")[0], first_seen=at), uids, instants
)
plans = st.sampled_from(["aa", "bb"])
approvals = st.builds(lambda plan, n, used: approval(plan, number=n, used=(used,)), plans, small, uids)
guards = st.tuples(st.sampled_from(["KS-1", "KS-2"]), st.sampled_from(["brake", "freeze"]))
PARTS: dict[str, st.SearchStrategy[Any]] = {
    "facts": some(a_facts),
    "forget": some(uids),
    "events": some(st.builds(event, st.sampled_from("abc"), instants)),
    "users": some(users),
    "reports": some(reports),
    "refusals": some(st.builds(lambda uid, at: replace(WHOLE.refusals[0], uid=uid, at=at), uids, instants)),
    "accounts": some(st.builds(lambda n: replace(WHOLE.accounts[0], root_keys=n), small)),
    "breakers": some(st.builds(lambda n: replace(WHOLE.breakers[0], failures=n), small)),
    "snoozes": some(st.builds(lambda uid, at: replace(WHOLE.snoozes[0], uid=uid, until=at), uids, instants)),
    "copies": some(st.builds(CopyMark, st.sampled_from(TARGETS), small, small)),
    "held_plans": some(st.builds(lambda name, at: held_plan(name, last_held_at=at), plans, instants)),
    "forget_plans": some(plans.map(lambda name: held_plan(name).id)),
    "approvals": some(approvals),
    "holds": some(st.builds(lambda key, at: Hold(key[0], key[1], at), guards, instants)),
    "forget_holds": some(guards),
    "canary": st.builds(lambda at: Trial("c0ffee", at), instants),
    "run": st.builds(run, instants),
}
changes = st.lists(st.sampled_from(sorted(PARTS)), max_size=2, unique=True).flatmap(
    lambda names: st.builds(
        Change,
        findings=some(findings),
        deliveries=some(deliveries),
        **{name: PARTS[name] for name in names},
    )
)


class Histories(RuleBasedStateMachine):
    """Does the same to both, and expects the same answers, the same errors and the same memory."""

    def empty_ledger(self) -> str:
        """Its URL; gone with ``cleanup``."""
        folder = self.cleanup.enter_context(tempfile.TemporaryDirectory())
        return f"sqlite:///{folder}/ledger.db"

    def opened(self) -> Ledger:
        return open_ledger(self.url)

    @initialize()
    def open(self) -> None:
        self.cleanup = ExitStack()
        self.url = self.empty_ledger()
        self.ledgers: list[Ledger] = [MemoryLedger(), self.opened()]
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
        written = replace(change, findings=tuple(map(self.risen, change.findings)))
        self.both("apply", written, self.leases[-1] if leased else None)

    def risen(self, finding: Finding) -> Finding:
        stored = self.ledgers[0].finding(finding.id)
        return replace(finding, revision=finding.revision + (stored.revision if stored else 0))

    @rule(known=some(users), kept=some(reports))
    def remember_what_a_scan_read(self, known: tuple[Any, ...], kept: tuple[Any, ...]) -> None:
        self.both("apply", Change(users=known, reports=kept))

    @rule(lease_back=small, rows=some(deliveries))
    def claim(self, lease_back: int, rows: tuple[Any, ...]) -> None:
        lease = self.leases[max(-len(self.leases), -1 - lease_back)]
        self.both("claim", [row.id for row in rows], "m-new", lease)

    @rule()
    def claim_all_that_waits(self) -> None:
        waiting = [row.id for row in self.ledgers[0].undelivered()]
        self.both("claim", waiting, "m-new", self.leases[-1])

    @rule(rows=some(deliveries), at=instants)
    def requeue(self, rows: tuple[Any, ...], at: datetime) -> None:
        self.both("requeue", {row.id: event(f"requeued {row.id}") for row in rows}, at)

    @rule(before=instants, lease_back=small)
    def prune(self, before: datetime, lease_back: int) -> None:
        self.both("prune", before, self.leases[max(-len(self.leases), -1 - lease_back)])

    @rule(on=st.booleans())
    def pause(self, on: bool) -> None:
        self.both("pause", PAUSE if on else None, event("paused"))

    @rule(given=approvals)
    def approve(self, given: Approval) -> None:
        self.both("approve", given, event("plan_approved"))

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
        self.ledgers[1] = self.opened()

    @invariant()
    def they_remember_the_same(self) -> None:
        self.both("view")
        self.both("undelivered")
        self.both("abandoned", self.leases[-1])
        self.both("frame")
        self.both("accounts_with_findings")
        self.both("has_tickets", "jira")
        for account in ACCOUNTS:
            self.both("account", account)
            self.both("kept_report", account)
        self.both("events", NOW)
        self.both("events", NOW + DAY)
        self.both("chain")
        for target in TARGETS:
            self.both("copied", target)
        reference, sql = (list(ledger.sealed(2)) for ledger in self.ledgers)
        assert sql == reference
        assert [verify(ledger).breaks for ledger in self.ledgers] == [(), ()]
        self.both("rehearsal")
        self.both("held_plans")
        self.both("approvals")
        self.both("holds")
        self.both("paused")
        for uid in UIDS:
            self.both("deliveries_of", Finding.id_for(uid))
            self.both("finding", Finding.id_for(uid))
        for ticket in TICKETS:
            self.both("on_ticket", "jira", ticket)

    def teardown(self) -> None:
        self.ledgers[1].close()
        self.cleanup.close()


class Moves(Histories):
    """Now and then the ledger is moved into a new one, and the history goes on there."""

    @rule()
    def move_across(self) -> None:
        reference, other = self.ledgers
        self.url = self.empty_ledger()
        moved: list[Ledger] = [MemoryLedger(), self.opened()]
        with reference.dump() as known, other.dump() as same:
            rows = list(known.rows)
            assert (same.counts, list(same.rows)) == (known.counts, rows)
        for ledger in moved:
            ledger.fill(rows)
        other.close()
        self.ledgers = moved


class HistoriesOnPostgres(Moves):
    server: Postgres

    def empty_ledger(self) -> str:
        name = self.server.create("ledger_1")
        self.cleanup.callback(self.server.drop, name)
        return self.server.url(name)


class HistoriesOnDynamodb(Histories):
    server: Dynamodb

    def empty_ledger(self) -> str:
        return self.server.create()


class MoreHistoriesOnDynamodb(HistoriesOnDynamodb):
    """The same for longer."""


class HistoriesOnFakeDynamodb(Moves):
    """As many as on the others, which moto would take minutes for."""

    def empty_ledger(self) -> str:
        self.wire = FakeDynamodb()
        return "dynamodb://ledger"

    def opened(self) -> Ledger:
        return ledger_over(self.wire, Address("ledger"))


@pytest.fixture
def histories_on_postgres(postgres: Postgres) -> None:
    HistoriesOnPostgres.server = postgres


@pytest.fixture
def histories_on_dynamodb(dynamodb: Dynamodb, monkeypatch: pytest.MonkeyPatch) -> None:
    dynamodb.point_sdk(monkeypatch)
    HistoriesOnDynamodb.server = dynamodb


class ManyHistoriesOnPostgres(HistoriesOnPostgres):
    """More of them: each database takes its time to be made."""


on_postgres = pytest.mark.usefixtures("histories_on_postgres")
TestHistories = Histories.TestCase
TestMoves = Moves.TestCase
TestHistoriesOnPostgres = on_postgres(HistoriesOnPostgres.TestCase)
TestManyHistoriesOnPostgres = pytest.mark.slow(on_postgres(ManyHistoriesOnPostgres.TestCase))
TestHistoriesOnDynamodb = pytest.mark.usefixtures("histories_on_dynamodb")(HistoriesOnDynamodb.TestCase)
TestHistoriesOnFakeDynamodb = HistoriesOnFakeDynamodb.TestCase
TestMoreHistoriesOnDynamodb = pytest.mark.slow(
    pytest.mark.usefixtures("histories_on_dynamodb")(MoreHistoriesOnDynamodb.TestCase)
)
QUICK = settings(
    max_examples=15,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestHistories.settings = QUICK
TestManyHistoriesOnPostgres.settings = settings(QUICK, max_examples=20)
TestHistoriesOnFakeDynamodb.settings = settings(QUICK, max_examples=15)
TestMoves.settings = settings(QUICK, max_examples=8)
TestHistoriesOnPostgres.settings = settings(QUICK, max_examples=5)
TestHistoriesOnDynamodb.settings = settings(QUICK, max_examples=2, stateful_step_count=6)
TestMoreHistoriesOnDynamodb.settings = settings(QUICK, max_examples=5, stateful_step_count=15)
