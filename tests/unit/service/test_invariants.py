"""I1 to I7 over random histories: keys, people, faults and policies that change from day to day.

What is allowed is computed here from what arrived in the inboxes, not from the ledger.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.errors import Ambiguous, RecipientUnreachable, Transient
from app.ledger.interface import Change
from app.model import ACTIVE, INACTIVE, FindingState, LastUsed, Mode, Snooze
from app.policy.rules import Exemption, Match, OwnerByMap, OwnerFallback
from app.policy.rules import Rule as PolicyRule
from app.sinks.interface import Message
from tests.fakes.policies import LADDER, policy
from tests.fakes.world import DAY, PROD, START, World, aged

IDS = [f"AKIAEXAMPLE{n:09d}" for n in range(4)]
OWNERS = ("ann@example.com", "bob@example.com")
KEYS = st.sampled_from(IDS)
GAP, OVER, LAST_WARNING = timedelta(days=3.5), timedelta(days=7), timedelta(hours=24)


@dataclass
class Told:
    """One notice as its reader got it."""

    at: datetime
    to: str
    names: datetime | None


@dataclass
class Life:
    """What an outsider knows of one key."""

    told: list[Told] = field(default_factory=list)
    since: datetime = START  # the present Active spell began
    inactive_since: datetime | None = None


class History(RuleBasedStateMachine):
    remembering = False  # whether most keys are told by reports and by what the ledger remembers

    def __init__(self) -> None:
        super().__init__()
        ages = (300, 86, 70, 30)
        keys = [aged(age, i, f"user{n}") for n, (age, i) in enumerate(zip(ages, IDS, strict=True))]
        self.world = World(policy(), *keys)
        self.world.remembering = self.remembering
        self.world.limits = replace(self.world.limits, share_of_account=1.0)
        self.world.slack.fallback = "#iam-keys"
        self.owner = OWNERS[0]
        self.exempt: set[str] = set()
        self.at = 0.0
        self.lives = {i: Life() for i in IDS}
        self.world.before_write = lambda: None
        self._set_policy()

    def _set_policy(self) -> None:
        sealed = PolicyRule("sealed", Match(tags={"sealed": ("yes",)}), exemption=Exemption("sealed"))
        base = policy(sealed, PolicyRule("default", Match(), LADDER), mode=self.world.policy.mode)
        self.world.policy = replace(
            base, owners=(OwnerByMap({"*": self.owner}), OwnerFallback("sec@example.com"))
        )

    # --- what happens ----------------------------------------------------------------------------

    @rule(days=st.sampled_from([0.0, 0.25, 1.0, 1.0, 1.0, 2.0, 5.0, 12.0]))
    def run(self, days: float) -> None:
        self.at += days
        now = START + self.at * DAY
        self._note_statuses(now)
        before = len(self.world.writes)
        sent = {s.name: len(s.sent) for s in (self.world.slack, self.world.jira)}
        findings = dict(self.world.ledger.view().findings)
        self.world.day(self.at)
        self._check_notices(sent)
        for what, key_id in self.world.writes[before:]:
            self._check_act(what, key_id, now)
        if self.world.failing and self.world.accounts:
            assert {u: f.state for u, f in self.world.ledger.view().findings.items()} == {
                u: f.state for u, f in findings.items()
            }
        self._read_inboxes(sent, now)

    @rule(number=st.integers(2, 12))
    def run_daily(self, number: int) -> None:
        for _ in range(number):
            self.run(1.0)

    def _note_statuses(self, now: datetime) -> None:
        if self.world.failing or not self.world.accounts:
            return
        for key in self.world.keys:
            life = self.lives[key.id]
            if key.status == INACTIVE and life.inactive_since is None:
                life.inactive_since = now
            if key.status == ACTIVE and life.inactive_since is not None:
                life.inactive_since, life.since = None, now

    def _check_notices(self, sent: dict[str, int]) -> None:
        new = [
            n for s in (self.world.slack, self.world.jira) for m in s.sent[sent[s.name] :] for n in m.notices
        ]
        if self.world.policy.mode is Mode.OBSERVE:
            assert not new
        for notice in new:
            assert "AKIA" not in str(notice)

    def _check_act(self, what: str, key_id: str, now: datetime) -> None:
        life = self.lives[key_id]
        assert self.world.policy.mode is Mode.ENFORCE
        assert key_id not in self.exempt
        assert not self.world.failing
        assert key_id not in self.world.unreadable_use or what == "delete"
        self._check_snooze(key_id, life, now)
        if what == "deactivate":
            self._check_deactivation(life, now)
        else:
            self._check_deletion(life, now)

    def _check_snooze(self, key_id: str, life: Life, now: datetime) -> None:
        snooze = self.world.ledger.view().snoozes.get(f"{PROD.id}/{key_id}")
        if snooze:
            assert snooze.until <= now
            assert any(snooze.until <= t.at <= now - LAST_WARNING and t.names for t in life.told)

    def _check_deactivation(self, life: Life, now: datetime) -> None:
        counted = [t for t in life.told if t.at >= life.since and t.names and t.names <= now]
        spaced: list[datetime] = []
        for told in counted:
            if not spaced or told.at >= spaced[-1] + GAP:
                spaced.append(told.at)
        assert len(spaced) >= 2
        assert spaced[0] <= now - OVER
        assert {t.to for t in counted} & {self.owner, "sec@example.com", "#iam-keys"}

    def _check_deletion(self, life: Life, now: datetime) -> None:
        assert life.inactive_since is not None
        assert life.inactive_since <= now - timedelta(days=30)
        assert any(life.inactive_since <= t.at <= now - OVER and t.names for t in life.told)

    def _read_inboxes(self, sent: dict[str, int], now: datetime) -> None:
        ids = {f.id: f.key_id for f in self.world.ledger.view().findings.values()}
        for inbox in (self.world.slack, self.world.jira):
            for message in inbox.sent[sent[inbox.name] :]:
                for n in message.notices:
                    self.lives[ids[n.finding_id]].told.append(Told(now, message.recipient, n.act_at))
        for what, key_id in self.world.writes:
            if what == "deactivate" and self.lives[key_id].inactive_since is None:
                key = self.world.key(key_id)
                if key and key.status == INACTIVE:
                    self.lives[key_id].inactive_since = now

    # --- what people and faults do -----------------------------------------------------------------

    @rule(key_id=KEYS)
    def deactivated_by_hand(self, key_id: str) -> None:
        if key := self.world.key(key_id):
            key.status = INACTIVE

    @rule(key_id=KEYS)
    def reactivated_by_hand(self, key_id: str) -> None:
        if key := self.world.key(key_id):
            key.status = ACTIVE

    @rule(key_id=KEYS, idle=st.booleans())
    def used_or_idle(self, key_id: str, idle: bool) -> None:
        if key := self.world.key(key_id):
            key.last_used = LastUsed.never() if idle else None

    @rule(key_id=KEYS)
    def exempted_or_not(self, key_id: str) -> None:
        if key := self.world.key(key_id):
            self.exempt ^= {key_id}
            key.tags = {"sealed": "yes"} if key_id in self.exempt else {}

    @rule(key_id=KEYS, span=st.sampled_from([1, 7]))
    def snoozed(self, key_id: str, span: int) -> None:
        now = START + self.at * DAY
        put = Snooze(f"{PROD.id}/{key_id}", now + span * DAY, "ann", "release", now)
        self.world.ledger.apply(Change(snoozes=(put,)))

    @rule(owner=st.sampled_from(OWNERS))
    def owner_changes(self, owner: str) -> None:
        self.owner = owner
        self._set_policy()

    @rule(mode=st.sampled_from([Mode.OBSERVE, Mode.NOTIFY, Mode.ENFORCE, Mode.ENFORCE, Mode.ENFORCE]))
    def mode_changes(self, mode: Mode) -> None:
        self.world.with_policy(mode=mode)

    @rule(fault=st.sampled_from(["none", "none", "down", "lost", "unknown"]))
    def slack_fault(self, fault: str) -> None:
        self.world.slack.fault = lambda message: _fault(fault, message)

    @rule(fault=st.sampled_from(["none", "none", "down"]))
    def jira_fault(self, fault: str) -> None:
        self.world.jira.fault = lambda message: _fault(fault, message)

    @rule(failing=st.booleans())
    def account_fails(self, failing: bool) -> None:
        self.world.failing = {PROD.id: "AccessDenied"} if failing else {}

    @rule(key_id=KEYS)
    def last_use_unreadable(self, key_id: str) -> None:
        self.world.unreadable_use ^= {key_id}

    @precondition(lambda self: self.world.keys)
    @rule(watched=st.booleans())
    def account_deselected(self, watched: bool) -> None:
        self.world.accounts = [PROD] if watched else []

    # --- what always holds ---------------------------------------------------------------------------

    @invariant()
    def nothing_is_told_twice(self) -> None:
        keys = Counter(
            (n.finding_id, n.episode, n.stage, n.occurrence, inbox.name, m.is_fallback)
            for inbox in (self.world.slack, self.world.jira)
            for m in inbox.sent
            for n in m.notices
        )
        assert not [key for key, number in keys.items() if number > 1]

    @invariant()
    def an_open_finding_is_never_about_a_resolved_one(self) -> None:
        for finding in self.world.ledger.view().findings.values():
            assert (finding.resolved_at is not None) == (finding.state is FindingState.RESOLVED)


def _fault(kind: str, message: Message) -> Exception | None:
    if kind == "down":
        return Transient("500")
    if kind == "lost":
        return Ambiguous("timed out before it arrived")
    if kind == "unknown" and "@" in message.recipient:
        return RecipientUnreachable("users_not_found")
    return None


class RememberedHistory(History):
    remembering = True


TestHistory = pytest.mark.slow(History.TestCase)
TestRememberedHistory = pytest.mark.slow(RememberedHistory.TestCase)
TestHistory.settings = TestRememberedHistory.settings = settings(
    max_examples=200,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
