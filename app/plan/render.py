"""From a decision to what a person reads: one `Notice` that every sink renders in its own form."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.model import INACTIVE, Account, Credential, Do, Facts, Finding, Owner
from app.plan.notice import Notice, NoticeKind, Urgency
from app.policy.advice import advice
from app.policy.evaluate import Decision, last_used_text
from app.policy.rules import Stage
from app.policy.stages import day_text

ROTATE = (
    "Create a second access key for the user and put it where the old one is used",
    "Wait until the old key's last use stops moving, then deactivate the old key",
    "When nothing has broken for a few days, delete the old key",
)
UNDO = (
    "If something broke, ask for `keysteward restore {finding}`: it reactivates this very key",
    "Create a new key (or, better, use a role) and put it where the old one was used",
    "Delete the old key",
)
SOON = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Coming:
    """The next destructive act, and the day on which it may happen at the earliest."""

    do: Do
    at: datetime


def warning(
    account: Account,
    credential: Credential,
    finding: Finding,
    decision: Decision,
    stage: Stage,
    occurrence: int,
    coming: Coming | None,
    now: datetime,
) -> Notice:
    """A notice stage's message: what will happen, on which day, unless the key is rotated."""
    base = _base(account, credential, finding, decision, now)
    return replace(
        base,
        stage=stage.name,
        occurrence=occurrence,
        act=coming.do.value if coming else None,
        act_at=coming.at if coming else None,
        urgency=_urgency(coming, now),
        headline=_headline(base, coming),
        steps=ROTATE,
        advice=advice(credential.user, credential.last_used, (), credential.tags),
    )


def _headline(base: Notice, coming: Coming | None) -> str:
    key = f"access key {base.key_tail} of {base.user} in {base.account}"
    if coming is None:
        return f"Rotate {key}: it is {base.age_days} days old, last used: {base.last_used}"
    verb = "deactivated" if coming.do is Do.DEACTIVATE else "deleted"
    return f"Rotate {key}: it will be {verb} on {day_text(coming.at)}"


def _urgency(coming: Coming | None, now: datetime) -> Urgency:
    if coming is None:
        return "info"
    return "critical" if coming.at - now <= SOON else "warning"


def done(
    account: Account,
    credential: Credential,
    finding: Finding,
    decision: Decision,
    stage: Stage,
    coming: Coming | None,
    now: datetime,
) -> Notice:
    """Told after an act has succeeded, never before."""
    after = replace(credential, status=INACTIVE)
    base = _base(account, after, finding, decision, now)
    verb = "deactivated" if stage.do is Do.DEACTIVATE else "deleted"
    key = f"access key {base.key_tail} of {base.user} in {base.account}"
    next_up = f"; it will be deleted on {day_text(coming.at)}" if coming else ""
    steps = tuple(step.format(finding=finding.id) for step in UNDO) if stage.do is Do.DEACTIVATE else ()
    return replace(
        base,
        kind="done",
        stage=stage.name,
        act=stage.do.value if stage.do else None,
        act_at=now,
        urgency="critical",
        headline=f"{key[0].upper()}{key[1:]} was {verb} on {day_text(now)}{next_up}",
        steps=steps,
    )


def exemption_ends(
    account: Account,
    credential: Credential,
    finding: Finding,
    decision: Decision,
    until: datetime,
    now: datetime,
) -> Notice:
    """Told 14 days before an exemption lapses and the ladder behind it begins."""
    base = _base(account, credential, finding, decision, now)
    key = f"access key {base.key_tail} of {base.user} in {base.account}"
    headline = f"The exemption of {key} ends on {day_text(until)}: rotate it, or have the exemption renewed"
    return replace(
        base, kind="exemption", stage="exemption-ends", urgency="warning", headline=headline, steps=ROTATE
    )


def resolved(finding: Finding, facts: Facts | None, why: str, now: datetime) -> Notice:
    """Closes the loop on a finding; the key itself may be gone, so the facts speak for it."""
    created = facts.created if facts else finding.opened_at
    return Notice(
        finding_id=finding.id,
        episode=finding.episode,
        kind="resolved",
        stage="resolved",
        occurrence=1,
        act=None,
        act_at=None,
        key_tail=finding.masked,
        user=finding.user,
        account_id=finding.account_id,
        account=finding.account,
        owner=finding.owner,
        owner_how="",
        created=created,
        age_days=max(0, (now - created).days),
        last_used=last_used_text(facts.last_used, now) if facts else "",
        status=facts.status if facts else "",
        rule=finding.rule,
        reason=why,
        urgency="info",
        headline=f"Resolved: access key {finding.masked} of {finding.user} in {finding.account}: {why}",
        steps=(),
    )


def _base(
    account: Account, credential: Credential, finding: Finding, decision: Decision, now: datetime
) -> Notice:
    owner = decision.owner or Owner("", "nobody is named")
    kind: NoticeKind = "warning"
    return Notice(
        finding_id=finding.id,
        episode=finding.episode,
        kind=kind,
        stage="",
        occurrence=1,
        act=None,
        act_at=None,
        key_tail=credential.masked,
        user=credential.user,
        account_id=account.id,
        account=account.label,
        owner=owner.address,
        owner_how=owner.how,
        created=credential.created,
        age_days=max(0, (now - credential.created).days),
        last_used=last_used_text(credential.last_used, now),
        status=credential.status,
        rule=decision.rule.name if decision.rule else "",
        reason=decision.reason.text,
        urgency="info",
        headline="",
        steps=(),
        ticket=finding.ticket,
        owner_is_fallback=owner.is_fallback,
        next_owners=tuple((o.address, o.how) for o in decision.owners[1:]),
        snoozable=bool(decision.rule and decision.rule.snooze.longest),
    )
