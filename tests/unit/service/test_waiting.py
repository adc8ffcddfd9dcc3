"""What the page and the metrics say of what waits for a person, and of the audit trail."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from app.errors import CouldNotStart, LedgerError
from app.ledger.interface import Change
from app.ledger.memory import MemoryLedger
from app.model import Event
from app.plan.freeze import parse_freeze
from app.plan.kept import Hold
from app.plan.limits import Brake
from app.service.approve import approve
from app.service.daemon import Daemon, Schedule
from app.service.picture import with_deliveries
from app.service.snapshot import Health, SnapshotHolder
from app.service.trail import read_trail
from app.sinks.snapshot import HoldRow, PlanRow, Snapshot
from app.telemetry import Counters
from tests.fakes.policies import policy
from tests.fakes.world import DAY, START, World, aged

NUMBER = 12
WEEK = START + 7 * DAY


def braked() -> World:
    """Twelve keys that are due since day 7, and a brake at five."""
    world = World(policy(), *(aged(300 + n, f"AKIAEXAMPLE{n:09d}", f"user{n}") for n in range(NUMBER)))
    brake = Brake(deactivations=5, share=1.0)
    world.limits = replace(world.limits, deactivations_per_run=4, share_of_account=1.0, brake=brake)
    world.days(*range(8))
    return world


def shown(world: World) -> Snapshot:
    return with_deliveries(world.parts(), Snapshot())


def test_a_plan_that_waits_is_shown_by_the_name_that_approve_takes() -> None:
    world = braked()
    world.days(8, 9)
    (plan,) = world.ledger.held_plans()
    assert shown(world).plan == PlanRow(plan.short, NUMBER, WEEK)
    approve(world.parts(), plan.short, "ann", "it is meant")
    world.day(9.1)
    until = START + 10 * DAY
    assert shown(world).plan == PlanRow(plan.short, NUMBER, WEEK, "ann", until, 4)
    world.clock.instant = until
    assert shown(world).plan is None


def test_one_that_no_run_holds_any_more_is_not_shown() -> None:
    world = braked()
    world.limits = replace(world.limits, brake=Brake(1000, 1.0), deactivations_per_run=0)
    world.day(7.5)
    assert shown(world).plan is None


def test_a_run_that_could_not_start_says_nothing_of_it() -> None:
    world = braked()

    def unlisted() -> object:
        raise CouldNotStart("organizations:ListAccounts is denied")

    world.list = unlisted  # type: ignore[method-assign,assignment]
    world.days(7.2, 7.4)
    assert shown(world).plan
    world.day(8.1)
    assert shown(world).plan is None, "by then it can't be approved"


def test_long_holds_are_shown_masked_with_their_beginning() -> None:
    world = World(policy(), aged(300))
    world.limits = replace(world.limits, freeze=(parse_freeze("2026-06-01 - 2027-06-01"),))
    world.days(*range(15))
    assert shown(world).long_holds == ()
    world.day(14.1)
    (row,) = shown(world).long_holds
    (finding,) = world.ledger.view().findings.values()
    account = (finding.account_id, "prod")
    assert row == HoldRow(finding.id, "…0001", "ci-deploy", *account, "freeze", WEEK)
    assert shown(world).long_holds_in_all == 1


def test_the_longest_comes_first_and_one_of_a_finding_that_is_gone_is_left_out() -> None:
    world = World(policy(), aged(300), aged(300, "AKIAEXAMPLE000000002", "dev"))
    world.day(0)
    ids = {f.user: f.id for f in world.ledger.view().findings.values()}
    long_ago = (("ci-deploy", 10), ("dev", 20))
    holds = [Hold(ids[user], "freeze", START - span * DAY) for user, span in long_ago]
    world.ledger.apply(Change(holds=(*holds, Hold("KS-GONE", "freeze", START - 30 * DAY))))
    assert [row.user for row in shown(world).long_holds] == ["dev", "ci-deploy"]


# --- the audit trail --------------------------------------------------------------------------------------


def test_a_trail_as_it_was_written_is_intact() -> None:
    world = braked()
    row = read_trail(world.parts())
    assert (row.events, row.breaks) == (len(world.ledger.events()), ())
    assert row.read_at == world.clock.instant


def test_one_that_is_not_is_told_with_what_is_wrong(caplog: pytest.LogCaptureFixture) -> None:
    world = braked()
    assert isinstance(world.ledger, MemoryLedger)
    del world.ledger._sealed[3]
    row = read_trail(world.parts())
    assert row.breaks == ("event 4 is missing, so event 5 can't be checked",)
    (line,) = (r for r in caplog.records if r.levelno == logging.ERROR)
    assert line.message == "the audit trail is not what was written"


def test_a_trail_that_goes_on_meanwhile_is_intact() -> None:
    world = braked()
    real = world.ledger.sealed

    def sealed(since_seq: int | None = None):  # type: ignore[no-untyped-def]
        yield from real(since_seq)
        world.ledger.apply(Change(events=(Event(WEEK + timedelta(hours=1), "ann", "paused"),)))

    world.ledger.sealed = sealed  # type: ignore[method-assign]
    assert read_trail(world.parts()).breaks == ()


def test_after_a_restart_it_shows_before_the_first_run() -> None:
    world = braked()
    holder = SnapshotHolder()
    health = Health(lambda: 0.0, world.ledger.paused)
    daemon = Daemon(world.parts(), Schedule(DAY, timedelta(0)), holder, health, Counters())
    daemon._show_last()
    daemon.read_trail()
    plan, trail = holder.get().plan, holder.get().trail
    assert plan
    assert plan.acts == NUMBER
    assert trail
    assert trail.breaks == ()


def test_a_trail_that_cannot_be_read_is_shown_as_it_was(caplog: pytest.LogCaptureFixture) -> None:
    world = braked()
    holder = SnapshotHolder()
    daemon = Daemon(world.parts(), Schedule(DAY, timedelta(0)), holder, Health(lambda: 0.0, bool), Counters())
    daemon.read_trail()
    before = holder.get().trail

    def silent() -> object:
        raise LedgerError("it does not answer")

    world.ledger.chain = silent  # type: ignore[method-assign,assignment]
    daemon.read_trail()
    assert holder.get().trail == before
    assert "the audit trail can't be read" in caplog.text
