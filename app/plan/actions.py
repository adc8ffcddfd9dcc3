"""The plan as data: what will be sent and done, and what was held back and why."""

from dataclasses import dataclass, field
from datetime import datetime

from app.model import Account, Credential, Finding, Owner, Verb
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
    """Everything one run will do. ``change`` is written first; ``send`` are the ids it then delivers."""

    now: datetime
    change: Change = field(default_factory=Change)
    send: tuple[str, ...] = ()
    acts: tuple[Act, ...] = ()
    held: tuple[HeldAct, ...] = ()
    judged: tuple[Judged, ...] = ()


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
