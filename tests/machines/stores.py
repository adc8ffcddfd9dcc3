"""The ledgers that a town can have, each emptied, saved and put back in a moment."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine, delete, func, insert, select, text

from app.errors import LedgerError
from app.ledger import schema
from app.ledger.interface import Ledger
from app.ledger.memory import MemoryLedger
from app.ledger.open import open_ledger
from app.ledger.postgres import Chair
from app.ledger.sql import SqlLedger
from app.ledger.tenure import VACANT, Seat
from tests.servers.postgres import Postgres


class Store(Protocol):
    """``seat``: where the lease is kept; None: a file's lock, which only its holder's death frees."""

    ledger: Ledger
    seat: Seat | None

    def save(self) -> Any: ...

    def load(self, saved: Any) -> None:
        """Puts back what `save` gave, as often as wanted."""


class MemorySeat:
    """`Seat` of a ledger in memory."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self.ledger, self.token = ledger, VACANT

    def beat(self) -> str:
        return self.token

    def take(self, seen: str, beat: str, holder: str) -> int | None:
        if self.token != seen:
            return None
        self.token = beat
        self.ledger._epoch += 1
        return self.ledger._epoch

    def renew(self, epoch: int, beat: str) -> bool:
        if self.ledger._epoch != epoch:
            return False
        self.token = beat
        return True


class MemoryStore:
    LOCKS = ("_lock", "_lease")

    def __init__(self) -> None:
        self._ledger = MemoryLedger()
        self._seat = MemorySeat(self._ledger)
        self.ledger: Ledger = self._ledger
        self.seat: Seat | None = self._seat

    def save(self) -> Any:
        rows = {name: copy(value) for name, value in vars(self._ledger).items() if name not in self.LOCKS}
        return rows, self._seat.token

    def load(self, saved: Any) -> None:
        rows, self._seat.token = saved
        vars(self._ledger).update({name: copy(value) for name, value in rows.items()})


class SqlStore:
    """Rows are saved and put back by hand: faster than a copy of the database."""

    def __init__(self, url: str) -> None:
        ledger = open_ledger(url)
        assert isinstance(ledger, SqlLedger)
        self.ledger: Ledger = ledger
        self._engine: Engine = ledger._engine
        self.seat: Seat | None = Chair(self._engine) if self._is_server else None

    @property
    def _is_server(self) -> bool:
        return self._engine.dialect.name == "postgresql"

    def save(self) -> Any:
        with self._engine.begin() as db:
            tables = schema.metadata.sorted_tables
            return {table: [row._asdict() for row in db.execute(select(table))] for table in tables}

    def load(self, saved: Any) -> None:
        with self._engine.execution_options(write=True).begin() as db:
            for table, rows in saved.items():
                db.execute(delete(table))
                if rows:
                    db.execute(insert(table), rows)
            for table in (schema.deliveries, schema.runs) if self._is_server else ():
                last = db.execute(select(func.max(table.c.seq))).scalar()
                sequence = func.pg_get_serial_sequence(table.name, text("'seq'"))
                db.execute(select(func.setval(sequence, last or 1, last is not None)))


@contextmanager
def memory_store(folder: Path) -> Iterator[Store]:
    yield MemoryStore()


@contextmanager
def sqlite_store(folder: Path) -> Iterator[Store]:
    store = SqlStore(f"sqlite:///{folder}/ledger.db")
    try:
        yield store
    finally:
        store.ledger.close()


def postgres_store(server: Postgres) -> Callable[[Path], Any]:
    @contextmanager
    def opened(folder: Path) -> Iterator[Store]:
        name = server.create("ledger_1")
        store = SqlStore(server.url(name))
        try:
            yield store
        finally:
            store.ledger.close()
            server.drop(name)

    return opened


class MortalSeat:
    """A seat as one process sits on it: once that is dead, it does nothing more, not even rise."""

    def __init__(self, seat: Seat, is_dead: Callable[[], bool]) -> None:
        self._seat, self._is_dead = seat, is_dead

    def beat(self) -> str:
        return self._seat.beat()

    def take(self, seen: str, beat: str, holder: str) -> int | None:
        return self._seat.take(seen, beat, holder)

    def renew(self, epoch: int, beat: str) -> bool:
        if self._is_dead():
            raise LedgerError("the process is dead")
        return self._seat.renew(epoch, beat)
