"""The plan as data: what will be sent and done, and what was held back and why."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.model import Account, Credential, Finding, Owner, Verb
from app.plan.kept import Approval, HeldPlan
from app.plan.record import Change
from app.policy.evaluate import Decision
from app.policy.rules import Rule, Stage


@dataclass(frozen=True, slots=True)
class Judged:
    """One credential with its verdict; ``state`` is what metrics and tables count it as."""

    account: Account
    credential: Credential
    state: str
    decision: Decision | None = None  # None: far from every stage, its report row was enough
    finding: Finding | None = None
    next_act: Verb | None = None
    next_act_at: datetime | None = None
    inactive_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """One destructive act on exactly one credential, permitted by its own notices."""

    verb: Verb
    account: Account
    credential: Credential
    finding: Finding
    rule: Rule
    stage: Stage
    owner: Owner | None
    due_at: datetime
    failed: bool = False  # when it was last tried
    approval: Approval | None = None  # what lets it pass the brake: it is used, needed or not


@dataclass(frozen=True, slots=True)
class HeldAct:
    """An act that is not done now. ``guard`` is the rule that held it, ``text`` says why to a person."""

    guard: str
    text: str
    account_id: str
    account: str
    user: str
    key: str  # masked
    finding_id: str
    verb: Verb
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one run will do. ``change`` is written first; ``send`` are the ids it then delivers.

    A whole fleet's plan keeps, of what it judged and held, only what it acts on and shows (`plan/gather.py`).
    """

    now: datetime
    change: Change = field(default_factory=Change)
    send: tuple[str, ...] = ()
    acts: tuple[Act, ...] = ()
    held: tuple[HeldAct, ...] = ()
    judged: tuple[Judged, ...] = ()
    active: Mapping[str, int] = field(default_factory=dict)  # account id -> its Active keys
    unlisted: Mapping[str, int] = field(default_factory=dict)  # guard -> held acts beyond those in `held`
    ended: tuple[tuple[Finding, str], ...] = ()  # the findings that it resolves, and why
    stirred: frozenset[str] = frozenset()  # users with a finding that opens, ends or starts over
    braked: HeldPlan | None = None  # what waits for approval; it is in `change` too

    def held_by_guard(self) -> Counter[str]:
        """How many acts each guard held back, listed or not."""
        return Counter(h.guard for h in self.held) + Counter(self.unlisted)


def held(act: Act, guard: str, text: str) -> HeldAct:
    """``act`` as held back by ``guard``."""
    return HeldAct(
        guard=guard,
        text=text,
        account_id=act.account.id,
        account=act.account.label,
        user=act.credential.user,
        key=act.credential.masked,
        finding_id=act.finding.id,
        verb=act.verb,
        due_at=act.due_at,
    )
