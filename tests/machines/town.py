"""A town: accounts, keys, people, sinks and replicas of the service, all in one process and in one hand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar, cast
from zlib import crc32

from app.accounts.interface import AccountList
from app.errors import Ambiguous, LedgerError, Permanent, Transient
from app.inventory.interface import AccountMemory, Need
from app.inventory.interface import Scanned as Scan
from app.ledger.interface import Archive, Lease, Ledger
from app.ledger.tenure import TERM, Tenure
from app.model import Account, Credential, Inventory, ScanFailure
from app.plan.limits import Brake
from app.policy.rules import (
    Age,
    AnyOf,
    Exemption,
    Match,
    OwnerByMap,
    OwnerByTag,
    OwnerFallback,
    Policy,
    Rule,
    Unused,
)
from app.service.parts import Parts
from app.service.pause import unless_paused
from app.service.retry import retry_failed
from app.service.run_once import RunReport, run_once
from tests.fakes.policies import DEACTIVATE, DELETE, FINAL, TICKET, WARN, days
from tests.fakes.world import START, Key, World
from tests.machines.fuse import Fuse, Killed
from tests.machines.post import Sink
from tests.machines.stores import MemoryStore, MortalSeat, Store
from tests.machines.witness import NOBODY, Acted, Ended, Law, Looked, Ran, Scanned, Witness

WRITES = frozenset({"apply", "claim", "requeue", "prune", "approve", "pause", "keep_picture"})
FALLBACK = "sec@example.com"
SEALED = {"sealed": "yes"}
T = TypeVar("T")


@dataclass
class Process:
    """One life of a replica. ``steps`` are its ledger writes and its calls of vendors."""

    place: str
    fuse: Fuse = field(default_factory=Fuse)
    tenure: Tenure | None = None  # None: the ledger's own lease
    is_dead: bool = False

    def step(self, name: str, call: Callable[[], T]) -> T:
        if self.is_dead:
            raise Killed
        try:
            return self.fuse.step(name, call)
        except Killed:
            self.is_dead = True
            raise


class Held:
    """The town's ledger as one process has it in hand: a `Ledger`."""

    def __init__(self, town: Town, process: Process) -> None:
        self._town, self._process = town, process

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._town.store.ledger, name)
        if name not in WRITES:
            return found
        return lambda *args: self._process.step(f"ledger.{name}", lambda: found(*args))

    @contextmanager
    def lease(self, holder: str, wait: timedelta) -> Iterator[Lease | None]:
        tenure = self._process.tenure
        held = tenure.hold(holder, wait) if tenure else self._town.store.ledger.lease(holder, wait)
        with held as lease:
            if lease:
                self._town.began(lease)
            yield lease


@dataclass(frozen=True)
class TownArchive:
    """Its shelf, as an `Archive`."""

    town: Town
    shelf: Archive

    @property
    def target(self) -> str:
        return self.shelf.target

    def put(self, name: str, content: bytes, now: datetime) -> bool:
        return self.town.step("archive.put", lambda: self.shelf.put(name, content, now))


@dataclass(frozen=True)
class TownClock:
    """A replica's."""

    town: Town

    def now(self) -> datetime:
        return self.town.true_now + self.town.offset


class Town(World):
    """`World` whose every fact is witnessed, and every step can be interrupted.

    ``offset``: how far the replicas' clocks are ahead of the true time.
    """

    def __init__(self, *keys: Key, store: Store | None = None) -> None:
        self.store = store or MemoryStore()
        super().__init__(Policy(()), *keys, ledger=self.store.ledger)
        self.witness = Witness()
        self.law = Law(owner="ann@example.com")
        self.run = NOBODY
        self.runs = 0
        self.true_now, self.mono, self.offset = START, 0.0, timedelta(0)
        self.places: dict[str, Process] = {}
        self.process: Process | None = None
        self.ever = {key.id: key for key in keys}
        self.blind: set[str] = set()  # ids of keys whose live read fails
        self.act_fault = ""  # throttled, lost, landed
        self.listing_fails = False
        self.sinks = {
            "slack": Sink(self, "slack", fallback="#iam-keys"),
            "jira": Sink(self, "jira", grouping="finding", tickets=True),
            "mail": Sink(self, "mail", looks=False),
        }

    # --- time, and the config in force ---

    @property
    def now(self) -> datetime:
        return self.true_now

    def pass_time(self, span: timedelta) -> None:
        self.true_now += span
        self.mono += span.total_seconds()

    def skew(self) -> timedelta | None:
        """`AwsClock`."""
        return -self.offset

    def is_clock_wrong(self) -> bool:
        return bool(self.offset)

    def parts(self) -> Parts:
        self.clock.instant = self.true_now + self.offset
        self.limits = replace(self.limits, share_of_account=1.0, brake=self._brake())
        self.policy, self.config_hash = self._policy(), f"{crc32(str(self.law).encode()):x}"
        process = self.process or Process("person")
        return replace(
            super().parts(),
            clock=TownClock(self),
            ledger=cast(Ledger, Held(self, process)),
            sinks=self.sinks,
            archive=TownArchive(self, self.archive) if self.archive else None,
            aws_clock=self,
            monotonic=lambda: self.mono,
            holder=process.place,
        )

    def _brake(self) -> Brake:
        return Brake(0 if self.law.braked else 1000, 1.0)

    def _policy(self) -> Policy:
        when = AnyOf((Age(self.law.deactivate_after), Unused(days(45))))
        act = replace(DEACTIVATE, when=when, notify=("slack", "jira", "mail"))
        warn = replace(WARN, notify=("slack", "mail"))
        ladder = Rule("default", Match(), (warn, TICKET, FINAL, act, DELETE))
        sealed = Rule("sealed", Match(tags={"sealed": ("yes",)}), exemption=Exemption("sealed"))
        owners = (OwnerByTag("owner"), OwnerByMap({"*": self.law.owner}), OwnerFallback(FALLBACK))
        return Policy((sealed, ladder), owners, self.law.mode)

    # --- replicas ---

    def start(self, place: str) -> Process:
        """A replica in its present life."""
        found = self.places.get(place)
        if found is None or found.is_dead:
            found = self.places[place] = Process(place)
            if self.store.seat:
                dead = found  # the seat asks it, not whoever sits at the place later
                seat = MortalSeat(self.store.seat, lambda: dead.is_dead)
                found.tenure = Tenure(seat, TERM, lambda: self.mono, self._sleep)
        return found

    def _sleep(self, seconds: float) -> None:
        self.pass_time(timedelta(seconds=seconds))

    def began(self, lease: Lease) -> None:
        self.witness.note(Ran(self.now, self.run, lease.epoch, self.law))

    def cycle(self, place: str = "a") -> RunReport | None:
        """One run. None: it broke off."""
        return self._as_run(place, run_once)

    def acting_cycle(self, place: str = "a") -> RunReport | None:
        """The same, once the lease of whoever died is over."""
        report = self.cycle(place)
        for _ in range(2):
            if report is not None and report.outcome == "standby":
                self.mono += TERM.total_seconds() + 1
                report = self.cycle(place)
        return report

    def retry(self, place: str = "a") -> None:
        """What the daemon does between two runs."""
        self._as_run(place, retry_failed)

    def _as_run(self, place: str, work: Callable[[Parts], T]) -> T | None:
        with self.acting(place) as parts:
            well = False
            try:
                done = work(parts)
                well = True
            except (Killed, LedgerError):
                return None
            finally:
                self.witness.note(Ended(self.now, self.run, well))
            return done

    @contextmanager
    def acting(self, place: str) -> Iterator[Parts]:
        """What is done meanwhile is done by the process there."""
        before = self.process, self.run
        self.process = process = self.start(place)
        self.runs += 1
        self.run = self.runs
        try:
            yield self.parts()
        finally:
            process.fuse = Fuse()
            self.process, self.run = before

    def arm(self, place: str, at: int, after: bool, strike: Callable[[], None]) -> Fuse:
        """``strike`` comes at step ``at`` of the next run there."""
        process = self.start(place)
        process.fuse = Fuse(at, after, strike)
        return process.fuse

    def step(self, name: str, call: Callable[[], T]) -> T:
        return self.process.step(name, call) if self.process else call()

    def before_sending(self) -> None:
        unless_paused(self.store.ledger)()

    # --- AWS ---

    def list(self) -> AccountList:
        return self.step("aws.list", self._listed)

    def _listed(self) -> AccountList:
        if self.listing_fails:
            raise Transient("organizations:ListAccounts is throttled")
        accounts = (replace(account, mode=self.law.modes.get(account.id)) for account in self.accounts)
        return AccountList(tuple(accounts))

    def scan(
        self,
        accounts: Sequence[Account],
        need: Need,
        memory: Callable[[str], AccountMemory],
        now: datetime,
        resumed: Collection[str] = (),
    ) -> Iterable[Scan]:
        for account in accounts:
            one = (account,)
            yield from self.step("aws.scan", partial(self._read_whole, one, need, memory, now))

    def _read_whole(
        self, one: Sequence[Account], need: Need, memory: Callable[[str], AccountMemory], now: datetime
    ) -> Sequence[Scan]:
        [scanned] = super().scan(one, need, memory, now)
        self._note_scan(scanned.scan)
        return [scanned]

    def _note_scan(self, scan: Inventory | ScanFailure) -> None:
        if isinstance(scan, ScanFailure):
            self.witness.note(Scanned(self.now, self.run, scan.account.id, None))
            return
        seen: dict[str, Credential | None] = {c.id: c for c in scan.credentials if c.id and c.judgeable}
        there = {c.id for c in scan.credentials}
        mine = (key for key in self.ever.values() if key.account.id == scan.account.id)
        gone = {key.id: None for key in mine if key.user in scan.live_users and key.id not in there}
        self.witness.note(Scanned(self.now, self.run, scan.account.id, seen | gone))

    def read(self, account: Account, user: str, key_id: str, now: datetime) -> Credential | None:
        return self.step("aws.read", lambda: self._looked(account, user, key_id, now))

    def _looked(self, account: Account, user: str, key_id: str, now: datetime) -> Credential | None:
        if key_id in self.blind or account.id in self.failing:
            raise Transient("iam:ListAccessKeys is throttled")
        found = World.read(self, account, user, key_id, now)
        self.witness.note(Looked(self.now, self.run, key_id, found))
        return found

    def _write(self, what: str, key_id: str, status: str | None) -> None:
        begun = (self.witness.mark(), self.now)
        self.step(f"aws.{what}", lambda: self._land(what, key_id, status, begun))

    def _land(self, what: str, key_id: str, status: str | None, begun: tuple[int, datetime]) -> None:
        if self.act_fault == "throttled":
            raise Transient("iam:UpdateAccessKey is throttled")
        if self.act_fault == "lost":
            raise Ambiguous("timed out")
        key = self.key(key_id)
        if key is None or key_id in self.denied:
            raise Permanent("the key is gone" if key is None else "iam:UpdateAccessKey is denied")
        about = (what, key_id, key.account.id, *begun, self.is_clock_wrong())
        self.witness.note(Acted(self.now, self.run, *about))
        World._write(self, what, key_id, status)
        if self.act_fault == "landed":
            raise Ambiguous("timed out")

    # --- keys ---

    def add(self, key: Key) -> None:
        self.keys.append(key)
        self.ever[key.id] = key

    def key_named(self, tail: str, user: str, account_id: str) -> str:
        """The id of the key that a notice is about."""
        found = (key for key in self.ever.values() if key.id.endswith(tail.lstrip("…")))
        return next(key.id for key in found if (key.user, key.account.id) == (user, account_id))
