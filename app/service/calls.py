"""What whoever is on call must hear, once: a plan that waits for approval, and acts held for a week."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from app.ledger.interface import Change
from app.model import Finding, Verb, mask
from app.plan.actions import HeldAct, Plan
from app.plan.brake import BRAKE
from app.plan.holds import called, overdue
from app.plan.kept import HeldPlan, Hold, PlannedAct
from app.plan.summary import Alert, RunSummary, SummaryRow

_ACTS = {Verb.DEACTIVATE: "deactivate", Verb.DELETE: "delete", Verb.NOTIFY: "notify"}


@dataclass(frozen=True, slots=True)
class Calls:
    """Of one run. Each sink is remembered by itself: one that was down is told with the next run."""

    at: datetime
    held: tuple[HeldAct, ...] = ()
    braked: HeldPlan | None = None
    holds: tuple[Hold, ...] = ()

    @staticmethod
    def of(plan: Plan, holds: tuple[Hold, ...]) -> "Calls":
        """What can't be seen in ``plan`` (an account that failed, a list that was cut) stays to be told."""
        seen = {(act.finding_id, act.guard) for act in plan.held}
        known = tuple(hold for hold in holds if (hold.finding_id, hold.guard) in seen)
        return Calls(plan.now, plan.held, plan.braked, known)

    @staticmethod
    def waiting(plan: HeldPlan, now: datetime) -> "Calls":
        """Of a plan that a run has held before."""
        return Calls(now, tuple(map(_as_held, plan.acts)), plan)

    def addressed(self, summary: RunSummary, sink: str) -> RunSummary:
        """``summary`` as ``sink`` is to tell it."""
        alerts = (*summary.alerts, *self._approval(sink), *self._held_long(sink))
        still = () if self.braked is None or self._is_new(sink) else (_still(self.braked),)
        news = summary.news or bool(alerts)
        return replace(summary, alerts=alerts, warnings=(*summary.warnings, *still), news=news)

    def told(self, sinks: Collection[str]) -> Change:
        """What to remember once ``sinks`` took what was addressed to them."""
        plan, holds = self.braked, dict[tuple[str, str], Hold]()
        for sink in sinks:
            if plan and self._is_new(sink):
                plan = replace(plan, told={**plan.told, sink: self.at})
            for hold in overdue(self.holds, sink, self.at):
                key = (hold.finding_id, hold.guard)
                holds[key] = called(holds.get(key, hold), sink, self.at)
        changed = (plan,) if plan and plan != self.braked else ()
        return Change(held_plans=changed, holds=tuple(holds.values()))

    def _is_new(self, sink: str) -> bool:
        return self.braked is not None and sink not in self.braked.told

    def _approval(self, sink: str) -> Iterator[Alert]:
        if self.braked and self._is_new(sink):
            rules = {Finding.id_for(act.uid): f"rule {act.rule!r}" for act in self.braked.acts}
            acts = (act for act in self.held if act.guard == BRAKE)
            rows = tuple(replace(as_row(a), why=rules.get(a.finding_id, a.text)) for a in acts)
            yield Alert("approval", _ask(self.braked, rows), self.braked.short, rows)

    def _held_long(self, sink: str) -> Iterator[Alert]:
        due = {(hold.finding_id, hold.guard) for hold in overdue(self.holds, sink, self.at)}
        acts = [act for act in self.held if (act.finding_id, act.guard) in due]
        for guard, some in groupby(sorted(acts, key=lambda act: act.guard), key=lambda act: act.guard):
            rows = tuple(map(as_row, some))
            yield Alert("held_long", _too_long(guard, rows), "", rows)


def _as_held(act: PlannedAct) -> HeldAct:
    account_id, _, key_id = act.uid.partition("/")
    about = (account_id, act.account, act.user, mask(key_id), Finding.id_for(act.uid))
    return HeldAct(BRAKE, f"rule {act.rule!r}", *about, act.verb)


def as_row(act: HeldAct) -> SummaryRow:
    return SummaryRow(
        "held",
        act.finding_id,
        act.account_id,
        act.account,
        act.user,
        act.key,
        act.text,
        stage=_ACTS.get(act.verb, ""),
        guard=act.guard,
        at=act.due_at,
    )


def _ask(plan: HeldPlan, rows: Sequence[SummaryRow]) -> str:
    return (
        f"The brake holds {_acts(len(rows))}, and nothing is deactivated or deleted. If the policy means "
        f"them, let this plan through: `keysteward approve {plan.short} --reason …`; else mend the policy."
    )


def _still(plan: HeldPlan) -> str:
    return f"plan {plan.short} still waits at the brake for `keysteward approve {plan.short}`"


def _too_long(guard: str, rows: Sequence[SummaryRow]) -> str:
    reasons = {row.why for row in rows}
    why = f": {reasons.pop()}" if len(reasons) == 1 else ""
    have = "has" if len(rows) == 1 else "have"
    return f"{_acts(len(rows))} {have} been held by {guard} for over 7 days{why}"


def _acts(number: int) -> str:
    return f"{number:,} destructive {'act' if number == 1 else 'acts'}"
