"""A long life of one daemon over a small company that lives: does anything grow with time?

The daemon, its web server's application and its ledger file are the real ones; AWS, the sinks and the clock
are in this process and in our hand. `python -m tests.machines.soak` goes through a year of 10-minute cycles.
"""

from __future__ import annotations

import gc
import logging
import os
import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask.testing import FlaskClient

from app.ledger import schema
from app.ledger.verify import verify
from app.model import ACTIVE, Account, LastUsed
from app.service.daemon import Daemon, Schedule, Setup
from app.service.snapshot import Health, SnapshotHolder
from app.sinks.presses import Button
from app.sinks.prometheus.collector import SnapshotCollector, build_registry
from app.telemetry import Counters
from app.web.app import create_app
from tests.fakes.world import DAY, Key
from tests.machines import people
from tests.machines.stores import SqlStore
from tests.machines.town import SEALED, Process, Town
from tests.machines.witness import Seen, Witness

# No scheduler of this machine comes to it by itself.
BEGIN = datetime(2050, 1, 1, tzinfo=UTC)
EVERY, YEAR = timedelta(minutes=10), timedelta(days=365)
HANDLES = Path("/proc/self/fd")
PAGE = os.sysconf("SC_PAGE_SIZE")
TABLES = tuple(sorted(set(schema.metadata.tables) - {"events"}))
ACCOUNTS_LAST = 20  # days between two that leave
LATELY = 50  # keys: that of a closing, which the fakes look up, is among the latest
# What is measured: in which unit, and how much of that, besides a tenth, is chance.
ROOM = {"rss": (2**20, 8), "handles": (1, 2), "threads": (1, 2), "ledger": (2**20, 0.5)}
DUE_TO = {"live": 0.35, "leave": 0.3, "press": 0.3, "outage": 0.1, "ticket": 0.2, "seal": 0.1}


class Silence(Witness):
    """Nobody asks, and nothing is kept."""

    def note(self, *seen: Seen) -> None:
        """Of the notices the latest few, by which people press."""
        self.seen = [*self.seen, *seen][-50:]


class Uninterrupted(Process):
    """A process that counts no steps."""

    def step(self, name, call):  # type: ignore[no-untyped-def]
        return call()


class Company(Town):
    """Keys that are made, grow old, are rotated and go; people who come, press and leave."""

    def __init__(self, store: SqlStore, seed: int) -> None:
        super().__init__(store=store)
        self.chance = random.Random(seed)
        self.remembering, self.witness, self.true_now = True, Silence(), BEGIN
        self.process = Uninterrupted("a")
        self.made = self.lived = 0
        self.accounts = []
        for _ in range(3):
            self.join()

    def join(self) -> None:
        """An account with some users."""
        self.made += 1
        account = Account(f"{self.made:012d}", f"account-{self.made}")
        self.accounts.append(account)
        for _ in range(4):
            self.hire(account, self.chance.uniform(0, 100))

    def hire(self, account: Account, age: float = 0) -> None:
        self.made += 1
        self.cut(f"user-{self.made}", account, age, {"owner": f"owner-{self.made}@example.com"})

    def cut(self, user: str, account: Account, age: float, tags: dict[str, str] | None) -> None:
        self.made += 1
        used = None if self.chance.random() < 0.8 else LastUsed.never()
        key_id = f"AKIA{self.made:016d}"
        self.add(Key(key_id, user, self.now - age * DAY, ACTIVE, used, account, tags))

    # --- a day ---

    def day(self) -> None:  # type: ignore[override]
        for sink in self.sinks.values():
            sink.fault = ""
        for what, chance in DUE_TO.items():
            if self.chance.random() < chance:
                getattr(self, f"_{what}")()
        self.lived += 1
        if self.lived % ACCOUNTS_LAST == 0:
            self._account()
        self._forget()

    def _any(self) -> Key | None:
        return self.chance.choice(self.keys) if self.keys else None

    def _live(self) -> None:
        """Somebody rotates a key, or is new."""
        key = self._any()
        if key and self.chance.random() < 0.5:
            self.keys.remove(key)
            self.cut(key.user, key.account, 0, key.tags)
        elif len(self.keys) < 24:
            self.hire(self.chance.choice(self.accounts), self.chance.choice([0, 60]))

    def _leave(self) -> None:
        key = self._any()
        self.keys = [other for other in self.keys if key is None or other.user != key.user]

    def _press(self) -> None:
        key = self._any()
        if key:
            people.press(self, key.id, self.chance.choice(list(Button)))

    def _outage(self) -> None:
        """Of one sink, for a day."""
        sink = self.sinks[self.chance.choice(sorted(self.sinks))]
        sink.fault = self.chance.choice(["down", "lost", "unanswered", "left"])

    def _ticket(self) -> None:
        key = self._any()
        if key:
            people.close_ticket(self, key.id)

    def _seal(self) -> None:
        key = self._any()
        if key:
            key.tags = {} if key.tags == SEALED else SEALED

    def _account(self) -> None:
        """One leaves, and another comes."""
        left = self.accounts.pop(0)
        self.keys = [key for key in self.keys if key.account != left]
        self.join()

    def _forget(self) -> None:
        """What fakes remember is not what is measured."""
        there = {key.id for key in self.keys} | set(list(self.ever)[-LATELY:])
        self.ever = {i: key for i, key in self.ever.items() if i in there}
        self.writes.clear()
        self.live_reads.clear()
        for sink in self.sinks.values():
            sink.arrived.clear()
            for ticket in sink.issues.values():
                ticket.comments.clear()


@dataclass(frozen=True)
class Size:
    """What a process and its ledger hold at one moment. ``rss`` and ``ledger`` in bytes, the trail aside."""

    rss: int
    handles: int
    threads: int
    ledger: int
    rows: Mapping[str, int]


@dataclass
class Soak:
    """``sizes``: one a simulated day."""

    folder: Path
    seed: int = 1
    every: timedelta = EVERY
    sizes: list[Size] = field(default_factory=list)
    cycles: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.path = self.folder / "ledger.db"
        self.store = SqlStore(f"sqlite:///{self.path}")
        self.company = Company(self.store, self.seed)
        self.holder, self.counters = SnapshotHolder(), Counters()
        self.schedule = Schedule(self.every, timedelta(0))
        health = Health(time.monotonic, self.store.ledger.paused, config_loaded=True)
        parts = self.company.parts()
        self.daemon = Daemon(parts, self.schedule, self.holder, health, self.counters)
        collector = SnapshotCollector(self.holder.get, self.counters, dict)
        web = create_app(self.holder, health, build_registry(collector), public_page=True)
        self.web: FlaskClient = web.test_client()

    @contextmanager
    def daemon_started(self) -> Iterator[None]:
        """Its scheduler's thread is there, and waits: what it would call is called here."""
        self.daemon.start()
        self.daemon._scheduler.pause()
        gc.freeze()  # else most of the time went into looking at the same libraries again and again
        try:
            yield
        finally:
            gc.unfreeze()
            self.daemon.stop(timedelta(seconds=5))
            self.store.ledger.close()

    def live(self, days: int) -> None:
        with self.daemon_started():
            started = time.process_time()
            for _ in range(days):
                self._day()
                self.sizes.append(self._size())
            self.seconds = time.process_time() - started
            assert verify(self.store.ledger).breaks == ()

    def _day(self) -> None:
        self.company.day()
        if self.company.chance.random() < 1 / 7:
            self._reload()
        for number in range(DAY // self.every):
            self.company.pass_time(self.every)
            self.daemon.cycle()
            self.daemon.retry()
            self.cycles += 1
            if number % 36 == 0:
                self._look()

    def _reload(self) -> None:
        """The config is edited now and then."""
        law = self.company.law
        self.company.law = replace(law, owner=f"team-{self.company.made}@example.com")
        setup = Setup(self.company.parts(), self.schedule)
        self.daemon.newest = lambda: setup

    def _look(self) -> None:
        self.daemon.health.beat()
        for page in ("/metrics", "/", "/api/v1/findings", "/healthz", "/readyz"):
            assert self.web.get(page).status_code == 200, page

    def _size(self) -> Size:
        gc.collect()
        rss = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
        rows, ledger = _of_ledger(self.path)
        return Size(rss, len(list(HANDLES.iterdir())), threading.active_count(), ledger, rows)


def _of_ledger(path: Path) -> tuple[Mapping[str, int], int]:
    """Rows by table, and what they take; the audit trail grows with what happens."""
    with closing(sqlite3.connect(path)) as db:
        rows = {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES}
        pages = (
            db.execute("PRAGMA page_count").fetchone()[0] - db.execute("PRAGMA freelist_count").fetchone()[0]
        )
        trail = db.execute(
            "SELECT coalesce(sum(length(body) + length(hash) + 40), 0) FROM events"
        ).fetchone()[0]
        return rows, pages * db.execute("PRAGMA page_size").fetchone()[0] - trail


def quarters(sizes: list[Size]) -> tuple[list[Size], list[Size]]:
    """The second, and the fourth."""
    n = len(sizes) // 4
    return sizes[n : 2 * n], sizes[3 * n :]


def growth(sizes: list[Size], of_the_ledger: bool = True) -> Iterator[str]:
    """What is larger in the fourth quarter than in the second, by more than chance explains.

    Not ``of_the_ledger``: in a few weeks nothing grows old enough to be forgotten.
    """
    early, late = quarters(sizes)
    for name, (unit, few) in ROOM.items():
        before, after = (_mean(getattr(size, name) for size in some) / unit for some in (early, late))
        if after > before * 1.1 + few and (of_the_ledger or name != "ledger"):
            yield f"{name}: {before:,.1f} in the second quarter, {after:,.1f} in the fourth"
    for table in TABLES if of_the_ledger else ():
        before, after = (_mean(size.rows[table] for size in some) for some in (early, late))
        if after > before * 1.5 + 10:
            yield f"rows of {table}: {before:,.1f} in the second quarter, {after:,.1f} in the fourth"


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found)


def figures(soak: Soak) -> str:
    early, late = quarters(soak.sizes)
    lines = [f"{soak.cycles:,} cycles in {soak.seconds:,.0f} s of one core"]
    lines.append(f"{1000 * soak.seconds / soak.cycles:.1f} ms a cycle")
    for name, (unit, _) in ROOM.items():
        before, after = (_mean(getattr(size, name) for size in some) / unit for some in (early, late))
        lines.append(f"{name}: {before:,.2f} in the second quarter, {after:,.2f} in the fourth")
    return "\n".join([*lines, f"rows: {dict(soak.sizes[-1].rows)}"])


def main(days: int) -> int:
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder))
        soak.live(days)
    grown = list(growth(soak.sizes))
    sys.stdout.write("\n".join([figures(soak), *grown]) + ("\n" if grown else "\nnothing has grown\n"))
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else YEAR.days))
