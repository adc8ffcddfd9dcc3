"""Scanning the fleet: many accounts at once, each on its own."""

import heapq
import zlib
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from itertools import count, islice
from typing import Any

from app.errors import KeystewardError, Transient
from app.inventory.api import Pace
from app.inventory.iam import failure
from app.inventory.interface import AccountMemory, AccountScanner, Fetched, Need, NotYet, Scanned
from app.model import Account, KeptReport, ScanFailure

WORKERS = 64  # accounts at once: one that is throttled keeps its thread while it waits
AHEAD = 8  # accounts that wait for a thread, so that none waits for an account
ATTEMPTS = 3  # of one account in one sweep, when asking again may help
BETWEEN_ATTEMPTS = (5.0, 15.0)  # seconds
LOOK_UP = 1.0  # seconds, after which a sweep that waits for answers sees that it is to stop


@dataclass(frozen=True, slots=True)
class Ticket:
    """An account that waits for its turn."""

    account: Account
    fetches: int = 0
    attempts: int = 0


@dataclass(frozen=True)
class Fleet:
    """`FleetScanner` on a pool of threads.

    Every account's report is asked for before the first is fetched: AWS makes them meanwhile. No more than a
    few accounts beyond ``workers`` are in memory, whatever their number. An account that failed
    is tried again, behind the others. When the service stops, what is left fails at its first call, so the
    caller still hears of every account.
    """

    scanner: AccountScanner
    workers: int = WORKERS
    pace: Pace = field(default_factory=Pace)

    def scan(
        self,
        accounts: Sequence[Account],
        need: Need,
        memory: Callable[[str], AccountMemory],
        now: datetime,
        resumed: Collection[str] = (),
    ) -> Iterator[Scanned]:
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="account")
        try:
            sweep = _Sweep(self, pool, need, memory, now)
            kept = [account for account in accounts if account.id in resumed]
            yield from sweep.ask([account for account in accounts if account.id not in resumed])
            yield from sweep.run(kept)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class _Sweep:
    """One sweep under way. Only the caller's thread touches it; the steps run in the pool's."""

    def __init__(
        self,
        fleet: Fleet,
        pool: ThreadPoolExecutor,
        need: Need,
        memory: Callable[[str], AccountMemory],
        now: datetime,
    ) -> None:
        self._scanner, self._pace, self._most = fleet.scanner, fleet.pace, fleet.workers + AHEAD
        self._pool, self._need, self._memory, self._now = pool, need, memory, now
        self._fetch: deque[Ticket] = deque()
        self._later: list[tuple[float, int, Ticket]] = []
        self._order = count()
        self._running: dict[Future[Any], tuple[Ticket, Callable[[Ticket, Any], Iterator[Scanned]]]] = {}

    def ask(self, accounts: Sequence[Account]) -> Iterator[Scanned]:
        """Asks for every report; yields the accounts that refuse for good."""
        waiting = iter(accounts)
        while True:
            for account in islice(waiting, self._most - len(self._running)):
                step = partial(self._scanner.ask, account, self._need, self._now)
                self._start(Ticket(account), step, self._asked)
            if not self._running:
                return
            yield from self._done()  # whatever was put off waits for `run`

    def run(self, kept: Sequence[Account]) -> Iterator[Scanned]:
        """Fetches and scans what was asked for, and what is ``kept`` of an earlier sweep."""
        resumed = iter(kept)
        while True:
            for account in islice(resumed, self._most - len(self._running)):
                self._scan(Ticket(account), None)
            self._fetch_due()
            if self._running:
                yield from self._done(self._until_next() if self._later else LOOK_UP)
            elif self._later:
                self._sleep()
            else:
                return

    # --- steps ---

    def _start(
        self, ticket: Ticket, step: Callable[[], Any], then: Callable[[Ticket, Any], Iterator[Scanned]]
    ) -> None:
        self._running[self._pool.submit(step)] = (ticket, then)

    def _asked(self, ticket: Ticket, answer: NotYet | ScanFailure | None) -> Iterator[Scanned]:
        if isinstance(answer, ScanFailure):
            yield Scanned(answer)
        elif answer:
            self._put_off(ticket, answer.seconds)
        else:
            self._fetch.append(ticket)

    def _fetched(self, ticket: Ticket, answer: Fetched | NotYet | ScanFailure | None) -> Iterator[Scanned]:
        if isinstance(answer, NotYet):
            self._put_off(replace(ticket, fetches=ticket.fetches + 1), answer.seconds)
        elif isinstance(answer, ScanFailure):
            yield from self._scanned(ticket, Scanned(answer))
        else:
            self._scan(ticket, answer)

    def _scan(self, ticket: Ticket, fetched: Fetched | None) -> None:
        memory = self._memory(ticket.account.id)
        step = partial(_scan, self._scanner, ticket.account, fetched, self._need, memory, self._now)
        self._start(ticket, step, self._scanned)

    def _scanned(self, ticket: Ticket, scanned: Scanned) -> Iterator[Scanned]:
        failed = scanned.scan if isinstance(scanned.scan, ScanFailure) else None
        again = failed is not None and failed.passing and ticket.attempts + 1 < ATTEMPTS
        if again and not self._pace.stop.is_set():
            self._put_off(
                Ticket(ticket.account, attempts=ticket.attempts + 1), self._pace.between(*BETWEEN_ATTEMPTS)
            )
            scanned = replace(scanned, again=True)
        yield scanned

    def _put_off(self, ticket: Ticket, seconds: float) -> None:
        heapq.heappush(self._later, (self._pace.monotonic() + seconds, next(self._order), ticket))

    # --- waiting ---

    def _fetch_due(self) -> None:
        stopping = self._pace.stop.is_set()
        while self._later and (stopping or self._later[0][0] <= self._pace.monotonic()):
            self._fetch.append(heapq.heappop(self._later)[2])
        while self._fetch and len(self._running) < self._most:
            ticket = self._fetch.popleft()
            step = partial(self._scanner.fetch, ticket.account, self._need, ticket.fetches, self._now)
            self._start(ticket, step, self._fetched)

    def _done(self, patience: float = LOOK_UP) -> Iterator[Scanned]:
        """Of the steps that end within so many seconds."""
        done, _ = wait(self._running, min(patience, LOOK_UP), FIRST_COMPLETED)
        if not done and self._pace.stop.is_set():
            yield from self._abandoned()
        for future in done:
            ticket, then = self._running.pop(future)
            error = future.exception()
            if isinstance(error, Exception):  # by contract no step raises: should one, it is that account's
                yield Scanned(failure(ticket.account, self._now, error))
            else:
                yield from then(ticket, future.result())

    def _abandoned(self) -> Iterator[Scanned]:
        """What hangs in a call to AWS is not waited for: its time-out is longer than SIGTERM's."""
        tickets = [ticket for ticket, _ in self._running.values()]
        self._running.clear()
        error = Transient("abandoned: the service is stopping")
        yield from (Scanned(failure(ticket.account, self._now, error)) for ticket in tickets)

    def _sleep(self) -> None:
        """Nothing is to be done but to wait for a report or another attempt."""
        seconds = self._until_next()
        try:
            self._pace.wait(seconds, seconds)
        except KeystewardError:
            return  # stopping: what waits fails at its first call

    def _until_next(self) -> float:
        return max(0.0, self._later[0][0] - self._pace.monotonic())


def _scan(
    scanner: AccountScanner,
    account: Account,
    fetched: Fetched | None,
    need: Need,
    memory: AccountMemory,
    now: datetime,
) -> Scanned:
    """Scans one account; its report comes from AWS, or from the sweep that is gone on with."""
    if memory.report and fetched is None:
        kept = Fetched(zlib.decompress(memory.report.content), memory.report.made_at)
        return scanner.scan(account, kept, need, memory, now)
    scanned = scanner.scan(account, fetched, need, memory, now)
    if fetched is None or isinstance(scanned.scan, ScanFailure):
        return scanned
    return replace(
        scanned, report=KeptReport(account.id, now, fetched.made_at, zlib.compress(fetched.content, 1))
    )
