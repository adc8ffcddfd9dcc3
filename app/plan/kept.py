"""What the ledger keeps of acts that wait: plans past the brake, approvals, holds, the canary's trial."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.model import Verb

SHOWN_DIGITS = 12


@dataclass(frozen=True, slots=True, order=True)
class PlannedAct:
    """One act as it is approved. Two are the same by act, credential and rule; the rest is for people."""

    verb: Verb
    uid: str
    rule: str
    account: str = field(default="", compare=False)  # its label
    user: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class HeldPlan:
    """The acts that the brake held, all under one config. ``told``: sink -> when it took the call."""

    id: str
    config_hash: str
    acts: tuple[PlannedAct, ...]
    held_at: datetime  # first
    last_held_at: datetime
    told: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """What people are shown, and type."""
        return self.id[:SHOWN_DIGITS]


@dataclass(frozen=True, slots=True)
class Approval:
    """One plan let through. ``used`` are the uids of what was carried out under it, or may have been."""

    plan: str  # the plan's id
    number: int  # from 1: a plan that is held again after its approval has ended may get another
    by: str
    reason: str
    at: datetime
    until: datetime
    used: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """How the canary accounts fare under one config."""

    config_hash: str
    since: datetime  # the first run that would have destroyed something under it
    first_act_at: datetime | None = None  # in a canary account
    deactivated: tuple[str, ...] = ()  # uids there: one that is Active again was missed by somebody
    trouble_at: datetime | None = None
    trouble: str = ""  # what became of a canary act: "failed", "was taken back"
    passed_at: datetime | None = None  # from then on all accounts may follow


@dataclass(frozen=True, slots=True)
class Hold:
    """An act that one guard has held, run after run. ``told``: sink -> when it last took the call."""

    finding_id: str
    guard: str
    since: datetime  # when it was first held, but not before the day on which it was to happen
    told: Mapping[str, datetime] = field(default_factory=dict)
