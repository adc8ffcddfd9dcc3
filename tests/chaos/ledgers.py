"""The ledgers that rounds run on, and an outsider's record of who held the lease from when on."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psycopg

from app.ledger.open import open_ledger
from tests.chaos.fronts import Stage
from tests.chaos.proxy import LedgerLine
from tests.servers.postgres import Postgres, postgres_server

# Written by the database itself, whenever the lease changes hands.
_PG_WITNESS = """
CREATE TABLE chaos_leases (at double precision, epoch text);
CREATE FUNCTION chaos_lease() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO chaos_leases VALUES (extract(epoch FROM clock_timestamp()), NEW.value); RETURN NEW;
END $$;
CREATE TRIGGER chaos_lease AFTER INSERT OR UPDATE ON control
  FOR EACH ROW WHEN (NEW.name = 'holder') EXECUTE FUNCTION chaos_lease();
"""
_SQLITE_WITNESS = """
CREATE TABLE chaos_leases (at REAL, holder TEXT);
CREATE TRIGGER chaos_put AFTER INSERT ON control WHEN NEW.name = 'holder' BEGIN
  INSERT INTO chaos_leases VALUES ((julianday('now') - 2440587.5) * 86400.0, NEW.value); END;
CREATE TRIGGER chaos_change AFTER UPDATE ON control WHEN NEW.name = 'holder' BEGIN
  INSERT INTO chaos_leases VALUES ((julianday('now') - 2440587.5) * 86400.0, NEW.value); END;
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """Somebody took the lease; ``holder`` is "place.life"."""

    at: float  # `time.time`
    holder: str


class Store(Protocol):
    """Where rounds keep their ledgers. One at a time."""

    fails_over: bool  # a silent holder is followed after a term
    is_a_file: bool

    def open(self, folder: Path) -> None:
        """A new, empty ledger."""

    def url(self, place: int) -> str:
        """As this place reaches it."""

    def cut_off(self, place: int, seconds: float) -> None: ...
    def restart(self) -> None: ...
    def leases(self) -> list[Taken]: ...
    def close(self) -> None: ...


@dataclass
class PostgresStore:
    """Databases of one server; each place has a line of its own to it."""

    server: Postgres
    lines: list[LedgerLine]
    template: str
    fails_over = True
    is_a_file = False
    name: str = ""

    def open(self, folder: Path) -> None:
        self.name = self.server.create(self.template)

    def url(self, place: int) -> str:
        return f"postgresql://keysteward@127.0.0.1:{self.lines[place].port}/{self.name}"

    def cut_off(self, place: int, seconds: float) -> None:
        self.lines[place].cut_off(seconds)

    def restart(self) -> None:
        self.server.stop()
        self.server.start()

    def leases(self) -> list[Taken]:
        with psycopg.connect(self.server.url(self.name)) as db:
            return [Taken(at, holder) for at, holder in db.execute("SELECT * FROM chaos_leases ORDER BY at")]

    def close(self) -> None:
        for line in self.lines:
            line.cut_off(0)
        self.server.drop(self.name)


@dataclass
class SqliteStore:
    """A file a round."""

    path: Path = field(default_factory=Path)
    fails_over = False
    is_a_file = True

    def open(self, folder: Path) -> None:
        self.path = folder / "ledger.db"
        open_ledger(f"sqlite:///{self.path}").close()
        with closing(sqlite3.connect(self.path)) as db:
            db.executescript(_SQLITE_WITNESS)

    def url(self, place: int) -> str:
        return f"sqlite:///{self.path}"

    def cut_off(self, place: int, seconds: float) -> None:
        """There is no line to it."""

    def restart(self) -> None:
        """There is no server."""

    def leases(self) -> list[Taken]:
        with closing(sqlite3.connect(self.path)) as db:
            rows = db.execute("SELECT at, holder FROM chaos_leases WHERE holder != '' ORDER BY at")
            return [Taken(at, holder) for at, holder in rows]

    def close(self) -> None:
        """Its folder goes with the round."""


@contextmanager
def open_store(kind: str, stage: Stage, places: int) -> Iterator[Store | None]:
    """None where it isn't installed."""
    if kind == "sqlite":
        yield SqliteStore()
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
