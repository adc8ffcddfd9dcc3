"""One pass over the accounts: what commands do meanwhile, and what the fleet's caps come to."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

import pytest

from app.inventory.interface import AccountMemory, Need, Scanned
from app.ledger.interface import AccountRows, Change
from app.ledger.memory import MemoryLedger
from app.model import Account, FindingState
from app.plan.gather import LISTED
from app.service.picture import picture
from app.sinks.snapshot import Snapshot
from tests.fakes.policies import policy
from tests.fakes.world import PROD, World, aged

DEV = Account("222233334444", "dev")


def touch(ledger: MemoryLedger, account: Account) -> None:
    """What a command does: a finding of the account is written between a run's reading and its writing."""
    rows = ledger.view().findings.values()
    ledger.apply(Change(findings=tuple(row for row in rows if row.account_id == account.id)))


class Busy(World):
    """Somebody changes a finding of ``busy`` while the accounts are read."""

    busy: Account | None = None

    def scan(
        self,
        accounts: Sequence[Account],
        need: Need,
        memory: Callable[[str], AccountMemory],
        now: datetime,
        resumed: Collection[str] = (),
    ) -> Iterable[Scanned]:
        yield from super().scan(accounts, need, memory, now, resumed)
        if self.busy:
            assert isinstance(self.ledger, MemoryLedger)
            touch(self.ledger, self.busy)


def two_accounts() -> Busy:
    world = Busy(policy(), aged(86), aged(86, "AKIAEXAMPLE000000002", "dev", account=DEV))
    world.accounts.append(DEV)
    return world


def told_of(world: World, account: Account) -> list[str]:
    return [n.stage for m in world.slack.sent for n in m.notices if n.account_id == account.id]


def test_an_account_that_a_command_wrote_to_meanwhile_is_left_to_the_next_run_and_no_other_is() -> None:
    world = two_accounts()
    world.day(0)
    world.busy = PROD
    report = world.day(1)
    assert [text.split(":")[0] for text in report.failures] == [f"account prod ({PROD.id})"]
    assert (report.coverage.fresh, report.coverage.total) == (1, 2)
    assert told_of(world, PROD) == ["ticket"]
    assert told_of(world, DEV) == ["ticket", "final"]
    world.busy = None
    world.day(2)
    assert told_of(world, PROD) == ["ticket", "final"]


def test_a_finding_changed_while_its_deselected_account_is_settled_waits_for_the_next_run() -> None:
    class Changed(MemoryLedger):
        def account(self, account_id: str) -> AccountRows:
            rows = super().account(account_id)
            if account_id == DEV.id and meanwhile:
                touch(self, DEV)
            return rows

    meanwhile = False
    world = two_accounts()
    world.ledger = Changed()
    world.day(0)
    world.accounts.remove(DEV)
    meanwhile = True
    report = world.day(1)
    assert [text.split(":")[0] for text in report.failures] == [f"account dev ({DEV.id})"]
    assert told_of(world, PROD) == ["ticket", "final"]
    meanwhile = False
    world.day(2)
    assert states(world) == {PROD.id: FindingState.OPEN, DEV.id: FindingState.SUSPENDED}


def states(world: World) -> dict[str, FindingState]:
    return {row.account_id: row.state for row in world.ledger.view().findings.values()}


def test_far_more_notices_than_a_run_may_send_are_sent_most_pressing_first_and_the_rest_is_counted() -> None:
    keys = [aged(75 + n / 1000, f"AKIAEXAMPLE{n:09d}", f"user-{n}") for n in range(3 * LISTED)]
    world = World(policy(), *keys)
    world.limits = replace(world.limits, notices_per_run=5, share_of_account=1.0)
    held = world.day(0).plan.held_by_guard()["notices_per_run"]
    told = [n.user for m in world.slack.sent for n in m.notices]
    assert told == [f"user-{3 * LISTED - n}" for n in range(1, 6)]
    assert held == 3 * LISTED - 5


def exposed(world: World) -> int | None:
    return world.ledger.frame().accounts[PROD.id].exposed


def test_active_keys_of_whom_aws_has_quarantined_are_counted_until_they_are_not_active() -> None:
    world = World(
        policy(), aged(86), aged(5, "AKIAEXAMPLE000000002"), aged(86, "AKIAEXAMPLE000000003", "dev")
    )
    world.quarantined = frozenset({world.keys[0].user})
    report = world.day(0)
    assert exposed(world) == 2  # AWS does not say which of the user's keys it is
    assert report.census
    assert [row.exposed for row in report.census.rows()] == [
        row.user != "dev" for row in report.census.rows()
    ]
    for key in world.keys:
        key.status = "Inactive"
    world.day(1)
    assert exposed(world) == 0


def test_a_leaked_key_is_listed_however_young_it_is() -> None:
    world = World(policy(), aged(5), aged(400, "AKIAEXAMPLE000000002", "dev"))
    world.quarantined = frozenset({world.keys[0].user})
    census = world.day(0).census
    assert census
    told = [(row.user, row.state, row.exposed) for row in census.leaked()]
    assert told == [(world.keys[0].user, "ok", True)]
    assert all(row.user == "dev" for row in census.rows())


def test_who_leaked_stays_on_the_picture_while_it_cant_be_read_and_no_longer() -> None:
    world = World(policy(), aged(5))
    world.quarantined = frozenset({world.keys[0].user})
    shown = picture(world.parts(), world.day(0), Snapshot())
    world.quarantined = None
    still = picture(world.parts(), world.day(1), shown)
    world.failing[PROD.id] = "throttled"
    failed = picture(world.parts(), world.day(2), still)
    assert [len(one.leaked) for one in (shown, still, failed)] == [1, 1, 1]
    world.failing.clear()
    world.quarantined = frozenset()
    assert picture(world.parts(), world.day(3), failed).leaked == ()


def test_where_nobody_could_ever_tell_it_is_not_known_and_not_none() -> None:
    world = World(policy(), aged(86))
    world.quarantined = None
    world.day(0)
    assert exposed(world) is None
    world.quarantined = frozenset()
    world.day(1)
    assert exposed(world) == 0


def test_leaked_keys_stay_counted_while_nobody_can_tell() -> None:
    world = World(policy(), aged(86))
    world.quarantined = frozenset({world.keys[0].user})
    world.day(0)
    world.quarantined = None
    world.day(1)
    assert exposed(world) == 1


def test_accounts_of_which_nobody_can_tell_leaks_are_counted_and_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A role without the permission is no failure; without this no alert of a leak could ever come."""
    world = World(policy(), aged(86))
    assert world.day(0).leaks_unknown == 0
    world.quarantined = None
    report = world.day(1)
    assert (report.outcome, report.leaks_unknown) == ("success", 1)
    assert picture(world.parts(), report, Snapshot()).leaks_unknown == 1
    assert "leaked or root keys are unknown: do the roles lack a permission?" in caplog.messages
