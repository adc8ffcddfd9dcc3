"""A credential's ladder as it stands: each stage with its day, and what its act still lacks."""

from dataclasses import dataclass
from datetime import datetime

from app.model import Credential, Finding, Owner
from app.plan.climb import goal_of
from app.plan.record import LedgerView
from app.plan.require import Told, day, earliest, missing
from app.policy.rules import Rule, Stage
from app.policy.stages import condition_text, stage_due


@dataclass(frozen=True, slots=True)
class Rung:
    """One stage as it stands for this credential."""

    stage: str
    condition: str
    due_at: datetime | None
    note: str


def rungs(
    rule: Rule,
    current: Stage | None,
    credential: Credential,
    told: Told,
    inactive_since: datetime | None,
    now: datetime,
) -> tuple[Rung, ...]:
    """The stages of ``rule``, of which ``current`` is the present one."""
    goal = goal_of(rule, current, credential.status) if current else None

    def rung(stage: Stage) -> Rung:
        due = stage_due(stage, credential, inactive_since)
        note = "current" if stage is current else ""
        if stage is goal:
            note = _act_note(stage, due, told, now)
        return Rung(stage.name, condition_text(stage.when), due, note)

    return tuple(map(rung, rule.stages))


def _act_note(stage: Stage, due: datetime | None, told: Told, now: datetime) -> str:
    at, lacking = earliest(stage, due, told, now), missing(stage, told, now)
    begin = f"earliest {day(at)}" if at else "its date can't be told"
    return f"{begin}; {lacking.text if lacking else 'every required notice was delivered'}"


def told_so_far(
    view: LedgerView,
    finding: Finding,
    credential: Credential,
    ladder: tuple[Rule, Stage],
    owner: Owner | None,
    inactive_since: datetime | None,
) -> Told:
    """What counts towards the next act so far, as the next run will see it. ``ladder``: rule and stage."""
    rows = view.deliveries.get(finding.id, ())
    reached = {d.recipient for d in rows if d.route == "fallback"}
    accepted = frozenset(reached | ({owner.address} if owner else set()))
    goal = goal_of(*ladder, credential.status)
    snooze, disowned_at = view.snoozes.get(finding.uid), view.disowned_at(finding.uid)
    return Told.of(rows, accepted, owner, finding, snooze, inactive_since, goal, disowned_at)
