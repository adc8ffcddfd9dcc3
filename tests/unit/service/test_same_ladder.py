"""Two worlds with one history: in one every key is read live in every run, in the other only those that must
be. People, tickets, keys and findings can't tell them apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from app.errors import KeystewardError, Transient
from app.ledger.interface import Change
from app.model import ACTIVE, INACTIVE, Account, LastUsed, Mode, Snooze
from app.policy.rules import Exemption, Match, OwnerByMap, OwnerByTag, OwnerFallback
from app.policy.rules import Rule as PolicyRule
from app.service import changes
from app.service.run_once import RunReport
from tests.fakes.policies import LADDER, policy
from tests.fakes.world import DAY, PROD, START, Key, World, aged

IDS = [f"AKIAEXAMPLE{n:09d}" for n in range(6)]
USERS = ["ann", "bob", "bob", "cid", "dan", "eve"]  # bob has two keys
KEYS = st.sampled_from(IDS)
DEV = Account("444455556666", "dev")


def world(ages: list[int], remembering: bool) -> World:
    keys = [
        aged(age, i, user, account=DEV if user == "eve" else PROD)
        for age, i, user in zip(ages, IDS, USERS, strict=True)
    ]
    made = World(policy(), *keys)
    made.remembering = remembering
    made.accounts = [PROD, DEV]
    made.limits = replace(made.limits, share_of_account=1.0, notices_per_run=4)
    made.slack.fallback = "#iam-keys"
    sealed = PolicyRule("sealed", Match(tags={"sealed": ("yes",)}), exemption=Exemption("sealed"))
    owners = (OwnerByTag("owner"), OwnerByMap({"c*": "cid@example.com"}), OwnerFallback("sec@example.com"))
    made.policy = replace(policy(sealed, PolicyRule("default", Match(), LADDER)), owners=owners)
    return made


def findings(world: World) -> dict[str, object]:
    return {
        f.id: (f.state, f.episode, f.stage, f.rule, f.owner, f.due_at, f.opened_at, f.resolved_at, f.mode)
        for f in world.ledger.view().findings.values()
    }


def guarded(world: World, report: RunReport) -> Counter[tuple[str, str]]:
    """What was held of findings. Of keys far from every stage, more is known where all are read live."""
    known = findings(world)
    return Counter((h.guard, h.finding_id) for h in report.plan.held if h.finding_id in known)


def told(world: World) -> list[tuple[object, ...]]:
    return sorted(
        (
            m.now,
            inbox.name,
            m.recipient,
            n.finding_id,
            n.kind,
            n.stage,
            n.episode,
            n.occurrence,
            str(n.act_at),
        )
        for inbox in (world.slack, world.jira)
        for m in inbox.sent
        for n in m.notices
    )


def closed(world: World) -> list[str]:
    return sorted(notice.finding_id for notice in world.jira.resolved)


def seen_active(world: World, key: Key) -> bool:
    """Now, and by the last run that read it."""
    facts = world.ledger.view().facts.get(f"{key.account.id}/{key.id}")
    return key.status == ACTIVE and (facts is None or facts.status == ACTIVE)


class Twins(RuleBasedStateMachine):
    at = 0

    @initialize(ages=st.lists(st.sampled_from([300, 91, 86, 76, 74, 50, 30, 1]), min_size=6, max_size=6))
    def begin(self, ages: list[int]) -> None:
        self.live, self.remembered = world(ages, remembering=False), world(ages, remembering=True)

    def both(self, change: Callable[[World], object]) -> None:
        change(self.live)
        change(self.remembered)

    @rule(days=st.sampled_from([1, 1, 1, 1, 2, 3, 7, 12]))
    def run(self, days: int) -> None:
        self.at += days
        held = [guarded(world, world.day(self.at)) for world in (self.live, self.remembered)]
        assert held[0] == held[1]
        assert told(self.live) == told(self.remembered)
        assert self.live.writes == self.remembered.writes
        assert closed(self.live) == closed(self.remembered)
        assert findings(self.live) == findings(self.remembered)

    @rule(number=st.integers(2, 8))
    def run_daily(self, number: int) -> None:
        for _ in range(number):
            self.run(1)

    # --- what happens to keys ---

    @rule(key_id=KEYS, status=st.sampled_from([ACTIVE, INACTIVE]))
    def toggled_by_hand(self, key_id: str, status: str) -> None:
        def toggle(world: World) -> None:
            if key := world.key(key_id):
                key.status = status

        self.both(toggle)

    @rule(key_id=KEYS)
    def deleted_by_hand(self, key_id: str) -> None:
        """An Active one: that an inactive one is gone a report can't show."""
        self.both(lambda w: w.keys.remove(key) if (key := w.key(key_id)) and seen_active(w, key) else None)

    @rule(key_id=KEYS)
    def rotated(self, key_id: str) -> None:
        def replace_it(world: World) -> None:
            key = world.key(key_id)
            if key and seen_active(world, key):
                new_id = f"AKIAFRESH{key_id[-7:]}{self.at:04}"
                used = LastUsed.never() if key.last_used else None
                fresh = replace(key, id=new_id, created=START + self.at * DAY + HOUR, last_used=used)
                world.keys[world.keys.index(key)] = fresh

        self.both(replace_it)

    @rule(key_id=KEYS, days=st.sampled_from([None, 0, 44, 50, 200]))
    def used(self, key_id: str, days: int | None) -> None:
        def use(world: World) -> None:
            if key := world.key(key_id):
                at = max(key.created, START + (self.at - (days or 0)) * DAY)
                key.last_used = None if days is None else LastUsed("at", at, "s3", "eu-central-1")

        self.both(use)

    @rule(key_id=KEYS)
    def last_use_unreadable(self, key_id: str) -> None:
        self.live.unreadable_use ^= {key_id}
        self.remembered.unreadable_use ^= {key_id}

    # --- what people do ---

    @rule(
        user=st.sampled_from(sorted(set(USERS))),
        tags=st.sampled_from([{}, {"owner": "a@example.com"}, {"sealed": "yes"}, None]),
    )
    def tagged(self, user: str, tags: dict[str, str] | None) -> None:
        def tag(world: World) -> None:
            for key in world.keys:
                if key.user == user:
                    key.tags = tags

        self.both(tag)

    @rule(key_id=KEYS, span=st.sampled_from([1, 7]))
    def snoozed(self, key_id: str, span: int) -> None:
        now = START + self.at * DAY
        put = Snooze(f"{PROD.id}/{key_id}", now + span * DAY, "ann", "release", now)
        self.both(lambda w: w.ledger.apply(Change(snoozes=(put,))))

    @rule(key_id=KEYS)
    def restored(self, key_id: str) -> None:
        def restore(world: World) -> None:
            try:
                changes.restore(world.parts(), key_id, "ann", "needed")
            except KeystewardError:
                return  # there is nothing to restore

        self.both(restore)

    @rule(mode=st.sampled_from([Mode.OBSERVE, Mode.NOTIFY, Mode.ENFORCE, Mode.ENFORCE]))
    def mode_changes(self, mode: Mode) -> None:
        self.both(lambda w: w.with_policy(mode=mode))

    @rule(down=st.booleans())
    def slack_fails(self, down: bool) -> None:
        def fault(world: World) -> None:
            world.slack.fault = lambda _: Transient("503") if down else None

        self.both(fault)

    @rule(failing=st.sampled_from([{}, {PROD.id: "AccessDenied"}]))
    def account_fails(self, failing: dict[str, str]) -> None:
        self.both(lambda w: setattr(w, "failing", failing))

    @rule(prod=st.booleans(), dev=st.booleans())
    def accounts_selected(self, prod: bool, dev: bool) -> None:
        watched = [account for account, chosen in ((PROD, prod), (DEV, dev)) if chosen]
        self.both(lambda w: setattr(w, "accounts", watched))


HOUR = timedelta(hours=1)

TestTwins = Twins.TestCase
TestTwins.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
