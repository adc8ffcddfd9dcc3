"""One reading, and one change: as of one moment, all or nothing, however many items it takes."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from app.errors import MENDED_BY, LedgerError, NoLedger, StaleLease
from app.ledger.dynamodb.draft import Draft
from app.ledger.dynamodb.items import Item
from app.ledger.dynamodb.journal import UNFINISHED, Head, Journal
from app.ledger.dynamodb.pages import Page
from app.ledger.dynamodb.snapshot import Snapshot
from app.ledger.dynamodb.table import Table
from app.ledger.dynamodb.waits import Again, Waits
from app.ledger.interface import Lease
from app.telemetry import log_fields

log = logging.getLogger(__name__)

T = TypeVar("T")
BUSY = "is being written without a break: try again"
LOST = "the table holds no ledger any more: restore it"
STALE = "another replica has taken over: nothing was written"
LOOK, LOOKS = 0.05, 10  # seconds, times


class Store:
    """What was written is there for the next reader at once, wherever that one is."""

    def __init__(self, table: Table, waits: Waits) -> None:
        self._table, self._waits = table, waits
        self._journal = Journal(table)
        self._turn = threading.Lock()  # the threads of one process need not collide

    def open(self, first: Page | None) -> None:
        """Begins a ledger with the page ``first`` where there is none. Raises `NoLedger` without one."""
        if self._journal.head() is None:
            if first is None:
                raise NoLedger(f"the table holds no ledger: {MENDED_BY}")
            self._journal.begin(first)
            self._file(self._head())

    def read(self, look: Callable[[Snapshot], T]) -> T:
        """What ``look`` makes of one moment; it may be called several times."""

        def once() -> T:
            head = self._head()
            return look(Snapshot(self._table, head.seq, self._journal.pending(head)))

        return self._waits.insist(once, BUSY)

    def write(self, make: Callable[[Draft], T], lease: Lease | None = None) -> T:
        """Writes what ``make`` drafts, and returns what it returns; it may be called several times.

        Raises `StaleLease`, and whatever ``make`` raises: then nothing was written.
        """

        def once() -> T:
            with self._turn:
                return self._write_once(make, lease)

        return self._waits.insist(once, BUSY)

    def check(self, lease: Lease) -> None:
        """Raises `StaleLease` if it was lost."""
        _check(self._head(), lease)

    def expire(self, pk: str, before: str, at: int) -> None:
        """Has DynamoDB remove, after ``at``, pages that nobody reads any more."""
        self._table.expire(pk, before, at)

    def close(self) -> None:
        self._table.close()

    # --- how ---

    def _write_once(self, make: Callable[[Draft], T], lease: Lease | None) -> T:
        head = self._settled()
        _check(head, lease)
        draft = Draft(Snapshot(self._table, head.seq))
        result = make(draft)
        items = draft.items()
        if items:
            self._write(head, items, lease)
        return result

    def _write(self, head: Head, items: Sequence[Item], lease: Lease | None) -> None:
        done = self._journal.commit(head, items, lease)
        if done is None:
            raise Again
        try:
            self._journal.file(done, items)
        except LedgerError as error:  # it is written: whoever comes next reads it from the log
            log.warning("a change was written, and not filed yet", **log_fields(reason=str(error)))

    def _settled(self) -> Head:
        """The head, once what it made true is filed: by whoever made it true, or else by us.

        Who did is most likely filing it right now, and two who file pay twice.
        """
        for _ in range(LOOKS):
            head = self._head()
            if head.is_settled:
                return head
            self._waits.sleep(LOOK)
        return self._file(head)

    def _file(self, head: Head) -> Head:
        self._journal.file(head, self._journal.pending(head))
        return replace(head, applied=head.seq, puts=(), parts=0)

    def _head(self) -> Head:
        head = self._journal.head()
        if head is None:
            raise NoLedger(LOST)
        if head.is_being_filled:
            raise LedgerError(UNFINISHED)
        return head


def _check(head: Head, lease: Lease | None) -> None:
    if lease and head.epoch != lease.epoch:
        raise StaleLease(STALE)
