"""A ledger that forgets plans as one that forgets nothing: two worlds with the same history, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.errors import Ambiguous, KeystewardError, Permanent, RecipientUnreachable, Transient
from app.ledger.interface import Change, Lease
from app.ledger.memory import MemoryLedger
from app.model import ACTIVE, INACTIVE, Do, Mode, Refusal, Snooze
from app.plan.limits import Brake
from app.plan.snoozing import first_date
from app.policy.rules import (
    Age,
    AnyOf,
    Exemption,
    Inactive,
    Match,
    OwnerByMap,
    OwnerFallback,
    Require,
    Rule,
    Stage,
    Unused,
)
from app.service import changes
from app.service.approve import approve
from tests.fakes.policies import days, policy
from tests.fakes.world import DAY, PROD, START, World, aged

IDS = [f"AKIAEXAMPLE{n:09d}" for n in range(3)]
OWNERS = ("ann@example.com", "bob@example.com")
AGES = (150, 60, 20)
GONE = RecipientUnreachable("users_not_found")
# Shorter than the service keeps anything, longer than `require` and an exemption's warning look back.
KEPT = timedelta(days=20)
LADDER = (
    Stage("warn", Age(days(40)), ("slack",), repeat=days(10)),
    Stage("ticket", Age(days(100)), ("slack", "jira")),
    Stage("final", Age(days(160)), ("slack",), repeat=days(2)),
    Stage(
        "deactivate",
        AnyOf((Age(days(200)), Unused(days(90)))),
        ("slack", "jira"),
        do=Do.DEACTIVATE,
        require=Require(3, days(9)),
    ),
    Stage("inactive", Inactive(days(10)), ("slack",), repeat=days(5)),
    Stage("delete", Inactive(days(60)), ("slack", "jira"), do=Do.DELETE),
)


class Hoarding(MemoryLedger):
    def prune(self, before: datetime, lease: Lease) -> Mapping[str, int]:
        return {}


class Forgetful(MemoryLedger):
    """Forgets with every run what is older than `KEPT`."""

    gone = 0

    def prune(self, before: datetime, lease: Lease) -> Mapping[str, int]:
        return {}  # in its own time

    def forget(self, now: datetime) -> None:
        with self.lease("a test", timedelta(0)) as lease:
            assert lease
            self.gone += sum(super().prune(now - KEPT, lease).values())


def a_world(ledger: MemoryLedger) -> World:
    ages = enumerate(zip(AGES, IDS, strict=True))
    world = World(policy(), *(aged(age, i, f"user{n}") for n, (age, i) in ages), ledger=ledger)
    world.limits = replace(world.limits, share_of_account=1.0)
    world.slack.fallback = "#iam-keys"
    return world


class Twins(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.forgetful, self.hoarding = Forgetful(), Hoarding()
        self.worlds = (a_world(self.forgetful), a_world(self.hoarding))
        self.at, self.owner = 0.0, OWNERS[0]
        self._set_policy()

    def _both(self, change: Callable[[World], object]) -> None:
        for world in self.worlds:
            change(world)

    def _set_policy(self) -> None:
        until = START + 200 * DAY
        sealed = Rule("sealed", Match(tags={"sealed": ("yes",)}), exemption=Exemption("sealed", until=until))
        owners = (OwnerByMap({"*": self.owner}), OwnerFallback("sec@example.com"))

        def put(world: World) -> None:
            made = policy(sealed, Rule("default", Match(), LADDER), mode=world.policy.mode)
            world.policy = replace(made, owners=owners)

        self._both(put)

    # --- what happens -------------------------------------------------------------------------------

    @rule(number=st.integers(1, 12), pace=st.sampled_from([0.5, 1.0, 3.0]))
    def time_passes(self, number: int, pace: float) -> None:
        for _ in range(number):
            self.at += pace
            self._run()

    @invariant()
    def and_more(self) -> None:
        self.time_passes(4, 2.0)

    def _run(self) -> None:
        plans = [world.day(self.at).plan for world in self.worlds]
        forgot, kept = plans
        assert sorted(forgot.send) == sorted(kept.send)
        assert [(act.verb, act.credential.uid) for act in forgot.acts] == [
            (act.verb, act.credential.uid) for act in kept.acts
        ]
        assert sorted(map(held, forgot.held)) == sorted(map(held, kept.held))
        assert told(self.worlds[0]) == told(self.worlds[1])
        assert self.worlds[0].writes == self.worlds[1].writes
        assert snoozable(self.worlds[0]) == snoozable(self.worlds[1])
        self.forgetful.forget(self.worlds[0].clock.instant)

    @rule(key_id=st.sampled_from(IDS), status=st.sampled_from([ACTIVE, INACTIVE]))
    def its_status_is_set_by_hand(self, key_id: str, status: str) -> None:
        for world in self.worlds:
            if key := world.key(key_id):
                key.status = status

    @rule(key_id=st.sampled_from(IDS))
    def exempted_or_not(self, key_id: str) -> None:
        for world in self.worlds:
            if key := world.key(key_id):
                key.tags = {} if key.tags else {"sealed": "yes"}

    @rule(key_id=st.sampled_from(IDS))
    def rotated(self, key_id: str) -> None:
        for world in self.worlds:
            if key := world.key(key_id):
                world.keys.remove(key)

    @rule(owner=st.sampled_from(OWNERS))
    def owner_changes(self, owner: str) -> None:
        self.owner = owner
        self._set_policy()

    @rule(key_id=st.sampled_from(IDS), owner=st.sampled_from(OWNERS))
    def not_mine(self, key_id: str, owner: str) -> None:
        gone = Refusal(owner, f"{PROD.id}/{key_id}", START + self.at * DAY, "ann", "not mine")
        self._both(lambda world: world.ledger.apply(Change(refusals=(gone,))))

    @rule(key_id=st.sampled_from(IDS), span=st.sampled_from([1, 7, 30]))
    def snoozed(self, key_id: str, span: int) -> None:
        now = START + self.at * DAY
        put = Snooze(f"{PROD.id}/{key_id}", now + span * DAY, "ann", "release", now)
        self._both(lambda world: world.ledger.apply(Change(snoozes=(put,))))

    @rule(mode=st.sampled_from([Mode.NOTIFY, Mode.ENFORCE, Mode.ENFORCE]))
    def mode_changes(self, mode: Mode) -> None:
        self._both(lambda world: world.with_policy(mode=mode))

    @rule(fault=st.sampled_from([None, None, Transient("500"), Ambiguous("lost"), Permanent("400"), GONE]))
    def slack_fault(self, fault: Exception | None) -> None:
        def break_it(world: World) -> None:
            world.slack.fault = lambda m: None if fault is GONE and "@" not in m.recipient else fault

        self._both(break_it)

    @rule(fault=st.sampled_from([None, None, Transient("500"), Permanent("400")]))
    def jira_fault(self, fault: Exception | None) -> None:
        def break_it(world: World) -> None:
            world.jira.fault = lambda m: fault
            world.jira.closing_fault = fault

        self._both(break_it)

    @rule(closed=st.booleans())
    def tickets_closed_by_hand(self, closed: bool) -> None:
        def close(world: World) -> None:
            found = world.ledger.view().findings.values()
            keys = {f.refs["jira"]["key"] for f in found if "jira" in f.refs}
            world.jira.closed_by_hand = keys if closed else set()

        self._both(close)

    @rule(brakes=st.booleans())
    def the_brake_is_set(self, brakes: bool) -> None:
        limit = Brake(0, 1.0) if brakes else Brake(1000, 1.0)

        def put(world: World) -> None:
            world.limits = replace(world.limits, brake=limit)

        self._both(put)

    @rule()
    def what_waits_is_approved(self) -> None:
        def let_through(world: World) -> str:
            plans = world.ledger.held_plans()
            try:
                latest = max(plans, key=lambda plan: plan.last_held_at)
                return approve(world.parts(), latest.id, "ann", "it is meant").plan.id
            except (KeystewardError, ValueError) as error:
                return str(error)

        first, second = map(let_through, self.worlds)
        assert first == second

    @rule(key_id=st.sampled_from(IDS))
    def restored(self, key_id: str) -> None:
        def restore(world: World) -> str:
            parts = replace(world.parts(), known_account=lambda _: PROD)
            try:
                return changes.restore(parts, key_id, "ann", "it broke")
            except KeystewardError as error:
                return str(error)

        first, second = map(restore, self.worlds)
        assert first == second


def held(act: object) -> tuple[str, ...]:
    return (act.guard, act.finding_id, act.verb)  # type: ignore[attr-defined]


def told(world: World) -> Sequence[tuple[object, ...]]:
    """Everything that anybody was told, by whom, of what day."""
    return [
        (inbox.name, message.recipient, n.finding_id, n.episode, n.stage, n.occurrence, n.act_at)
        for inbox in (world.slack, world.jira)
        for message in inbox.sent
        for n in message.notices
    ] + [("closed", n.finding_id, n.episode) for n in world.jira.resolved]


def snoozable(world: World) -> Sequence[datetime | None]:
    """Until when each owner may snooze."""
    view = world.ledger.view()
    return [
        first_date(f, view.deliveries.get(f.id, ())) for _, f in sorted(view.findings.items()) if f.due_at
    ]


TestTwins = Twins.TestCase
TestTwins.settings = settings(
    max_examples=6, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


class ManyTwins(Twins):
    """The same for longer."""


TestManyTwins = pytest.mark.slow(ManyTwins.TestCase)
TestManyTwins.settings = settings(TestTwins.settings, max_examples=40, stateful_step_count=40)


def test_it_does_forget() -> None:
    """Else the twins would prove nothing."""
    twins = Twins()
    for _ in range(4):
        twins.time_passes(30, 3.0)
    assert twins.forgetful.gone > 20


@pytest.mark.parametrize("mode", [Mode.NOTIFY, Mode.ENFORCE])
def test_reminders_that_named_no_day_are_what_is_forgotten(mode: Mode) -> None:
    twins = Twins()
    twins.mode_changes(mode)
    twins.time_passes(30, 3.0)
    (finding, *_) = twins.forgetful.view().findings.values()
    reminders = [row for row in twins.forgetful.deliveries_of(finding.id) if row.stage == "final"]
    everything = [row for row in twins.hoarding.deliveries_of(finding.id) if row.stage == "final"]
    assert (len(reminders) < len(everything)) == (mode is Mode.NOTIFY)
