"""What the plan reads of the ledger, and what it writes to it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from app.model import (
    AccountState,
    Breaker,
    CopyMark,
    Delivery,
    Event,
    Facts,
    Finding,
    KeptReport,
    Pause,
    Refusal,
    RememberedUser,
    RunRecord,
    Snooze,
)
from app.plan.kept import Approval, HeldPlan, Hold, Trial

# Who left may come back, and a tag may be mended: after this an address is tried again.
LEFT_FOR, DISOWNED_FOR = timedelta(days=30), timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Change:
    """Everything one step writes: all of it in one transaction, or none.

    Rows replace their like by key: facts and snoozes by ``uid``, refusals by (address, uid), findings
    and deliveries by ``id``, accounts and reports by ``account_id``, users by (account_id, user), held plans
    by ``id``, approvals by (plan, number), holds by (finding_id, guard), copies by ``target``, breakers by
    ``sink``. Events and runs are appended. What is to be forgotten goes last: of an account that is all there
    is of it, its findings with their deliveries too.
    A finding whose ``revision`` is not the stored one (0: not stored yet) raises `ConflictingWrite`
    and nothing is written; the ledger raises the revision by one at each write.
    """

    facts: tuple[Facts, ...] = ()
    forget: tuple[str, ...] = ()  # uids of credentials proven gone: their facts are dropped
    findings: tuple[Finding, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    snoozes: tuple[Snooze, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    events: tuple[Event, ...] = ()
    accounts: tuple[AccountState, ...] = ()
    users: tuple[RememberedUser, ...] = ()
    reports: tuple[KeptReport, ...] = ()
    copies: tuple[CopyMark, ...] = ()
    held_plans: tuple[HeldPlan, ...] = ()
    forget_plans: tuple[str, ...] = ()  # ids of held plans: dropped with their approvals
    approvals: tuple[Approval, ...] = ()
    holds: tuple[Hold, ...] = ()
    forget_holds: tuple[tuple[str, str], ...] = ()  # (finding_id, guard)
    canary: Trial | None = None  # None: as it was; there is one at a time
    breakers: tuple[Breaker, ...] = ()
    forget_accounts: tuple[str, ...] = ()
    forget_users: tuple[tuple[str, str], ...] = ()  # (account_id, user)
    forget_snoozes: tuple[str, ...] = ()  # uids
    forget_refusals: tuple[tuple[str, str], ...] = ()  # (address, uid)
    run: RunRecord | None = None


@dataclass(frozen=True, slots=True)
class AccountRows:
    """One consistent reading of what the ledger holds of one account's credentials."""

    facts: Mapping[str, Facts] = field(default_factory=dict)  # by uid
    findings: Mapping[str, Finding] = field(default_factory=dict)  # by uid, resolved ones too
    deliveries: Mapping[str, Sequence[Delivery]] = field(default_factory=dict)  # as in `LedgerView`
    users: Mapping[str, RememberedUser] = field(default_factory=dict)  # by name


class Refusals(tuple[Refusal, ...]):
    """Every refusal, indexed once for all the credentials that a run asks about."""

    @cached_property
    def by_uid(self) -> Mapping[str, tuple[Refusal, ...]]:
        """Under the empty uid: who has left."""
        found: dict[str, list[Refusal]] = {}
        for refusal in self:
            found.setdefault(refusal.uid, []).append(refusal)
        return {uid: tuple(refusals) for uid, refusals in found.items()}

    @cached_property
    def addresses(self) -> Mapping[str, frozenset[str]]:
        """By uid, case-folded; those of people who have left are in each."""
        found = {uid: frozenset(r.address.casefold() for r in rows) for uid, rows in self.by_uid.items()}
        left = found.setdefault("", frozenset())
        return {uid: addresses | left for uid, addresses in found.items()}

    def at(self, now: datetime) -> "Refusals":
        """Those that have not lapsed."""
        known = self._at.get(now)
        if known is None:
            spans = ((r, DISOWNED_FOR if r.uid else LEFT_FOR) for r in self)
            known = self._at[now] = Refusals(r for r, span in spans if now - r.at < span)
        return known

    @cached_property
    def _at(self) -> dict[datetime, "Refusals"]:
        return {}  # a run has one `now`


@dataclass(frozen=True, slots=True)
class LedgerView:
    """One consistent reading of what the plan needs: immutable, so the plan stays pure.

    Of the whole fleet, or a frame (no facts, findings and deliveries) with the rows of one account.
    """

    facts: Mapping[str, Facts] = field(default_factory=dict)  # by uid
    findings: Mapping[str, Finding] = field(default_factory=dict)  # by uid, resolved ones too
    # by finding id: every delivery of its present episode, in order of creation
    deliveries: Mapping[str, Sequence[Delivery]] = field(default_factory=dict)
    snoozes: Mapping[str, Snooze] = field(default_factory=dict)  # by uid, ended ones too
    refusals: Refusals = field(default_factory=Refusals)
    accounts: Mapping[str, AccountState] = field(default_factory=dict)
    breakers: Mapping[str, Breaker] = field(default_factory=dict)  # by sink
    last_run: RunRecord | None = None
    pause: Pause | None = None
    canary: Trial | None = None

    def with_rows(self, rows: AccountRows) -> "LedgerView":
        """This view, showing the credentials of one account."""
        return replace(self, facts=rows.facts, findings=rows.findings, deliveries=rows.deliveries)

    def refused(self, uid: str, now: datetime) -> frozenset[str]:
        """Addresses, case-folded, that don't answer for this credential now: they said so, or have left."""
        addresses = self.refusals.at(now).addresses
        return addresses.get(uid, addresses[""])

    def refusals_at(self, now: datetime) -> tuple[Refusal, ...]:
        """Those that have not lapsed."""
        return self.refusals.at(now)

    def disowned_at(self, uid: str) -> datetime | None:
        """When somebody last said of this credential that it isn't theirs."""
        return max((r.at for r in self.refusals.by_uid.get(uid, ())), default=None)


def rows_by_account(view: LedgerView) -> Mapping[str, AccountRows]:
    """A whole view's facts, findings and deliveries, account by account."""
    facts: dict[str, dict[str, Facts]] = defaultdict(dict)
    findings: dict[str, dict[str, Finding]] = defaultdict(dict)
    deliveries: dict[str, dict[str, Sequence[Delivery]]] = defaultdict(dict)
    for known in view.facts.values():
        facts[known.account_id][known.uid] = known
    for finding in view.findings.values():
        findings[finding.account_id][finding.uid] = finding
        if finding.id in view.deliveries:
            deliveries[finding.account_id][finding.id] = view.deliveries[finding.id]
    both = facts.keys() | findings.keys()
    return {one: AccountRows(facts[one], findings[one], deliveries[one]) for one in sorted(both)}
