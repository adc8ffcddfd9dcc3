"""The ledgers that rounds run on, and an outsider's record of who held the lease from when to when."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg.rows import TupleRow

from app.ledger.open import open_ledger
from tests.chaos.dynamo import dynamo_store
from tests.chaos.fronts import Stage
from tests.chaos.leases import Taken
from tests.chaos.proxy import LedgerLine
from tests.servers.postgres import Postgres, postgres_server

# Written by the database itself, as the lease changes hands or is given back. At the commit: the name of the
# same holder may stand there already, only the epoch always changes.
_PG_WITNESS = """
CREATE TABLE chaos_leases (at double precision, holder text);
CREATE FUNCTION chaos_lease() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO chaos_leases SELECT extract(epoch FROM clock_timestamp()),
    CASE NEW.name WHEN 'epoch' THEN value ELSE '' END FROM control WHERE name = 'holder';
  RETURN NEW;
END $$;
CREATE CONSTRAINT TRIGGER chaos_lease AFTER INSERT OR UPDATE ON control
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.name = 'epoch' OR (NEW.name = 'beat' AND NEW.value = ''))
  EXECUTE FUNCTION chaos_lease();
"""
_SQLITE_WITNESS = """
CREATE TABLE chaos_leases (at REAL, holder TEXT);
CREATE TRIGGER chaos_put AFTER INSERT ON control WHEN NEW.name = 'holder' BEGIN
  INSERT INTO chaos_leases VALUES ((julianday('now') - 2440587.5) * 86400.0, NEW.value); END;
CREATE TRIGGER chaos_change AFTER UPDATE ON control WHEN NEW.name = 'holder' BEGIN
  INSERT INTO chaos_leases VALUES ((julianday('now') - 2440587.5) * 86400.0, NEW.value); END;
"""


class Store(Protocol):
    """Where rounds keep their ledgers. One at a time."""

    is_a_file: bool
    is_web: bool  # reached over HTTP

    def open(self, folder: Path) -> None:
        """A new, empty ledger."""

    def url(self, place: int) -> str:
        """As this place reaches it."""

    def env(self, place: int) -> dict[str, str]:
        """What of its environment belongs to the ledger."""

    def restart(self) -> None: ...
    def leases(self) -> list[Taken]: ...
    def holder(self) -> str:
        """Who has the lease now, dead or alive; empty: nobody."""

    def close(self) -> None: ...


@dataclass
class PostgresStore:
    """Databases of one server; each place has a line of its own to it."""

    server: Postgres
    lines: list[LedgerLine]
    template: str
    is_a_file = False
    is_web = False
    name: str = ""
    # Of one thread that stays: the server ends with the thread that started it.
    _hands: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _eyes: "psycopg.Connection[TupleRow] | None" = None

    def open(self, folder: Path) -> None:
        self.name = self.server.create(self.template)

    def url(self, place: int) -> str:
        return f"postgresql://keysteward@127.0.0.1:{self.lines[place].port}/{self.name}"

    def env(self, place: int) -> dict[str, str]:
        return {}

    def restart(self) -> None:
        self._hands.submit(self.server.restart).result()

    def leases(self) -> list[Taken]:
        with psycopg.connect(self.server.url(self.name)) as db:
            return [Taken(at, holder) for at, holder in db.execute("SELECT * FROM chaos_leases ORDER BY at")]

    def holder(self) -> str:
        if self._eyes is None or self._eyes.closed:
            self._eyes = psycopg.connect(self.server.url(self.name), autocommit=True)
        found = self._eyes.execute("SELECT holder FROM chaos_leases ORDER BY at DESC LIMIT 1").fetchone()
        return str(found[0]) if found else ""

    def close(self) -> None:
        for line in self.lines:
            line.cut_off(0)
        if self._eyes:
            self._eyes.close()
        self.server.drop(self.name)


@dataclass
class SqliteStore:
    """A file a round."""

    path: Path = field(default_factory=Path)
    is_a_file = True
    is_web = False

    def open(self, folder: Path) -> None:
        self.path = folder / "ledger.db"
        open_ledger(f"sqlite:///{self.path}").close()
        with closing(sqlite3.connect(self.path)) as db:
            db.executescript(_SQLITE_WITNESS)

    def url(self, place: int) -> str:
        return f"sqlite:///{self.path}"

    def env(self, place: int) -> dict[str, str]:
        return {}

    def restart(self) -> None:
        """There is no server."""

    def leases(self) -> list[Taken]:
        with closing(sqlite3.connect(self.path)) as db:
            rows = db.execute("SELECT at, holder FROM chaos_leases ORDER BY at")
            return [Taken(at, holder) for at, holder in rows]

    def holder(self) -> str:
        taken = self.leases()
        return taken[-1].holder if taken else ""

    def close(self) -> None:
        """Its folder goes with the round."""


@contextmanager
def open_store(kind: str, stage: Stage, places: int) -> Iterator[Store | None]:
    """None where it isn't installed."""
    if kind == "sqlite":
        yield SqliteStore()
        return
    if kind == "dynamodb":
        with dynamo_store(stage, places) as store:
            yield store
        return
    with postgres_server() as server:
        yield _on(server, stage, places) if server else None


def _on(server: Postgres, stage: Stage, places: int) -> Store:
    template = server.create()
    open_ledger(server.url(template)).close()
    with psycopg.connect(server.url(template), autocommit=True) as db:
        db.execute(_PG_WITNESS.encode())
    lines = [LedgerLine(stage, place, ("127.0.0.1", server.port)) for place in range(places)]
    return PostgresStore(server, lines, template)
