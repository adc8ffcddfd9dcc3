"""The policy as data: rules, stages, conditions and exemptions (DESIGN of the YAML in docs/policy.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from app.model import Do, Mode
from app.policy.listing import Listing
from app.policy.listing import OwnerRow as OwnerRow
from app.policy.match import Match as Match


@dataclass(frozen=True, slots=True)
class Age:
    """True `at least` this long after creation, while Active (CIS 1.14)."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class Unused:
    """True this long after the last use, or after creation when never used, while Active (CIS 1.12)."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class Inactive:
    """True this long after this service deactivated it or first saw it inactive."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class AnyOf:
    conditions: tuple["When", ...]


@dataclass(frozen=True, slots=True)
class AllOf:
    conditions: tuple["When", ...]


When = Age | Unused | Inactive | AnyOf | AllOf


@dataclass(frozen=True, slots=True)
class Require:
    """Delivered notices that must precede a destructive act: so many, the first so long ago."""

    notices: int = 2
    over: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Stage:
    """One rung. Without ``do`` it is a notice stage; ``repeat`` None: once an episode."""

    name: str
    when: When
    notify: tuple[str, ...] = ()  # sink names of the config
    repeat: timedelta | None = None
    do: Do | None = None
    require: Require = field(default_factory=Require)


@dataclass(frozen=True, slots=True)
class Exemption:
    """Why a rule's credentials are left alone, by whom, and until when (None: without end)."""

    reason: str
    approved_by: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class SnoozeLimit:
    """How long owners may put a key on hold: in all in one episode, and past the date they were told?"""

    longest: timedelta = timedelta(days=14)
    past_deadline: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """Either a ladder of ``stages`` or an ``exemption``; ``mode`` can only lower the service's."""

    name: str
    match: Match
    stages: tuple[Stage, ...] = ()
    exemption: Exemption | None = None
    mode: Mode | None = None
    snooze: SnoozeLimit = field(default_factory=SnoozeLimit)

    @property
    def deletes(self) -> bool:
        return any(stage.do is Do.DELETE for stage in self.stages)


@dataclass(frozen=True, slots=True)
class OwnerByTag:
    key: str  # the user tag that holds an e-mail address


@dataclass(frozen=True, slots=True)
class OwnerByKeyDescription:
    """The description that the console stores as a user tag whose key is the access key id."""


@dataclass(frozen=True, slots=True)
class OwnerByUserName:
    template: str  # "{user}@example.com"
    match: str = "*"  # a glob that the user name must match


@dataclass(frozen=True)
class OwnerByMap:
    users: Mapping[str, str]  # user name (a glob) -> e-mail address
    how: str = "map"

    @cached_property
    def listing(self) -> Listing:
        return Listing(OwnerRow(user, "", address) for user, address in self.users.items() if user)


@dataclass(frozen=True)
class OwnerByFile:
    rows: tuple[OwnerRow, ...]  # the first that covers a credential wins
    name: str  # the file's, as evidence

    @cached_property
    def listing(self) -> Listing:
        return Listing(self.rows)


@dataclass(frozen=True, slots=True)
class OwnerByAccountTag:
    key: str  # the account tag that holds an e-mail address


@dataclass(frozen=True, slots=True)
class OwnerByAccountContact:
    """``root`` (the account's own address) or an alternate contact: security, operations, billing."""

    contact: str


@dataclass(frozen=True, slots=True)
class OwnerFallback:
    address: str


OwnerSource = (
    OwnerByTag
    | OwnerByKeyDescription
    | OwnerByUserName
    | OwnerByMap
    | OwnerByFile
    | OwnerByAccountTag
    | OwnerByAccountContact
    | OwnerFallback
)


@dataclass(frozen=True, slots=True)
class Policy:
    """The first matching rule wins; what no rule matches is `ok`."""

    rules: tuple[Rule, ...]
    owners: tuple[OwnerSource, ...] = ()
    mode: Mode = Mode.OBSERVE
