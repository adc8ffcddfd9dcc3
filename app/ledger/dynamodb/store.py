"""One reading, and one change: as of one moment, all or nothing, however many items it takes."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from app.errors import LedgerError, NoLedger, StaleLease
from app.ledger.dynamodb.draft import Draft
from app.ledger.dynamodb.items import Item
from app.ledger.dynamodb.journal import Head, Journal
from app.ledger.dynamodb.snapshot import Snapshot
from app.ledger.dynamodb.table import Table
from app.ledger.dynamodb.waits import Again, Waits
from app.ledger.interface import Lease
from app.telemetry import log_fields

log = logging.getLogger(__name__)

T = TypeVar("T")
BUSY = "is being written without a break: try again"


class Store:
    """What was written is there for the next reader at once, wherever that one is."""

    def __init__(self, table: Table, waits: Waits) -> None:
        self._table, self._waits = table, waits
        self._journal = Journal(table)

    def open(self, create: bool) -> None:
        """Raises `NoLedger` where there is none and none is to be begun."""
        if self._journal.head() is None:
            if not create:
                raise NoLedger("the table holds no ledger")
            self._journal.begin()

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
        return self._waits.insist(lambda: self._write_once(make, lease), BUSY)

    def close(self) -> None:
        self._table.close()

    # --- how ---

    def _write_once(self, make: Callable[[Draft], T], lease: Lease | None) -> T:
        head = self._settled()
        if lease and head.epoch != lease.epoch:
            raise StaleLease("another replica has taken over: nothing was written")
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
        """The head, once what it made true is filed."""
        head = self._head()
        if head.is_settled:
            return head
        self._journal.file(head, self._journal.pending(head))
        return replace(head, applied=head.seq, puts=(), parts=0)

    def _head(self) -> Head:
        head = self._journal.head()
        if head is None:
            raise NoLedger("the table holds no ledger any more: restore it")
        return head
