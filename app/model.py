"""The domain's words as frozen types. Nothing here does I/O or reads a clock."""

import hashlib
import re
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

# A last line of defence at every output boundary (see `redact`).
KEY_ID = re.compile(r"A(?:KI|SI)A[A-Z0-9]{16}")
SHOWN_CHARACTERS = 4

ACTIVE, INACTIVE, EXPIRED = "Active", "Inactive", "Expired"


class Kind(StrEnum):
    """The kinds of long-lived credential. `ACCESS_KEY` is acted on; the rest are reported."""

    ACCESS_KEY = "access_key"
    ROOT_ACCESS_KEY = "root_access_key"
    CONSOLE_PASSWORD = "console_password"
    SERVICE_SPECIFIC_CREDENTIAL = "service_specific_credential"
    SSH_PUBLIC_KEY = "ssh_public_key"
    SIGNING_CERTIFICATE = "signing_certificate"


class Mode(StrEnum):
    """What the service may do. Where several apply, the lowest holds (`lowest`)."""

    OBSERVE = "observe"
    NOTIFY = "notify"
    ENFORCE = "enforce"

    @staticmethod
    def lowest(*modes: "Mode | None") -> "Mode":
        return min(filter(None, modes), key=_MODES.index)


_MODES = tuple(Mode)


class Do(StrEnum):
    """A destructive act of a stage."""

    DEACTIVATE = "deactivate"
    DELETE = "delete"


def mask(key_id: str | None) -> str:
    """``…WXYZ``: the last four characters, never more; ``…????`` while the id has not been read."""
    return f"…{key_id[-SHOWN_CHARACTERS:]}" if key_id else "…????"


def redact(text: str) -> str:
    """Masks every access key id inside free text."""
    return KEY_ID.sub(lambda found: mask(found.group()), text)


@dataclass(frozen=True, slots=True)
class RoleRef:
    """A role to assume and the ExternalId it asks for."""

    arn: str
    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account. ``reader`` None means: the hub's own credentials are this account's."""

    id: str
    name: str = ""
    alias: str = ""
    email: str = ""  # the root user's, as Organizations lists it
    contacts: Mapping[str, str] = field(default_factory=dict)  # "security", "operations", "billing" -> e-mail
    ou_ids: tuple[str, ...] = ()  # from the root down: ("r-ab12", "ou-ab12-11111111", …)
    ou_path: str = ""  # the same by name: "Root/Prod/Payments"
    tags: Mapping[str, str] | None = field(default_factory=dict)  # None: could not be read
    partition: str = "aws"
    mode: Mode | None = None
    reader: RoleRef | None = None
    actor: RoleRef | None = None

    @property
    def label(self) -> str:
        return self.name or self.alias or self.id

    @property
    def named(self) -> str:
        """``prod (111122223333)``, or the bare id when that is all there is."""
        return self.id if self.label == self.id else f"{self.label} ({self.id})"


@dataclass(frozen=True, slots=True)
class LastUsed:
    """``at`` a time, ``never``, or ``unknown``; unknown is never treated as never."""

    state: Literal["at", "never", "unknown"]
    at: datetime | None = None
    service: str | None = None
    region: str | None = None
    why_unknown: str = ""

    @staticmethod
    def never() -> "LastUsed":
        return LastUsed("never")

    @staticmethod
    def unknown(why: str) -> "LastUsed":
        return LastUsed("unknown", why_unknown=why)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who used a key, as far as CloudTrail tells: evidence for people, never a ground for an act."""

    source: str  # a source address, or the AWS service that called: "cloudformation.amazonaws.com"
    agent: str  # a short user agent: "aws-cli/2.15", "Boto3/1.34 (lambda)"
    service: str  # what was called: "s3"
    region: str
    calls: int  # within the sample that was read
    last: datetime

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"last": self.last.isoformat()}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "Caller":
        return Caller(**{**data, "last": datetime.fromisoformat(data["last"])})


@dataclass(frozen=True, slots=True)
class Credential:
    """One long-lived credential as read at ``observed_at``.

    ``live``: it was read itself; else the credential report spoke of it, together with what an earlier live
    read of it had shown. ``id`` is None when there was none: such a credential is far from every stage.
    ``tags`` and ``groups`` are None when they could not be read.
    ``created`` is the true CreateDate when ``id`` is known, else the latest possible one.
    """

    account_id: str
    user: str
    id: str | None
    status: str
    created: datetime
    last_used: LastUsed
    observed_at: datetime
    live: bool
    kind: Kind = Kind.ACCESS_KEY
    user_path: str = "/"
    tags: Mapping[str, str] | None = None
    groups: tuple[str, ...] | None = None
    unreadable: str = ""  # why tags or groups are None

    @property
    def judgeable(self) -> bool:
        """Whether enough is known to judge it. A key far from every stage is read only as far as its row:
        its tags and groups were not asked for, which is another thing than not being readable."""
        asked = self.tags is not None or self.groups is not None or bool(self.unreadable)
        return self.id is not None and asked

    @property
    def uid(self) -> str:
        """The credential's identity inside the ledger: never shown."""
        return f"{self.account_id}/{self.id}"

    @property
    def masked(self) -> str:
        return mask(self.id)


@dataclass(frozen=True, slots=True)
class Inventory:
    """The credentials of one account as of one instant: complete.

    ``live_users`` were read live and whole: only for them does an id's absence prove anything.
    """

    account: Account
    taken_at: datetime
    credentials: tuple[Credential, ...]
    live_users: frozenset[str]
    root_keys: int = 0  # active root access keys
    root_keys_known: bool = True  # False: nobody could be asked for them
    warnings: tuple[str, ...] = ()
    exposed_users: frozenset[str] | None = frozenset()  # AWS has quarantined them; None: that can't be told


@dataclass(frozen=True, slots=True)
class ScanFailure:
    """An account that could not be read whole: nothing is concluded from it."""

    account: Account
    at: datetime
    reason: str
    blocked: bool = False  # access is denied for good (an SCP, a missing role): said once
    passing: bool = False  # asking again may help


Scan = Inventory | ScanFailure


@dataclass(frozen=True, slots=True)
class RememberedKey:
    """A key's true CreateDate, once seen live, and its line in the credential report."""

    id: str
    created: datetime
    status: str
    line: datetime | None = None  # the date that the line bears, where it isn't the CreateDate


@dataclass(frozen=True, slots=True)
class RememberedUser:
    """What the last live read of a user showed: saves calls, and proves true creation dates.

    ``tags`` and ``groups`` are None until a key of his came near a stage, and while they can't be read.
    """

    account_id: str
    user: str
    read_at: datetime
    keys: tuple[RememberedKey, ...]
    tags: Mapping[str, str] | None = None
    groups: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class KeptReport:
    """An account's credential report as it was fetched: a sweep that was cut short goes on from it."""

    account_id: str
    kept_at: datetime  # the run's own `now`
    made_at: datetime  # AWS's GeneratedTime
    content: bytes  # the CSV, compressed by zlib


@dataclass(frozen=True, slots=True)
class Owner:
    """Who answers for a credential, and how we know."""

    address: str  # an e-mail address
    how: str  # "tag owner", "key description", "user name", "map", "account tag owner", "fallback", …
    is_fallback: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an address is passed over when an owner is looked for, until it lapses.

    ``uid`` is the credential that somebody said is not theirs; empty: the person has left, for all.
    """

    address: str
    uid: str
    at: datetime
    by: str  # who says so: a person, or the sink that found the account deactivated
    reason: str


@dataclass(frozen=True, slots=True)
class Reason:
    """A code for machines and a sentence for people."""

    code: str
    text: str


# --- what the ledger remembers -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Facts:
    """What is remembered of a credential even in `observe`."""

    uid: str
    account_id: str
    user: str
    key_id: str
    created: datetime
    first_seen: datetime
    status: str
    inactive_since: datetime | None = None  # first seen inactive, or deactivated by this service
    deactivated_at: datetime | None = None  # by this service, in the present inactive spell
    exempt: bool = False  # the last evaluation said so: a lapse opens a new episode
    last_used: LastUsed = field(default_factory=lambda: LastUsed.unknown("not read yet"))


class FindingState(StrEnum):
    OPEN = "open"
    DORMANT = "dormant"  # no stage applies any more, yet nothing proves it resolved
    SUSPENDED = "suspended"  # its account is deselected or suspended
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Finding:
    """A credential on a ladder, for one episode. The id is opaque and lasts over episodes."""

    id: str
    uid: str
    account_id: str
    account: str  # its label
    user: str
    key_id: str
    state: FindingState
    episode: int
    opened_at: datetime
    rule: str
    stage: str
    owner: str
    reason: str
    due_at: datetime | None = None  # of the next destructive act, as last computed
    resolved_at: datetime | None = None
    fresh_after: datetime | None = None  # a counted notice must be younger than this before any act
    refs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # sink -> its references
    mode: Mode | None = None  # that applied when it was last judged
    revision: int = 0  # the ledger raises it at each write and refuses a stale one

    @staticmethod
    def id_for(uid: str) -> str:
        """Opaque and stable, so that a ticket is found again even by an empty ledger."""
        digest = hashlib.sha256(f"keysteward finding {uid}".encode()).digest()
        return f"KS-{b32encode(digest)[:10].decode()}"

    @staticmethod
    def opened(account: Account, credential: Credential, at: datetime) -> "Finding":
        """Of a first episode, before it is known where on which ladder it stands."""
        return Finding(
            id=Finding.id_for(credential.uid),
            uid=credential.uid,
            account_id=account.id,
            account=account.label,
            user=credential.user,
            key_id=credential.id or "",
            state=FindingState.OPEN,
            episode=1,
            opened_at=at,
            rule="",
            stage="",
            owner="",
            reason="",
        )

    @property
    def ticket(self) -> str:
        """The URL or key of its ticket; empty when there is none."""
        return next((ref.get("url") or ref["key"] for ref in self.refs.values() if "key" in ref), "")

    @property
    def masked(self) -> str:
        return mask(self.key_id)


class DeliveryState(StrEnum):
    PENDING = "pending"
    CLAIMED = "claimed"
    DELIVERED = "delivered"
    FAILED = "failed"  # will be tried again
    AMBIGUOUS = "ambiguous"  # may have arrived: look, then send again
    DEAD = "dead"  # can't succeed
    CANCELLED = "cancelled"


# Keys of a delivery's receipt that say how it ended.
INSTEAD = "instead"  # whom its sink tells in place of somebody who can't be reached
MAYBE_SENT = "maybe_sent"  # it was given up or cancelled, and may have arrived

UNDELIVERED = frozenset(
    {DeliveryState.PENDING, DeliveryState.CLAIMED, DeliveryState.FAILED, DeliveryState.AMBIGUOUS}
)


class Verb(StrEnum):
    NOTIFY = "notify"
    RESOLVE = "resolve"  # close the ticket
    DEACTIVATE = "deactivate"
    DELETE = "delete"


DESTRUCTIVE = frozenset({Verb.DEACTIVATE, Verb.DELETE})


@dataclass(frozen=True, slots=True)
class Delivery:
    """One action on one sink, keyed (finding, episode, stage, occurrence, sink, route)."""

    finding_id: str
    episode: int
    stage: str
    occurrence: int
    sink: str
    verb: Verb
    state: DeliveryState
    created_at: datetime
    route: Literal["owner", "fallback"] = "owner"
    recipient: str = ""  # whom it is for, later whom it reached
    names_date: datetime | None = None  # the day of the destructive act that it names
    enforced: bool = False  # `enforce` applied to the credential when it was planned
    counts: bool = False  # the sink vouches that a person was told
    message_id: str = ""  # the digest that carries it
    attempts: int = 0
    next_attempt_at: datetime | None = None  # of what waits: not before; None: a run decides
    settled_at: datetime | None = None  # delivered, dead or cancelled
    requeued_at: datetime | None = None  # when somebody last put it back by hand
    epoch: int = 0  # the lease under which it was claimed
    receipt: Mapping[str, str] = field(default_factory=dict)
    error: str = ""
    payload: Mapping[str, Any] = field(default_factory=dict)
    # the rendered notice (plan/render.py); of an act, what it rests on (service/grounds.py)

    @property
    def id(self) -> str:
        parts = (self.finding_id, self.episode, self.stage, self.occurrence, self.sink, self.route)
        return "/".join(map(str, parts))

    @property
    def may_have_arrived(self) -> bool:
        """Whether somebody may have got it although nothing confirmed that."""
        lost = self.state in (DeliveryState.AMBIGUOUS, DeliveryState.CLAIMED)
        over = self.state in (DeliveryState.DEAD, DeliveryState.CANCELLED)
        return lost or (over and MAYBE_SENT in self.receipt)

    @property
    def was_passed_on(self) -> bool:
        """Dead, but the fallback was told in its place: nobody is left in the dark."""
        return INSTEAD in self.receipt


@dataclass(frozen=True, slots=True)
class Breaker:
    """How one sink fares. It is rested from ``rested_at`` to ``until``; then one message probes it.

    `app/service/breaker.py` has the rules. A sink that works has none, or one without failures.
    """

    sink: str
    failures: int = 0  # in a row, whatever the message
    rests: int = 0  # in a row, the present one included; 0: it is not rested
    rested_at: datetime | None = None
    until: datetime | None = None
    error: str = ""  # the last one
    told: bool = False  # the on-call was told of this outage


@dataclass(frozen=True, slots=True)
class Snooze:
    """The ladder on hold. It stays in the ledger after its end: a fresh notice must follow it."""

    uid: str
    until: datetime
    by: str
    reason: str
    at: datetime
    episode: int = 0  # the finding's, when its owner asked for it
    since: datetime | None = (
        None  # when the owner's first snooze of that episode began: a limit counts from it
    )


@dataclass(frozen=True, slots=True)
class Pause:
    by: str
    reason: str
    at: datetime

    @property
    def text(self) -> str:
        return f"paused by {self.by}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Origin:
    """What ran when something happened. ``policy`` is the config's hash (`Config.hash`)."""

    mode: str = ""
    policy: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the audit trail. ``what`` is a verb of the vocabulary, ``detail`` is for people.

    ``data`` holds plain values only: text, whole numbers, booleans, None, and lists and mappings of them.
    """

    at: datetime
    by: str
    what: str
    account_id: str = ""
    finding_id: str = ""
    key: str = ""  # masked
    detail: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    origin: Origin = Origin()


@dataclass(frozen=True, slots=True)
class CopyMark:
    """How far the audit trail has been copied to ``target``.

    Events up to ``done`` are there. Those behind it up to ``tried`` may be, in one object: its writing was
    begun, and what came of it is not known.
    """

    target: str
    done: int = 0
    tried: int = 0


@dataclass(frozen=True, slots=True)
class AccountState:
    """Freshness of one account. A failure keeps the last known counts."""

    account_id: str
    account: str
    last_success: datetime | None
    error: str = ""
    error_since: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)  # state -> credentials
    root_keys: int = 0
    exposed: int | None = None  # Active credentials of users AWS has quarantined; None: nobody could tell yet
    since: datetime | None = None  # of its first success
    traits_at: datetime | None = None  # when its users' tags and groups were last read, all at once


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the fleet a run read.

    Of the ``total`` accounts to be read ``fresh`` were read whole, ``resumed`` of these from what an
    interrupted run had fetched. ``retried`` were asked once more within the run, in vain or not.
    """

    fresh: int = 0
    total: int = 0
    resumed: int = 0
    retried: int = 0

    @classmethod
    def of(cls, accounts: Mapping[str, int], resumed: int = 0, retried: int = 0) -> "Coverage":
        """From accounts by outcome. What was left out on purpose (suspended, excluded) was not to be read."""
        fresh = accounts.get("success", 0)
        unread = sum(accounts.get(word, 0) for word in ("failed", "blocked"))
        return cls(fresh, fresh + unread, resumed, retried)

    @property
    def unread(self) -> int:
        return self.total - self.fresh

    @property
    def ratio(self) -> float:
        """0 to 1; 0 where there was nothing to read."""
        return self.fresh / self.total if self.total else 0.0

    @property
    def text(self) -> str:
        """``9,998 of 10,000 accounts (99.98 %)``, rounded down, so that 100 % means all."""
        share = f" ({self.fresh * 10_000 // self.total / 100:g} %)" if self.total else ""
        return f"{self.fresh:,} of {self.total:,} {'account' if self.total == 1 else 'accounts'}{share}"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One cycle, as it ended. ``at`` is the run's own `now`."""

    at: datetime
    finished_at: datetime
    outcome: Literal["success", "partial", "failed"]
    accounts: Mapping[str, int] = field(default_factory=dict)  # outcome -> accounts
    held: Mapping[str, int] = field(default_factory=dict)  # guard -> acts
    config_hash: str = ""
    mode: str = ""
    coverage: Coverage = Coverage()  # of an older version's run: nothing is known
