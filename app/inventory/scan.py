"""Scanning the fleet: many accounts at once, each on its own."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from app.inventory.iam import failure
from app.inventory.interface import AccountMemory, AccountScanner, Need, Scanned
from app.model import Account

WORKERS = 16


@dataclass(frozen=True)
class Fleet:
    """`FleetScanner` on a pool of threads.

    At most twice ``workers`` accounts are in memory ahead of the caller, whatever their number. When the
    service stops, what is left fails at its first call, so the caller still hears of every account.
    """

    scanner: AccountScanner
    workers: int = WORKERS

    def scan(
        self,
        accounts: Iterable[Account],
        need: Need,
        memory: Callable[[str], AccountMemory],
        now: datetime,
    ) -> Iterator[Scanned]:
        waiting = iter(accounts)
        running: dict[Future[Scanned], Account] = {}
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="account")
        try:
            while True:
                for account in islice(waiting, 2 * self.workers - len(running)):
                    # the ledger is read here, in the caller's thread, and only just before it is needed
                    known = memory(account.id)
                    running[pool.submit(self.scanner.scan, account, need, known, now)] = account
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield _result(future, running.pop(future), now)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _result(future: Future[Scanned], account: Account, now: datetime) -> Scanned:
    """A scanner never raises by contract; should one, it is still that account's failure alone."""
    error = future.exception()
    if isinstance(error, Exception):
        return Scanned(failure(account, now, error))
    return future.result()
