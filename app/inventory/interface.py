"""Reading and changing the credentials of one account."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from app.model import Account, Caller, Credential, RememberedUser, Scan
from app.policy.near import Need as Need


@dataclass(frozen=True, slots=True)
class AccountMemory:
    """What the ledger knows of one account before it is scanned."""

    users: Mapping[str, RememberedUser] = field(default_factory=dict)
    open_users: frozenset[str] = frozenset()  # users with an unresolved finding: always read live


@dataclass(frozen=True, slots=True)
class Scanned:
    """One account's scan, and what to remember of the users read live."""

    scan: Scan
    remembered: tuple[RememberedUser, ...] = ()


class AccountScanner(Protocol):
    """Scans one account. Never raises: a failure is a `ScanFailure` with its reason, and stays there."""

    def scan(self, account: Account, need: Need, memory: AccountMemory, now: datetime) -> Scanned: ...


class FleetScanner(Protocol):
    """Scans many accounts with bounded concurrency, yielding each as it is done, in any order."""

    def scan(
        self,
        accounts: Iterable[Account],
        need: Need,
        memory: Callable[[str], AccountMemory],
        now: datetime,
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

    def deactivate(self, account: Account, user: str, key_id: str) -> None: ...
    def activate(self, account: Account, user: str, key_id: str) -> None: ...
    def delete(self, account: Account, user: str, key_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class HubIdentity:
    """Who this service is: its own credentials are never acted on."""

    account_id: str
    arn: str
    partition: str
    key_id: str | None  # the access key it signs with, when it is a long-lived one

    @property
    def user(self) -> str | None:
        """The IAM user's name when the service runs as one (a laptop, not a role)."""
        return self.arn.rsplit("/", 1)[-1] if ":user/" in self.arn else None


class AwsClock(Protocol):
    """How far AWS's `Date` headers are from this machine's clock; None before the first answer."""

    def skew(self) -> timedelta | None: ...
