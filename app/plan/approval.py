"""A person's word for a plan that the brake holds: what it lets through, and by which name the plan goes."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.plan.kept import Approval, HeldPlan, PlannedAct

VALID = timedelta(hours=24)
KEPT = timedelta(days=7)  # how long a plan is remembered that no run holds any more


@dataclass(frozen=True, slots=True)
class Approvals:
    """The plans that were held, and what people said to them."""

    plans: tuple[HeldPlan, ...] = ()
    given: tuple[Approval, ...] = ()

    @property
    def latest(self) -> HeldPlan | None:
        """The plan that was held last: the one that can be approved."""
        return max(self.plans, key=lambda plan: plan.last_held_at, default=None)

    def of(self, plan: HeldPlan) -> tuple[Approval, ...]:
        """The approvals of ``plan``, the oldest first."""
        return tuple(sorted((a for a in self.given if a.plan == plan.id), key=lambda a: a.number))

    def standing(self, config_hash: str, now: datetime) -> Mapping[PlannedAct, Approval]:
        """Every act that may pass the brake. What was approved under another config may not."""
        plans = {plan.id: plan for plan in self.plans if plan.config_hash == config_hash}
        found: dict[PlannedAct, Approval] = {}
        for given in self.given:
            if given.plan in plans and now < given.until:
                used = frozenset(given.used)
                found.update((act, given) for act in plans[given.plan].acts if act.uid not in used)
        return found

    def waiting(self, acts: Collection[PlannedAct], config_hash: str, now: datetime) -> HeldPlan:
        """The plan under which ``acts`` wait from now on.

        One that only shrinks keeps its name: what people were told of it still holds, and its approval
        lets the rest through.
        """
        own = plan_id(acts, config_hash)
        known = next((plan for plan in self.plans if plan.id == own), None) or self._wider(acts, config_hash)
        if known is None:
            return HeldPlan(own, config_hash, tuple(sorted(set(acts))), now, now)
        lapsed = any(known.last_held_at < a.until <= now for a in self.of(known))
        return replace(known, last_held_at=now, told={} if lapsed else known.told)

    def outdated(self, now: datetime) -> tuple[str, ...]:
        """The ids of plans that nobody can approve any more, and that no approval stands for."""
        old = (plan for plan in self.plans if now - plan.last_held_at > KEPT)
        return tuple(plan.id for plan in old if all(a.until <= now for a in self.of(plan)))

    def _wider(self, acts: Collection[PlannedAct], config_hash: str) -> HeldPlan | None:
        """One that was approved has had its say: what it left over waits under a name of its own."""
        plan = self.latest
        if plan is None or plan.config_hash != config_hash or self.of(plan):
            return None
        return plan if covers(plan.acts, acts) else None


def plan_id(acts: Iterable[PlannedAct], config_hash: str) -> str:
    """SHA-256 over the sorted (act, credential id, rule, config hash): no times, so it lasts over runs."""
    lines = sorted({(act.verb.value, act.uid, act.rule, config_hash) for act in acts})
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()


def covers(approved: Iterable[PlannedAct], acts: Iterable[PlannedAct]) -> bool:
    """Whether an approval of ``approved`` lets ``acts`` through: that set, or a part of it."""
    return frozenset(approved).issuperset(acts)
