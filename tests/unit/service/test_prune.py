"""The ledger forgets once a day: it stays as large as what there is to remember."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.errors import RecipientLeft, Transient
from app.inventory.interface import AwsClock
from app.ledger.interface import AccountRows
from app.ledger.memory import MemoryLedger
from app.ledger.open import open_ledger
from app.model import Account, Mode
from app.policy.rules import Match, Require, Rule
from app.service import changes
from app.service.parts import Parts
from app.service.prune import KEPT_FOR, kept_for
from app.service.run_once import run_once
from tests.fakes.policies import DEACTIVATE, FINAL, LADDER, days, ladder, policy
from tests.fakes.world import DAY, PROD, START, World, aged

DEV, TWIN = Account("444455556666", "dev"), "AKIAEXAMPLE000000002"


class Noting(MemoryLedger):
    """Notes when it was to forget, and what."""

    def __init__(self) -> None:
        super().__init__()
        self.cuts: list[float] = []

    def prune(self, before, lease):  # type: ignore[no-untyped-def]
        self.cuts.append((before - START) / DAY)
        return super().prune(before, lease)


def test_the_first_run_of_a_day_forgets_and_no_other() -> None:
    ledger = Noting()
    world = World(policy(), aged(30), ledger=ledger)
    for tenth in range(50):
        world.day(tenth / 10)
    kept = KEPT_FOR / DAY
    # Runs begin at 09:00: the first of a day is the one after 15 hours.
    assert [cut + kept for cut in ledger.cuts] == [pytest.approx(n + 0.7) for n in range(5)]


@pytest.mark.parametrize("leap", [90, 4000, -3])
def test_a_clock_that_has_leapt_forgets_nothing(leap: float) -> None:
    ledger = Noting()
    world = World(policy(), aged(30), ledger=ledger)
    world.days(0, leap)
    assert ledger.cuts == []


def test_nor_does_one_that_differs_from_awss() -> None:
    class Wrong(AwsClock):
        def skew(self) -> timedelta:
            return timedelta(hours=1)

    ledger = Noting()
    world = World(policy(), aged(30), ledger=ledger)
    world.day(0)
    world.clock.instant = START + DAY
    run_once(replace(world.parts(), aws_clock=Wrong()))
    assert ledger.cuts == []


def test_it_looks_back_further_than_any_act_does() -> None:
    assert kept_for(policy()) == KEPT_FOR
    slow = replace(DEACTIVATE, require=Require(4, days(200)))
    assert kept_for(ladder(FINAL, slow)) == days(400)


# --- over a long time -----------------------------------------------------------------------------------


def of_a_year(ledger_for: Callable[[], MemoryLedger] | None, path: Path, total: int) -> list[Counter[str]]:
    """How many rows of each table there are on each 50th day, while keys come and go."""
    world = World(policy(Rule("default", Match(), LADDER)), ledger=open_ledger(f"sqlite:///{path}"))
    sizes = []
    for day in range(total):
        if day % 5 == 0:
            world.keys.append(
                aged(75 - day, f"AKIA{day:016}", f"user{day}", tags={"owner": f"o{day % 3}@example.com"})
            )
        if day % 5 == 2 and len(world.keys) > 12:
            world.keys.pop(0)
        world.day(day)
        if day % 50 == 49:
            sizes.append(count(path))
    world.ledger.close()
    return sizes


def count(path: Path) -> Counter[str]:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(path)) as db:
        tables = ("deliveries", "findings", "runs", "facts", "snoozes")
        return Counter({t: db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in tables})


@pytest.mark.slow
def test_the_ledger_is_no_larger_after_two_years_than_after_half_a_one(tmp_path: Path) -> None:
    sizes = of_a_year(None, tmp_path / "ledger.db", 700)
    early, late = sizes[4], sizes[-1]
    for table in early:
        assert late[table] <= early[table] * 1.1 + 2, (table, sizes)


def test_reminders_of_an_open_finding_do_not_pile_up_and_its_ladder_is_as_before(tmp_path: Path) -> None:
    """In `notify` a key can be warned about for years. Then `enforce` counts from zero, as ever."""
    world = World(policy(mode=Mode.NOTIFY), aged(300))
    for day in range(250):
        world.day(day)
    (finding,) = world.ledger.view().findings.values()
    assert len(world.ledger.deliveries_of(finding.id)) < 100
    assert len(world.told()) == 250
    world.with_policy(mode=Mode.ENFORCE)
    world.days(*range(250, 257))
    assert world.acts() == []
    world.days(257)
    assert world.acts() == ["deactivate"]


def parts_of(world: World) -> Parts:
    return world.parts()


# --- what nobody asks for any more ------------------------------------------------------------------------


def told_world() -> World:
    """Two accounts, a key that is told of in each, both seen by the report and the memory."""
    keys = (aged(76), aged(76, TWIN, "dev", account=DEV))
    world = World(policy(mode=Mode.NOTIFY), *keys)
    world.remembering, world.accounts = True, [PROD, DEV]
    world.slack.fallback = "#iam-keys"
    return world


def rows_of(world: World, account: Account) -> AccountRows:
    return world.ledger.account(account.id)


def test_an_account_that_was_not_watched_for_long_is_forgotten_with_all_there_is_of_it() -> None:
    world = told_world()
    world.days(*range(5))
    world.accounts = [PROD]
    world.days(*range(5, 94))
    assert rows_of(world, DEV).findings
    world.days(*range(94, 97))
    assert rows_of(world, DEV) == AccountRows()
    assert world.ledger.frame().accounts.keys() == {PROD.id}
    assert rows_of(world, PROD).findings


def test_one_that_comes_back_after_that_is_told_from_the_beginning_on_the_same_ticket() -> None:
    world = told_world()
    world.days(*range(10))
    [ticket] = {n.finding_id for n in world.jira.notices if n.user == "dev"}
    world.accounts = [PROD]
    world.days(*range(10, 110))
    world.accounts = [PROD, DEV]
    world.with_policy(mode=Mode.ENFORCE)
    world.days(*range(110, 117))
    assert ("deactivate", TWIN) not in world.writes
    world.days(117, 118)
    assert ("deactivate", TWIN) in world.writes
    assert {n.finding_id for n in world.jira.notices if n.user == "dev"} == {ticket}


def test_an_account_that_fails_for_long_is_not_forgotten() -> None:
    world = told_world()
    world.days(*range(5))
    world.failing = {DEV.id: "AccessDenied"}
    world.days(*range(5, 120))
    assert rows_of(world, DEV).findings
    assert world.ledger.frame().accounts[DEV.id].counts


def test_of_an_account_that_left_what_waits_to_be_told_is_kept() -> None:
    world = told_world()
    world.days(0, 1)
    world.jira.closing_fault = Transient("503")
    world.keys = [key for key in world.keys if key.account != DEV]
    world.days(*range(2, 10))
    world.accounts = [PROD]
    world.days(*range(10, 60))
    assert rows_of(world, DEV).findings


def test_a_user_who_is_gone_is_forgotten_and_one_who_is_there_is_not() -> None:
    world = told_world()
    world.days(0, 1)
    assert rows_of(world, PROD).users.keys() == {"ci-deploy"}
    world.keys[0] = replace(world.keys[0], user="renamed")
    world.days(*range(2, 100))
    assert rows_of(world, PROD).users.keys() == {"renamed"}
    assert rows_of(world, DEV).users.keys() == {"dev"}


def test_who_left_is_forgotten_long_after_that_lapsed() -> None:
    world = told_world()
    world.slack.fault = lambda message: (
        RecipientLeft("account_inactive") if message.recipient == "platform@example.com" else None
    )
    world.day(0)
    assert len(world.ledger.frame().refusals) == 1
    world.slack.fault = lambda message: None
    world.days(*range(1, 80))
    world.keys = []
    world.days(*range(80, 93))
    assert len(world.ledger.frame().refusals) == 0


def test_what_was_said_of_a_key_goes_with_it() -> None:
    """Also of one that was on no ladder: it has no finding."""
    world = told_world()
    young = aged(1, "AKIAEXAMPLE000000003", "young")
    world.keys.append(young)
    world.remembering = False
    world.day(0)
    changes.snooze(world.parts(), young.id, timedelta(days=1), "ann", "a release")
    world.days(*range(1, 30))
    world.keys.remove(young)
    world.days(*range(30, 91))
    assert len(world.ledger.frame().snoozes) == 1
    world.days(91, 92, 93)
    assert len(world.ledger.frame().snoozes) == 0
