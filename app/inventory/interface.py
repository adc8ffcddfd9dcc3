"""Reading and changing the credentials of one account."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from app.model import (
    Account,
    Caller,
    Credential,
    Inventory,
    KeptReport,
    RememberedUser,
    Scan,
    ScanFailure,
)
from app.policy.near import Need as Need


def _nobody(_: Inventory) -> frozenset[str]:
    return frozenset()


@dataclass(frozen=True, slots=True)
class AccountMemory:
    """What the ledger knows of one account before it is scanned.

    ``stirs`` is asked once, with what the report and the memory tell: the users of whom something would be
    concluded that nobody saw live (a finding opens, ends, starts over). They are read live, too.
    """

    users: Mapping[str, RememberedUser] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)  # key id -> as it was last judged
    open_keys: Mapping[str, frozenset[str]] = field(default_factory=dict)  # user -> ids with a finding
    judged_users: frozenset[str] = (
        frozenset()
    )  # whose keys were judged: should they be gone, that is proven once
    since: datetime | None = None  # of its first scan
    traits_at: datetime | None = None  # of its users' tags and groups, as remembered
    report: KeptReport | None = None  # of the sweep that is gone on with
    stirs: Callable[[Inventory], Collection[str]] = _nobody

    @property
    def open_users(self) -> Collection[str]:
        return self.open_keys.keys()

    def open_keys_of(self, user: str) -> frozenset[str]:
        return self.open_keys.get(user, frozenset())


@dataclass(frozen=True, slots=True)
class Fetched:
    """A credential report as AWS gave it."""

    content: bytes
    made_at: datetime


@dataclass(frozen=True, slots=True)
class NotYet:
    """The credential report is still in the making: to be fetched after ``seconds``."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Scanned:
    """One account's scan, and what to remember: of a failed one too, as far as it got."""

    scan: Scan
    remembered: tuple[RememberedUser, ...] = ()
    traits_at: datetime | None = None  # None: as before
    report: KeptReport | None = None  # to keep
    again: bool = False  # it failed, and is tried once more within this sweep


class AccountScanner(Protocol):
    """Scans one account in three steps, so that nobody waits for a report in the making.

    Never raises: a failure is a `ScanFailure` with its reason, and stays that account's.
    """

    def ask(self, account: Account, need: Need, now: datetime) -> NotYet | ScanFailure | None:
        """Has the credential report made; None: it can be fetched. Only a failure for good is returned."""

    def fetch(
        self, account: Account, need: Need, tries: int, now: datetime
    ) -> Fetched | NotYet | ScanFailure | None:
        """The report; None: the account is to be read without one. ``tries``: fetches before this one."""

    def scan(
        self, account: Account, fetched: Fetched | None, need: Need, memory: AccountMemory, now: datetime
    ) -> Scanned: ...


class FleetScanner(Protocol):
    """Scans many accounts with bounded concurrency, yielding each as it is done, in any order.

    ``memory`` is asked in the caller's thread, just before it is needed. Accounts that are ``resumed`` have
    their report in it.
    """

    def scan(
        self,
        accounts: Sequence[Account],
        need: Need,
        memory: Callable[[str], AccountMemory],
        now: datetime,
        resumed: Collection[str] = (),
    ) -> Iterable[Scanned]: ...


class LiveReader(Protocol):
    """Reads one credential afresh, with everything that the policy can ask about it.

    Returns None when the user or the key is gone. Whatever can't be read is unknown in the
    result (``tags``/``groups`` None, `LastUsed.unknown`). Raises `Transient` or `Permanent` when the
    key's status or creation itself can't be read.
    """

    def read(self, account: Account, user: str, key_id: str, now: datetime) -> Credential | None: ...


class CallerHistory(Protocol):
    """Who used a key in the 90 days before ``now``: most calls first, at most 5.

    Only CloudTrail's management events are seen: no data events (reading an S3 object, sending mail). An
    empty answer therefore proves nothing. Without ``regions`` the partition's global region is asked.
    Raises `Permanent` when it is not permitted, `Transient` for throttling and the network.
    """

    def callers(
        self, account: Account, key_id: str, regions: Sequence[str], now: datetime
    ) -> tuple[Caller, ...]: ...


class KeyActor(Protocol):
    """The only writer to AWS. Each call names exactly one key and is idempotent.

    Raises `Transient`, `Ambiguous` (a time-out after sending) or `Permanent`.
    """

    def ready(self, account: Account) -> None:
        """Gets the right to act there, so that the act itself is one request: nothing is changed yet."""

    def deactivate(self, account: Account, user: str, key_id: str) -> None: ...
    def activate(self, account: Account, user: str, key_id: str) -> None: ...
    def delete(self, account: Account, user: str, key_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class HubIdentity:
    """Who this service is: its own credentials are never acted on."""

    account_id: str
    arn: str
    partition: str
    key_id: str | None  # the long-lived access key that it signs with, or gets its role by, if there is one

    @property
    def user(self) -> str | None:
        """The IAM user's name when the service runs as one (a laptop, not a role)."""
        return self.arn.rsplit("/", 1)[-1] if ":user/" in self.arn else None


class AwsClock(Protocol):
    """How far AWS's `Date` headers are from this machine's clock; None before the first answer."""

    def skew(self) -> timedelta | None: ...
