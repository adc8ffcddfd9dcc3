"""One finding's whole story from the ledger alone, for the status page: AWS is not asked.

`keysteward explain` reads the key live; this shows what the last run knew, and costs one account's rows.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from app.errors import LedgerError
from app.ledger.interface import Ledger, LedgerView
from app.ledger.rows import EVENT
from app.model import Caller, Delivery, Event, Facts, Finding, Owner, Snooze
from app.plan.facts import as_remembered
from app.plan.require import Told
from app.plan.rungs import Rung, rungs, told_so_far
from app.policy.rules import Policy, Rule, Stage
from app.service.lookup import view_of

READ_EVENTS = 5_000  # of the trail's end: an older event is not looked for
AT_ONCE = 2  # of the web server's threads: the others answer metrics and health whatever the ledger does


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything that the ledger holds of one finding. ``deliveries``: of all episodes, oldest first."""

    finding: Finding
    facts: Facts | None = None  # None: the key is gone and forgotten
    snooze: Snooze | None = None  # one that has not ended
    rungs: tuple[Rung, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    callers: tuple[Caller, ...] = ()  # who uses it, as its latest notice told
    advice: str = ""
    events: tuple[Event, ...] = ()  # oldest first
    all_events: bool = True  # False: the trail is longer than what was read of it


class Dossiers(Protocol):
    """Where the page asks for stories."""

    def of(self, finding_id: str) -> Dossier | None:
        """None: the ledger knows no such finding. Raises `LedgerError`."""


class NoDossiers:
    """Where there is no ledger to ask."""

    def of(self, finding_id: str) -> Dossier | None:
        return None


@dataclass
class LedgerDossiers:
    """From ``ledger``, judged by the policy of the moment. A few are read at once, at the most."""

    ledger: Ledger
    policy: Callable[[], Policy]
    now: Callable[[], datetime]
    _turns: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(AT_ONCE))

    def of(self, finding_id: str) -> Dossier | None:
        if not self._turns.acquire(blocking=False):
            raise LedgerError("it is being read for others: ask again in a moment")
        try:
            return self._read(finding_id)
        finally:
            self._turns.release()

    def _read(self, finding_id: str) -> Dossier | None:
        finding = self.ledger.finding(finding_id)
        if finding is None:
            return None
        view, now = view_of(self.ledger, finding.account_id), self.now()
        facts, snooze = view.facts.get(finding.uid), view.snoozes.get(finding.uid)
        deliveries = tuple(self.ledger.deliveries_of(finding_id))
        told = _latest_warning(deliveries)
        events, whole = events_of(self.ledger, finding_id)
        return Dossier(
            finding=finding,
            facts=facts,
            snooze=snooze if snooze and snooze.until > now else None,
            rungs=_rungs(self.policy(), view, finding, facts, now) if facts else (),
            deliveries=deliveries,
            callers=tuple(map(Caller.from_json, told.payload.get("callers", ()))) if told else (),
            advice=str(told.payload.get("advice", "")) if told else "",
            events=events,
            all_events=whole,
        )


def events_of(ledger: Ledger, finding_id: str) -> tuple[tuple[Event, ...], bool]:
    """The events of a finding among the last `READ_EVENTS`, and whether that is the whole trail.

    Raises `LedgerError`.
    """
    ends = ledger.chain()
    if ends.head is None:  # lost: where the trail ends is not known
        return (), False
    first = max(ends.anchor.seq, ends.head.seq - READ_EVENTS) + 1
    told = (EVENT.load(one.body) for one in ledger.sealed(first) if finding_id in one.body)
    return tuple(e for e in told if e.finding_id == finding_id), first == ends.anchor.seq + 1


def _latest_warning(deliveries: Sequence[Delivery]) -> Delivery | None:
    return next((row for row in reversed(deliveries) if row.payload.get("kind") == "warning"), None)


def _rungs(
    policy: Policy, view: LedgerView, finding: Finding, facts: Facts, now: datetime
) -> tuple[Rung, ...]:
    rule, stage = _place(policy, finding)
    if rule is None:
        return ()
    credential = as_remembered(facts)
    owner = Owner(finding.owner, "") if finding.owner else None
    if stage is None:
        return rungs(rule, None, credential, Told(), facts.inactive_since, now)
    told = told_so_far(view, finding, credential, (rule, stage), owner, facts.inactive_since)
    return rungs(rule, stage, credential, told, facts.inactive_since, now)


def _place(policy: Policy, finding: Finding) -> tuple[Rule | None, Stage | None]:
    """The rule and stage that the last run found, if the policy still has them."""
    ladders = (rule for rule in policy.rules if not rule.exemption and rule.name == finding.rule)
    rule = next(ladders, None)
    stages = rule.stages if rule else ()
    return rule, next((stage for stage in stages if stage.name == finding.stage), None)
