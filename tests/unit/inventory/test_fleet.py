"""The fleet: bounded look-ahead, and a failure that stays with its account."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from app.inventory.interface import AccountMemory, Need, Scanned
from app.inventory.scan import Fleet
from app.model import Account, Inventory, ScanFailure

NOW = datetime(2026, 11, 20, tzinfo=UTC)
NEED = Need(timedelta(days=60))
KEY = "AKIA1234567890ABCDEF"


class Scanner:
    """Reads every account but 013, on which it breaks its contract."""

    def scan(self, account: Account, need: Need, memory: AccountMemory, now: datetime) -> Scanned:
        if account.id == "013":
            raise RuntimeError(f"boom {KEY}")
        return Scanned(Inventory(account, now, (), frozenset()))


def test_every_account_is_heard_of_once_and_a_crash_is_one_accounts_failure() -> None:
    accounts = [Account(f"{n:03}") for n in range(100)]
    results = [one.scan for one in Fleet(Scanner(), 4).scan(accounts, NEED, lambda _: AccountMemory(), NOW)]
    assert sorted(result.account.id for result in results) == [account.id for account in accounts]
    (failure,) = [result for result in results if isinstance(result, ScanFailure)]
    assert failure.reason == "RuntimeError: boom …CDEF"


def test_accounts_are_taken_up_only_a_little_ahead_of_the_caller() -> None:
    taken = 0

    def endless() -> Iterator[Account]:
        nonlocal taken
        while True:
            taken += 1
            yield Account(f"{taken:03}")

    results = iter(Fleet(Scanner(), 4).scan(endless(), NEED, lambda _: AccountMemory(), NOW))
    for _ in range(5):
        next(results)
    assert taken <= 5 + 2 * 4
