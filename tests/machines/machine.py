"""One machine: whatever can happen to a town, in any order. The judge is asked after every step."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from app.errors import LedgerError
from app.inventory.interface import HubIdentity
from app.ledger.verify import verify
from app.model import ACTIVE, INACTIVE, Account, Finding, LastUsed, Mode
from app.sinks.presses import Button
from tests.fakes.world import DAY, PROD, Key, aged
from tests.machines import people
from tests.machines.fuse import kill
from tests.machines.judge import Judge
from tests.machines.post import FAULTS
from tests.machines.stores import MemoryStore, Store
from tests.machines.town import SEALED, Town

DEV = Account("444455556666", "dev")
IDS = [f"AKIAEXAMPLE{n:09d}" for n in range(5)]
USERS = ["ann", "bob", "bob", "cid", "dan"]  # bob has two keys
OWN = "AKIAEXAMPLE000009999"
AGES = [300, 91, 86, 76, 74, 50, 30, 1]
KEYS, PLACES = st.sampled_from(IDS), st.sampled_from(["a", "a", "a", "b"])
MODES = st.sampled_from([Mode.OBSERVE, Mode.NOTIFY, *[Mode.ENFORCE] * 3])
PAUSES = [0.02, 0.25, 1.0, 1.0, 1.0, 2.0, 5.0, 12.0]  # days
TAGS = st.sampled_from([{}, {}, {"owner": "eve@example.com"}, SEALED, None])
MINUTE = timedelta(minutes=1)
HEALING = 75  # days within which everything due is done once nothing is in its way


class Machine(RuleBasedStateMachine):
    remembering = False  # whether most keys are told by reports and by what the ledger remembers
    store: Store = MemoryStore()
    empty: object = None

    @initialize(ages=st.lists(st.sampled_from(AGES), min_size=len(IDS), max_size=len(IDS)))
    def begin(self, ages: list[int]) -> None:
        if self.empty is None:
            type(self).empty = self.store.save()
        self.store.load(self.empty)
        keys = [
            aged(age, i, user, account=DEV if user == "dan" else PROD)
            for age, i, user in zip(ages, IDS, USERS, strict=True)
        ]
        self.town = town = Town(*keys, aged(400, OWN, "keysteward"), store=self.store)
        town.remembering, town.accounts = self.remembering, [PROD, DEV]
        town.identity = HubIdentity(PROD.id, f"arn:aws:iam::{PROD.id}:user/keysteward", "aws", OWN)
        town.law = replace(town.law, own=OWN)
        self.judge, self.made = Judge(), 0

    # --- the service ---

    @rule(days=st.sampled_from(PAUSES), place=PLACES)
    def run(self, days: float, place: str) -> None:
        self.town.pass_time(days * DAY)
        report = self.town.acting_cycle(place)
        if report and report.outcome != "standby" and not self.town.listing_fails:
            assert report.accounts["failed"] == len(self._failing())
            assert (report.outcome == "partial") >= bool(self._failing())

    def _failing(self) -> set[str]:
        return {account.id for account in self.town.accounts} & self.town.failing.keys()

    @rule(number=st.integers(2, 12))
    def run_daily(self, number: int) -> None:
        for _ in range(number):
            self.run(1.0, "a")

    @rule(minutes=st.sampled_from([1, 5, 70]), place=PLACES)
    def retry(self, minutes: int, place: str) -> None:
        self.town.pass_time(minutes * MINUTE)
        self.town.retry(place)

    # --- what strikes in the middle of the next run ---

    @rule(at=st.integers(1, 60), after=st.booleans(), place=PLACES)
    def crash(self, at: int, after: bool, place: str) -> None:
        self.town.arm(place, at, after, kill)

    @rule(at=st.integers(1, 60), after=st.booleans())
    def ledger_fails(self, at: int, after: bool) -> None:
        self.town.arm("a", at, after, self._fail_at_the_ledger)

    def _fail_at_the_ledger(self) -> None:
        process = self.town.process
        assert process
        if process.fuse.steps[-1].startswith("ledger."):
            raise LedgerError("the ledger is locked")

    @rule(at=st.integers(1, 60), after=st.booleans(), days=st.sampled_from([0.0, 0.0, 1.0]))
    def taken_over(self, at: int, after: bool, days: float) -> None:
        """The first one is stopped, and comes back late."""
        self.town.arm("a", at, after, lambda: self._take_over(days))

    def _take_over(self, days: float) -> None:
        self.town.pass_time(days * DAY)
        self.town.acting_cycle("b")

    @rule(at=st.integers(1, 60), after=st.booleans(), what=st.sampled_from(["snooze", "pause", "tag", "use"]))
    def changes_meanwhile(self, at: int, after: bool, what: str) -> None:
        changes: dict[str, Callable[[], None]] = {
            "snooze": lambda: people.snooze(self.town, IDS[0], 3),
            "pause": lambda: people.pause(self.town),
            "tag": lambda: self.tagged("ann", SEALED),
            "use": lambda: self.used(IDS[1], 0),
        }
        self.town.arm("a", at, after, changes[what])

    @rule(at=st.integers(1, 60), after=st.booleans(), days=st.sampled_from([-1, 1]))
    def clock_jumps_meanwhile(self, at: int, after: bool, days: int) -> None:
        self.town.arm("a", at, after, lambda: self.clock_jumps(days))

    @rule(days=st.sampled_from([-1, 0, 0, 1]))
    def clock_jumps(self, days: int) -> None:
        self.town.offset = days * DAY

    # --- keys ---

    @rule(key_id=KEYS, status=st.sampled_from([ACTIVE, INACTIVE]))
    def toggled_by_hand(self, key_id: str, status: str) -> None:
        people.toggle(self.town, key_id, status)

    @rule(key_id=KEYS)
    def deleted_by_hand(self, key_id: str) -> None:
        people.delete_by_hand(self.town, key_id)

    @rule(key_id=KEYS)
    def rotated(self, key_id: str) -> None:
        key = self.town.key(key_id)
        if key and self.made < 3:
            self.made += 1
            fresh = f"AKIAFRESH{self.made + 7000:011d}"
            self.town.add(Key(fresh, key.user, self.town.now, account=key.account, tags=key.tags))

    @rule(key_id=KEYS, days=st.sampled_from([None, 0, 44, 50, 200]))
    def used(self, key_id: str, days: int | None) -> None:
        if key := self.town.key(key_id):
            at = max(key.created, self.town.now - (days or 0) * DAY)
            key.last_used = None if days is None else LastUsed("at", at, "s3", "eu-central-1")

    @rule(user=st.sampled_from(sorted(set(USERS))), tags=TAGS)
    def tagged(self, user: str, tags: dict[str, str] | None) -> None:
        for key in self.town.keys:
            if key.user == user:
                key.tags = tags

    # --- the config ---

    @rule(age=st.sampled_from([90, 90, 1]))
    def age_is_edited(self, age: int) -> None:
        self.town.law = replace(self.town.law, deactivate_after=timedelta(days=age))

    @rule(mode=MODES)
    def mode_is_edited(self, mode: Mode) -> None:
        self.town.law = replace(self.town.law, mode=mode)

    @rule(mode=MODES)
    def mode_of_an_account_is_edited(self, mode: Mode) -> None:
        self.town.law = replace(self.town.law, modes={DEV.id: mode})

    @rule(owner=st.sampled_from(["ann@example.com", "bob@example.com"]))
    def owner_is_edited(self, owner: str) -> None:
        self.town.law = replace(self.town.law, owner=owner)

    @rule(on=st.booleans())
    def brake_is_edited(self, on: bool) -> None:
        self.town.law = replace(self.town.law, braked=on)

    @rule(prod=st.booleans(), dev=st.booleans())
    def accounts_are_selected(self, prod: bool, dev: bool) -> None:
        self.town.accounts = [account for account, chosen in ((PROD, prod), (DEV, dev)) if chosen]

    # --- faults ---

    @rule(sink=st.sampled_from(["slack", "jira", "mail"]), fault=st.sampled_from(["", "", *FAULTS]))
    def sink_fails(self, sink: str, fault: str) -> None:
        self.town.sinks[sink].fault = fault

    @rule(failing=st.sampled_from([{}, {}, {PROD.id: "throttled"}, {DEV.id: "the report is cut off"}]))
    def account_fails(self, failing: dict[str, str]) -> None:
        self.town.failing = failing

    @rule(key_id=KEYS, what=st.sampled_from(["unreadable_use", "blind", "denied"]))
    def key_fails(self, key_id: str, what: str) -> None:
        failing: set[str] = getattr(self.town, what)
        failing ^= {key_id}

    @rule(fault=st.sampled_from(["", "", "throttled", "lost", "landed"]))
    def act_fails(self, fault: str) -> None:
        self.town.act_fault = fault

    @rule(fails=st.sampled_from([False, False, True]))
    def listing_fails(self, fails: bool) -> None:
        self.town.listing_fails = fails

    # --- people ---

    @rule(key_id=KEYS, button=st.sampled_from(Button))
    def pressed(self, key_id: str, button: Button) -> None:
        people.press(self.town, key_id, button)

    @rule(key_id=KEYS, days=st.sampled_from([1, 7]))
    def snoozed(self, key_id: str, days: int) -> None:
        people.snooze(self.town, key_id, days)

    @rule(key_id=KEYS)
    def restored(self, key_id: str) -> None:
        people.restore(self.town, key_id)

    @rule(on=st.sampled_from([False, False, True]))
    def paused(self, on: bool) -> None:
        (people.pause if on else people.resume)(self.town)

    @rule()
    def approved(self) -> None:
        people.approve_latest(self.town)

    @rule()
    def requeued(self) -> None:
        people.requeue(self.town)

    @rule(key_id=KEYS)
    def ticket_is_closed(self, key_id: str) -> None:
        people.close_ticket(self.town, key_id)

    # --- what always holds ---

    @invariant()
    def nobody_is_harmed(self) -> None:
        faults = self.judge.hear(self.town.witness.seen)
        assert not faults, "\n".join(faults)

    def teardown(self) -> None:
        """Once nothing is in its way, everything that is due comes to its end: nothing was lost."""
        with ExitStack() as stack:
            stack.callback(super().teardown)
            if not hasattr(self, "town") or self.judge.faults:
                return
            self._heal()
            for _ in range(HEALING // 2):
                self.run(2.0, "a")
            self.nobody_is_harmed()
            unfinished = self._unfinished()
            assert not unfinished, "\n".join(unfinished)
            assert verify(self.store.ledger).breaks == ()

    def _heal(self) -> None:
        town = self.town
        town.offset, town.failing, town.act_fault, town.listing_fails = timedelta(0), {}, "", False
        town.blind, town.denied, town.unreadable_use = set(), set(), set()
        town.law = replace(town.law, mode=Mode.ENFORCE, modes={}, braked=False, deactivate_after=90 * DAY)
        town.accounts = [PROD, DEV]
        for sink in town.sinks.values():
            sink.fault = ""
        for process in town.places.values():
            process.fuse = type(process.fuse)()
        people.resume(town)
        self.there = [key.id for key in town.keys if self._is_due(key)]

    def _is_due(self, key: Key) -> bool:
        age = self.town.now - key.created
        return key.id != OWN and key.tags is not None and key.tags != SEALED and age >= 90 * DAY

    def _unfinished(self) -> list[str]:
        town, jira = self.town, self.town.sinks["jira"]
        left = [f"{i} was not deleted" for i in self.there if town.key(i)]
        open_ = [
            i for i in self.there if self._ticket(i) in jira.issues and jira.issues[self._ticket(i)].is_open
        ]
        return [*left, *(f"the ticket of {i} is open" for i in open_)]

    def _ticket(self, key_id: str) -> str:
        return Finding.id_for(f"{self.town.ever[key_id].account.id}/{key_id}")
