"""What planning knows besides the inventories: all of it plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.model import Account, Credential, Origin, Owner
from app.plan.approval import Approvals
from app.plan.limits import Limits
from app.plan.record import LedgerView
from app.policy.evaluate import Decision, evaluate
from app.policy.owner import fallback_of
from app.policy.rules import Policy


@dataclass(frozen=True, slots=True)
class SinkTraits:
    """What the plan must know of the configured sinks: which keep tickets, and whom they fall back to."""

    tickets: frozenset[str] = frozenset()
    fallbacks: Mapping[str, str] = field(default_factory=dict)  # sink -> its own fallback recipient
    insisting: frozenset[str] = frozenset()  # these reopen a ticket each time that a person closes it


@dataclass(frozen=True, slots=True)
class OwnIdentity:
    """The service's own credentials: never acted on."""

    account_id: str = ""
    user: str | None = None
    key_ids: frozenset[str] = frozenset()

    def is_self(self, credential: Credential) -> bool:
        same_user = self.user == credential.user and self.account_id == credential.account_id
        return same_user or credential.id in self.key_ids


@dataclass(frozen=True, slots=True)
class Context:
    """One run's fixed facts."""

    now: datetime
    policy: Policy
    view: LedgerView = field(default_factory=LedgerView)
    limits: Limits = field(default_factory=Limits)
    sinks: SinkTraits = field(default_factory=SinkTraits)
    own: OwnIdentity = field(default_factory=OwnIdentity)
    closed: Mapping[str, frozenset[str]] = field(default_factory=dict)  # sink -> tickets that are closed
    origin: Origin = field(default_factory=Origin)  # of the events that it gives rise to
    config_hash: str = ""
    approvals: Approvals = field(default_factory=Approvals)
    reactivated: frozenset[str] = frozenset()  # uids of what the canary's trial deactivated
    clock_holds: bool = True  # nothing speaks against `now`

    def evaluate(self, account: Account, credential: Credential, inactive_since: datetime | None) -> Decision:
        """What the policy says now, and who answers by what the ledger knows of owners."""
        refused = self.view.refused(credential.uid, self.now)
        return evaluate(self.policy, account, credential, inactive_since, self.now, refused)

    def accepted(self, owner: Owner | None) -> frozenset[str]:
        """Recipients whose notices count: the present owner and every fallback."""
        fallback = fallback_of(self.policy.owners)
        named = {owner.address} if owner else set()
        return frozenset(named | ({fallback} if fallback else set()) | set(self.sinks.fallbacks.values()))

    def recipient(self, owner: Owner | None, sink: str) -> str:
        """Whom ``sink`` tells first; empty when nobody is known."""
        return owner.address if owner else self.sinks.fallbacks.get(sink, "")

    def fallback(self, sink: str, first: str) -> str | None:
        """Whom ``sink`` tells instead of ``first``: its own channel, then the config's fallback."""
        choices = (self.sinks.fallbacks.get(sink), fallback_of(self.policy.owners))
        return next((choice for choice in choices if choice and choice != first), None)


@dataclass(frozen=True, slots=True)
class Subject:
    """The credential at hand, in its account."""

    account: Account
    credential: Credential
    inactive_since: datetime | None = None
