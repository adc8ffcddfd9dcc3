"""A sweep that was cut short: what it leaves behind, and what the next start goes on with."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from app.accounts.interface import AccountList
from app.errors import Transient
from app.inventory.interface import AccountMemory, Need, Scanned
from app.ledger.interface import Change, LedgerView
from app.model import Account, AccountState, KeptReport
from app.service.preview import preview
from app.service.run_once import context, run_once
from app.service.sweep import Sweep
from tests.fakes.policies import policy
from tests.fakes.world import START, World, aged

DEV = Account("222233334444", "dev")


class Stopped(World):
    """SIGTERM comes after the first account, as `Fleet` meets it: the others are abandoned."""

    def scan(
        self,
        accounts: Sequence[Account],
        need: Need,
        memory: Callable[[str], AccountMemory],
        now: datetime,
        resumed: Collection[str] = (),
    ) -> Iterable[Scanned]:
        for scanned in super().scan(accounts, need, memory, now, resumed):
            yield scanned
            self.failing = dict.fromkeys([account.id for account in accounts], "abandoned")
            self.ended.set()


def test_a_stopped_sweep_says_nothing_of_the_accounts_that_it_did_not_come_to() -> None:
    world = Stopped(policy(), aged(10))
    world.accounts.append(DEV)
    known = AccountState(DEV.id, "dev", START - timedelta(hours=1))
    world.ledger.apply(Change(accounts=(known,)))
    report = world.day(0)
    assert report.failures == ("stopped during the scan, 1 of 2 accounts read: the next start goes on",)
    assert world.ledger.frame().accounts[DEV.id] == known


def test_a_run_stopped_while_it_lists_the_accounts_is_not_recorded() -> None:
    class Interrupted(World):
        def list(self) -> AccountList:
            self.ended.set()
            raise Transient("abandoned: the service is stopping")

    world = Interrupted(policy())
    assert world.day(0).failures == ("stopped before the scan",)
    assert world.ledger.frame().last_run is None


@pytest.mark.parametrize(
    ("kept", "resumed"), [(None, False), (START - timedelta(hours=2), False), (START, True)]
)
def test_only_what_the_cut_sweep_fetched_itself_is_gone_on_with(kept: datetime | None, resumed: bool) -> None:
    world = World(policy())
    world.clock.instant = START - timedelta(hours=1)
    run_once(replace(world.parts(), accounts=_Nobody()))
    read = AccountState(DEV.id, "dev", START)
    reports = (KeptReport(DEV.id, kept, START, b""),) if kept else ()
    world.ledger.apply(Change(accounts=(read,), reports=reports))
    with world.ledger.lease("me", timedelta(0)) as lease:
        parts, now = world.parts(), START + timedelta(minutes=1)
        sweep = Sweep(parts, context(parts, world.identity, _frame(world), now), lease)
    assert (DEV.id in sweep.resumed) is resumed


def test_a_preview_that_is_broken_off_ends_every_wait() -> None:
    world = World(policy(), aged(10))

    def closed_pipe(_: object) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        preview(world.parts(), each=closed_pipe)
    assert world.ended.is_set()


class _Nobody:
    def list(self) -> AccountList:
        return AccountList(())


def _frame(world: World) -> LedgerView:
    return world.ledger.frame()
