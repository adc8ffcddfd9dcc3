"""The plans of single accounts put together, so that a fleet of any size fits in memory.

An account's facts, findings and events are written at once and forgotten here. What the fleet-wide guards
must see stays: every act, the most pressing notices, and counts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain

from app.model import Delivery, DeliveryState, Finding
from app.plan.actions import Act, HeldAct, Judged, Plan
from app.plan.limits import Limits
from app.plan.notices import is_warning, pressing
from app.plan.record import Change

LISTED = 1_000  # held acts that are listed one by one, for each guard; the rest is counted


def together(now: datetime, plans: Iterable[Plan]) -> Plan:
    """Several plans as one, with everything in it: for fleets that fit in memory."""
    plans = tuple(plans)
    changes = [plan.change for plan in plans]
    return Plan(
        now=now,
        change=Change(
            facts=tuple(chain.from_iterable(c.facts for c in changes)),
            forget=tuple(chain.from_iterable(c.forget for c in changes)),
            findings=tuple(chain.from_iterable(c.findings for c in changes)),
            deliveries=tuple(chain.from_iterable(c.deliveries for c in changes)),
            events=tuple(chain.from_iterable(c.events for c in changes)),
        ),
        send=tuple(dict.fromkeys(chain.from_iterable(plan.send for plan in plans))),
        acts=tuple(chain.from_iterable(plan.acts for plan in plans)),
        held=tuple(chain.from_iterable(plan.held for plan in plans)),
        judged=tuple(chain.from_iterable(plan.judged for plan in plans)),
        active=_sum(plan.active for plan in plans),
        ended=tuple(chain.from_iterable(plan.ended for plan in plans)),
        stirred=frozenset().union(*(plan.stirred for plan in plans)),
    )


def _sum(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return total


@dataclass
class Gathered:
    """Takes each account's plan as it is made; mutable, of one run."""

    now: datetime
    limits: Limits
    acts: list[Act] = field(default_factory=list)
    held: list[HeldAct] = field(default_factory=list)
    active: Counter[str] = field(default_factory=Counter)
    _listed: Counter[str] = field(default_factory=Counter)
    _unlisted: Counter[str] = field(default_factory=Counter)
    _send: list[str] = field(default_factory=list)
    _warnings: dict[str, Delivery] = field(default_factory=dict)
    _judged: dict[str, Judged] = field(default_factory=dict)  # by finding: whom warnings and acts are about
    _ended: list[tuple[Finding, str]] = field(default_factory=list)

    def take(self, plan: Plan) -> Change:
        """Keeps of ``plan`` what the guards must see; returns what can be written at once."""
        self.acts += plan.acts
        self.active.update(plan.active)
        self._hold(plan.held)
        self._ended += plan.ended[: LISTED - len(self._ended)]
        warnings = {d.id: d for d in _warnings_of(plan)}
        self._warnings.update(warnings)
        self._send += [i for i in plan.send if i not in warnings]
        self._know(plan, {d.finding_id for d in warnings.values()} | {a.finding.id for a in plan.acts})
        if len(self._warnings) > 2 * self.limits.notices_per_run + LISTED:
            self._drop_the_least_pressing()
        later = {i for i, row in warnings.items() if is_unsent(row)}
        return replace(plan.change, deliveries=tuple(d for d in plan.change.deliveries if d.id not in later))

    def plan(self) -> Plan:
        """The fleet's plan before its guards: its change holds the warnings, which wait for the cap."""
        self._drop_the_least_pressing()
        rows = tuple(self._warnings.values())
        named = {d.finding_id for d in rows} | {act.finding.id for act in self.acts}
        return Plan(
            now=self.now,
            change=Change(deliveries=rows),
            send=tuple(dict.fromkeys((*self._send, *self._warnings))),
            acts=tuple(self.acts),
            held=tuple(self.held),
            judged=tuple(j for i, j in self._judged.items() if i in named),
            active=self.active,
            unlisted=self._unlisted,
            ended=tuple(self._ended),
        )

    def forget(self, account_id: str) -> None:
        """Of an account whose findings could not be written, nothing is done either."""
        self.acts = [act for act in self.acts if act.account.id != account_id]
        rows = self._warnings.items()
        self._warnings = {i: row for i, row in rows if row.payload.get("account_id") != account_id}

    def _hold(self, held: Iterable[HeldAct]) -> None:
        for act in held:
            self._listed[act.guard] += 1
            if self._listed[act.guard] <= LISTED:
                self.held.append(act)
            else:
                self._unlisted[act.guard] += 1

    def _know(self, plan: Plan, findings: set[str]) -> None:
        if findings:
            self._judged.update(
                (j.finding.id, j) for j in plan.judged if j.finding and j.finding.id in findings
            )

    def _drop_the_least_pressing(self) -> None:
        """What the cap would hold back for certain; it holds the rest itself (`guards.py`)."""
        ranked = sorted(self._warnings.values(), key=pressing)
        kept = ranked[: self.limits.notices_per_run + LISTED]
        if dropped := len(ranked) - len(kept):
            self._unlisted["notices_per_run"] += dropped
        self._warnings = {d.id: d for d in kept}


def _warnings_of(plan: Plan) -> Iterator[Delivery]:
    rows = {d.id: d for d in plan.change.deliveries}
    return (rows[i] for i in plan.send if i in rows and is_warning(rows[i]))


def is_unsent(row: Delivery) -> bool:
    """Whether nobody was ever tried with it, nor is to be by and by: should the cap hold it back, it isn't
    even written."""
    return row.state is DeliveryState.PENDING and row.attempts == 0 and row.next_attempt_at is None
