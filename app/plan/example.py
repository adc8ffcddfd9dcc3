"""What a notice would say at a stage that its credential need not have reached: for previews."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.model import ACTIVE, INACTIVE, Credential, Delivery, Do, Finding, LastUsed, Mode, Owner
from app.plan import render
from app.plan.climb import goal_of
from app.plan.context import Subject
from app.plan.lifecycle import EXEMPTION_WARNING
from app.plan.notice import Notice
from app.plan.require import Told, earliest
from app.policy.evaluate import Decision, evaluate
from app.policy.rules import Exemption, Inactive, Match, Policy, Rule, Stage
from app.policy.stages import stage_due, thresholds

_RECENTLY = timedelta(hours=2)
_LONG = timedelta(days=120)


@dataclass(frozen=True, slots=True)
class Rung:
    """One stage of one ladder of ``policy``, for one credential. ``dated``: `enforce` names the days."""

    policy: Policy
    rule: Rule
    stage: Stage
    subject: Subject
    finding: Finding
    owner: Owner | None = None  # as the ledger knows it; None: the policy is asked
    told: tuple[Delivery, ...] = ()  # what was delivered in its episode
    dated: bool = True


def made_due(stage: Stage, subject: Subject, now: datetime) -> Subject:
    """``subject`` with dates by which the stage falls due at ``now``; a key in use where that can be."""
    fresh = replace(subject.credential, created=now, status=INACTIVE if _asks_inactive(stage) else ACTIVE)
    blind = stage_due(stage, replace(fresh, last_used=LastUsed.unknown("")), now)
    if blind and fresh.status == ACTIVE:
        return _aged(subject, fresh, now - (blind - now), now - _RECENTLY, None)
    due = stage_due(stage, replace(fresh, last_used=LastUsed.never()), now) or now
    since = now - (due - now)
    return _aged(subject, fresh, since - _LONG, since, since)


def _aged(
    subject: Subject, credential: Credential, created: datetime, used: datetime, since: datetime | None
) -> Subject:
    last_used = replace(subject.credential.last_used, at=used)
    aged = replace(credential, created=created, last_used=last_used)
    return replace(subject, credential=aged, inactive_since=since)


def _asks_inactive(stage: Stage) -> bool:
    return any(isinstance(leaf, Inactive) for leaf in thresholds(stage.when))


def due_from(stage: Stage, subject: Subject, now: datetime) -> tuple[Subject, datetime]:
    """When the stage comes, if nothing changes: now or later. A key that is deleted was inactive before."""
    if _asks_inactive(stage) and subject.credential.status == ACTIVE:
        subject = replace(
            subject, credential=replace(subject.credential, status=INACTIVE), inactive_since=now
        )
    due = stage_due(stage, subject.credential, subject.inactive_since)
    return subject, max(now, due or now)


def notice_at(rung: Rung, now: datetime) -> Notice:
    """The notice of the stage: a warning, or what is told once its act has succeeded."""
    decision, stage, subject = decision_at(rung, now), rung.stage, rung.subject
    if stage.do:
        after = replace(subject.credential, status=INACTIVE)
        coming = _coming(rung, after, now, now) if stage.do is Do.DEACTIVATE else None
        return render.done(subject.account, after, rung.finding, decision, stage, coming, now)
    coming = _coming(rung, subject.credential, subject.inactive_since, now) if rung.dated else None
    args = (subject.account, subject.credential, rung.finding, decision)
    return render.warning(*args, stage, 1, coming, now)


def decision_at(rung: Rung, now: datetime) -> Decision:
    """The policy's own words for this stage, whatever the rule matches and the other stages say."""
    alone = replace(rung.rule, match=Match(), stages=(rung.stage,), exemption=None, mode=None)
    policy = Policy((alone,), rung.policy.owners, Mode.ENFORCE)
    subject = rung.subject
    decided = evaluate(policy, subject.account, subject.credential, subject.inactive_since, now)
    owners = (rung.owner,) if rung.owner else decided.owners
    return replace(decided, rule=rung.rule, stage=rung.stage, state=rung.stage.name, owners=owners)


def _coming(
    rung: Rung, credential: Credential, since: datetime | None, now: datetime
) -> render.Coming | None:
    """The next act, and its first day when the notice arrives at ``now``."""
    goal = goal_of(rung.rule, rung.stage, credential.status)
    if goal is None or goal.do is None:
        return None
    counted = rung.told if goal.do is Do.DEACTIVATE else ()
    told = Told(counted, since=since if goal.do is Do.DELETE else None)
    at = earliest(goal, stage_due(goal, credential, since), told, now)
    return render.Coming(goal.do, at) if at else None


def exemption_at(rung: Rung, now: datetime) -> Notice:
    """The warning that goes out when an exemption nears its end, by the first one that the policy has."""
    until = now + EXEMPTION_WARNING
    ours = (rule for rule in rung.policy.rules if rule.exemption)
    rule = next(ours, Rule("exempt", Match(), exemption=Exemption("Reviewed quarterly", "ciso@example.com")))
    assert rule.exemption  # noqa: S101 - picked for having one
    rule = replace(rule, match=Match(), exemption=replace(rule.exemption, until=until))
    subject, policy = rung.subject, Policy((rule,), rung.policy.owners)
    decision = evaluate(policy, subject.account, subject.credential, None, now)
    decision = replace(decision, owners=(rung.owner,) if rung.owner else decision.owners)
    return render.exemption_ends(subject.account, subject.credential, rung.finding, decision, until, now)
