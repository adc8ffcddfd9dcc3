"""An act that was carried out: written down and told in one transaction."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from app.ledger.interface import Change
from app.model import (
    INACTIVE,
    Account,
    Credential,
    Delivery,
    DeliveryState,
    Do,
    Event,
    Facts,
    Finding,
    Verb,
)
from app.plan import render
from app.plan.climb import goal_of
from app.plan.draft import SERVICE
from app.plan.notices import new_delivery
from app.plan.require import Told, earliest
from app.policy.evaluate import Decision
from app.policy.rules import Rule, Stage
from app.policy.stages import stage_due
from app.service.licence import tried
from app.service.lookup import without_traits
from app.service.settle import Round
from app.telemetry import log_fields

log = logging.getLogger(__name__)

DONE = {Verb.DEACTIVATE: "deactivated", Verb.DELETE: "deleted"}


def event_of(round_: Round, row: Delivery, finding: Finding, what: str, detail: str) -> Event:
    """Of an act, with what it rested on."""
    about = {"account_id": finding.account_id, "finding_id": finding.id, "key": finding.masked}
    known = {"user": finding.user, "episode": row.episode, **row.payload}
    return round_.parts.event(SERVICE, what, detail, **about, data=known)


def record_done(
    round_: Round,
    row: Delivery,
    account: Account,
    credential: Credential,
    finding: Finding,
    decision: Decision,
    stage: Stage,
    how: str = "done",
) -> list[str]:
    """Writes the success and its notices in one transaction; returns the ids of the notices."""
    now = round_.parts.clock.now()
    current = round_.book.get(finding.id) or finding
    settled = replace(row, state=DeliveryState.DELIVERED, settled_at=now, error="", receipt={"how": how})
    old = round_.parts.ledger.account(credential.account_id).facts.get(credential.uid)
    facts = (_facts_after(round_, old, now),) if old and row.verb is Verb.DEACTIVATE else ()
    coming = _then(round_, credential, finding, decision.rule, stage, now)
    notices = _tell(account, credential, current, decision, stage, coming, now)
    ended = replace(current, stage=stage.name, due_at=coming.at if coming else None)
    what = DONE[row.verb]
    event = event_of(round_, row, finding, what, f"{decision.reason.text} ({how})")
    rows = (settled, *notices)
    known = without_traits(round_.parts.ledger, account.id, credential.user)  # no report proves a deletion
    users = (known,) if known else ()
    canary = tried(round_, row.verb, account, credential)
    change = Change(
        facts=facts, findings=(ended,), deliveries=rows, events=(event,), users=users, canary=canary
    )
    round_.parts.ledger.apply(change, round_.lease)
    round_.tally.acted[row.verb.value] += 1
    round_.parts.counts.add("actions_total", action=row.verb.value, outcome="success")
    log.info(what, **log_fields(finding=finding.id, key=credential.masked, account=account.id, how=how))
    return [notice.id for notice in notices]


def _facts_after(round_: Round, old: Facts, now: datetime) -> Facts:
    """An act that is inferred by a clock in doubt begins no quiet period: a run that knows the time does."""
    since = now if round_.ctx.clock_holds else None
    return replace(old, status=INACTIVE, inactive_since=since, deactivated_at=now)


def _then(
    round_: Round, credential: Credential, finding: Finding, rule: Rule | None, stage: Stage, now: datetime
) -> render.Coming | None:
    """The deletion that follows a deactivation, if the ladder has one."""
    goal = goal_of(rule, stage, INACTIVE) if rule and stage.do is Do.DEACTIVATE else None
    if goal is None or goal.do is None or not round_.ctx.clock_holds:
        return None
    after = replace(credential, status=INACTIVE)
    at = earliest(goal, stage_due(goal, after, now), Told(since=now), now)
    return render.Coming(goal.do, at) if at else None


def _tell(
    account: Account,
    credential: Credential,
    finding: Finding,
    decision: Decision,
    stage: Stage,
    coming: render.Coming | None,
    now: datetime,
) -> Sequence[Delivery]:
    verb = Verb.NOTIFY
    payload = render.done(account, credential, finding, decision, stage, coming, now).to_json()
    owner = decision.owner.address if decision.owner else ""
    return [
        replace(
            new_delivery(finding, stage.name, 1, sink, verb, now),
            recipient=owner,
            names_date=coming.at if coming else None,
            enforced=True,
            payload=payload,
        )
        for sink in stage.notify
    ]
