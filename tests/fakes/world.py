"""A small world in memory: accounts with keys, people who get messages, and a clock that is set by hand.

It plays every part that `app.service.parts.Parts` names, so that whole runs can be tested without a
network. Faults are switched on by attribute.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import Event

from app.accounts.interface import AccountList
from app.errors import Permanent
from app.inventory.interface import AccountMemory, CallerHistory, HubIdentity, Need, Scanned
from app.ledger.interface import Archive, Ledger
from app.ledger.memory import MemoryLedger
from app.model import ACTIVE, INACTIVE, Account, Credential, Inventory, LastUsed, ScanFailure
from app.plan.limits import Brake, Limits
from app.plan.notice import Notice
from app.plan.summary import RunSummary
from app.policy.rules import Policy
from app.service.parts import Parts
from app.service.run_once import RunReport, run_once
from app.sinks.interface import Grouping, Message, Receipt
from tests.fakes.remembering import RememberingScan, Reports, by_user

DAY = timedelta(days=1)
START = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
PROD = Account("111122223333", "prod")


@dataclass
class Key:
    id: str
    user: str
    created: datetime
    status: str = ACTIVE
    last_used: LastUsed | None = None  # None: used at every moment at which it works
    account: Account = PROD
    tags: dict[str, str] | None = field(default_factory=dict)
    groups: tuple[str, ...] | None = ()
    path: str = "/"


@dataclass
class SetClock:
    instant: datetime = START

    def now(self) -> datetime:
        return self.instant


@dataclass
class Inbox:
    """A sink that remembers what it was sent; ``fault`` is raised instead when set."""

    name: str = "slack"
    tickets: bool = False
    grouping: Grouping = "owner"
    counts: bool = True
    fallback: str | None = None
    fault: Callable[[Message], Exception | None] = field(default=lambda message: None)
    closing_fault: Exception | None = None
    report_fault: Exception | None = None
    asked_for: bool = True  # its summaries
    sent: list[Message] = field(default_factory=list)
    resolved: list[Notice] = field(default_factory=list)
    closed_by_hand: set[str] = field(default_factory=set)
    insists: bool = True
    summaries: list[RunSummary] = field(default_factory=list)

    def closed(self, now: datetime) -> frozenset[str]:
        return frozenset(self.closed_by_hand)

    def report(self, summary: RunSummary) -> bool:
        if self.report_fault:
            raise self.report_fault
        if self.asked_for:
            self.summaries.append(summary)
        return self.asked_for

    def send(self, message: Message) -> Receipt:
        fault = self.fault(message)
        if fault:
            raise fault
        self.sent.append(message)
        refs = {} if not self.tickets else {"key": f"SEC-{message.notices[0].finding_id}"}
        return Receipt(message.recipient, self.counts, refs)

    def resolve(self, notice: Notice, now: datetime) -> Receipt | None:
        if self.closing_fault:
            raise self.closing_fault
        self.resolved.append(notice)
        return Receipt("", False)

    @property
    def notices(self) -> list[Notice]:
        return [notice for message in self.sent for notice in message.notices]


class World:
    """Accounts, keys and people. `day(n)` runs one cycle n days after the start.

    ``remembering``: keys are read live only where they must be, else they are told by a credential report and
    by what the ledger remembers.
    """

    remembering = False

    def __init__(self, policy: Policy, *keys: Key, ledger: Ledger | None = None) -> None:
        self.policy = policy
        self.keys = list(keys)
        self.accounts = [PROD]
        self.failing: dict[str, str] = {}
        self.unreadable_use: set[str] = set()
        self.quarantined: frozenset[str] | None = frozenset()  # names of users; None: nobody can tell
        self.denied: set[str] = set()  # ids of keys that may not be changed
        self.clock = SetClock()
        self.ledger: Ledger = ledger or MemoryLedger()
        self.slack, self.jira = Inbox("slack"), Inbox("jira", tickets=True, grouping="finding")
        self.limits = Limits(brake=Brake(deactivations=1000, share=1.0))
        self.config_hash = "c0ffee"
        self.reports = Reports()
        self.live_reads: Counter[str] = Counter()  # by user, within scans
        self.writes: list[tuple[str, str]] = []
        self.ended = Event()  # SIGTERM
        self.own_keys = frozenset[str]()
        self.callers: CallerHistory | None = None
        self.archive: Archive | None = None
        self.roll = 1.0  # what is tried again waits for the whole of its ceiling
        self.before_write: Callable[[], None] = lambda: None
        self.identity = HubIdentity(
            "999988887777", "arn:aws:sts::999988887777:assumed-role/hub/x", "aws", None
        )

    # --- what the service asks for -------------------------------------------------------------

    def list(self) -> AccountList:
        return AccountList(tuple(self.accounts))

    def scan(
        self,
        accounts: Sequence[Account],
        need: Need,
        memory: Callable[[str], AccountMemory],
        now: datetime,
        resumed: Collection[str] = (),
    ) -> Iterable[Scanned]:
        for account in accounts:
            if account.id in self.failing:
                yield Scanned(ScanFailure(account, now, self.failing[account.id]))
            else:
                yield self._scanned(account, need, memory(account.id), now)

    def _scanned(self, account: Account, need: Need, memory: AccountMemory, now: datetime) -> Scanned:
        if not self.remembering:
            return Scanned(self._inventory(account, memory, now))
        users = by_user(self._seen(key, now) for key in self.keys if key.account.id == account.id)
        rows = self.reports.of(account, users, now)
        scanned = RememberingScan(account, users, rows, need, memory, now).scan()
        self.live_reads.update(scanned.scan.live_users if isinstance(scanned.scan, Inventory) else ())
        return scanned

    def _inventory(self, account: Account, memory: AccountMemory, now: datetime) -> Inventory:
        mine = [key for key in self.keys if key.account.id == account.id]
        users = frozenset(key.user for key in mine) | frozenset(memory.open_users) | memory.judged_users
        found = tuple(self._seen(key, now) for key in mine)
        return Inventory(account, now, found, users, exposed_users=self.quarantined)

    def _seen(self, key: Key, now: datetime) -> Credential:
        moment = now if key.status == ACTIVE else key.created
        used = key.last_used or LastUsed("at", moment, "s3", "eu-central-1")
        blind = key.id in self.unreadable_use
        return Credential(
            account_id=key.account.id,
            user=key.user,
            id=key.id,
            status=key.status,
            created=key.created,
            last_used=LastUsed.unknown("AccessDenied") if blind else used,
            observed_at=now,
            live=True,
            user_path=key.path,
            tags=key.tags,
            groups=key.groups,
            unreadable=""
            if key.tags is not None and key.groups is not None
            else "iam:ListUserTags is denied",
        )

    def read(self, account: Account, user: str, key_id: str, now: datetime) -> Credential | None:
        return next((self._seen(key, now) for key in self.keys if key.id == key_id), None)

    def ready(self, account: Account) -> None:
        """Nobody has to sign in here."""

    def deactivate(self, account: Account, user: str, key_id: str) -> None:
        self._write("deactivate", key_id, INACTIVE)

    def activate(self, account: Account, user: str, key_id: str) -> None:
        self._write("activate", key_id, ACTIVE)

    def delete(self, account: Account, user: str, key_id: str) -> None:
        self._write("delete", key_id, None)

    def _write(self, what: str, key_id: str, status: str | None) -> None:
        self.before_write()
        key = self.key(key_id)
        if key is None:
            raise Permanent("the key is gone")
        if key_id in self.denied:
            raise Permanent("iam:UpdateAccessKey is denied")
        self.writes.append((what, key_id))
        if status is None:
            self.keys.remove(key)
        else:
            key.status = status

    # --- what a test does ------------------------------------------------------------------------

    def key(self, key_id: str) -> Key | None:
        return next((key for key in self.keys if key.id == key_id), None)

    def parts(self) -> Parts:
        return Parts(
            policy=self.policy,
            limits=self.limits,
            clock=self.clock,
            ledger=self.ledger,
            accounts=self,
            fleet=self,
            reader=self,
            actor=self,
            hub=lambda: self.identity,
            sinks={"slack": self.slack, "jira": self.jira},
            callers=self.callers,
            archive=self.archive,
            stop=self.ended,
            config_hash=self.config_hash,
            own_keys=self.own_keys,
            roll=lambda: self.roll,
        )

    def day(self, number: float) -> RunReport:
        self.clock.instant = START + number * DAY
        return run_once(self.parts())

    def days(self, *numbers: float) -> None:
        for number in numbers:
            self.day(number)

    def told(self, sink: str = "slack") -> Sequence[tuple[int, str]]:
        """(day, stage) of every notice that ``sink`` delivered."""
        inbox = self.slack if sink == "slack" else self.jira
        return [((m.now - START).days, n.stage) for m in inbox.sent for n in m.notices]

    def acts(self) -> Sequence[str]:
        return [what for what, _ in self.writes]

    def with_policy(self, **changes: object) -> None:
        self.policy = replace(self.policy, **changes)  # type: ignore[arg-type]


def aged(days: float, key_id: str = "AKIAEXAMPLE000000001", user: str = "ci-deploy", **more: object) -> Key:
    """A key that is ``days`` old on day 0."""
    return Key(key_id, user, START - days * DAY, **more)  # type: ignore[arg-type]
