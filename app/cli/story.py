"""One credential's full story, for ``keysteward explain``."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.cli import show
from app.ledger.interface import LedgerView
from app.model import Account, Credential, Delivery, Facts, Finding, Snooze
from app.plan.require import Told
from app.plan.rungs import Rung, rungs, told_so_far
from app.policy.evaluate import Decision, describe, evaluate
from app.policy.near import NEVER
from app.service.lookup import NotFound, find_one, means, one_of, view_of
from app.service.parts import Parts
from app.service.preview import preview


@dataclass(frozen=True)
class Story:
    """Everything that is known of one credential, masked."""

    account: Account
    credential: Credential
    decision: Decision
    rungs: tuple[Rung, ...]
    deliveries: tuple[Delivery, ...]
    finding: Finding | None
    snooze: Snooze | None
    now: datetime

    def data(self) -> dict[str, Any]:
        return {
            "key": self.credential.masked,
            "user": self.credential.user,
            "account_id": self.account.id,
            "account": self.account.label,
            "finding_id": Finding.id_for(self.credential.uid),
            "finding_state": self.finding.state.value if self.finding else None,
            "episode": self.finding.episode if self.finding else None,
            "state": self.decision.state,
            "mode": self.decision.mode.value,
            "rule": self.decision.rule.name if self.decision.rule else None,
            "reason": self.decision.reason.text,
            "owner": self.decision.owner.address if self.decision.owner else None,
            "owner_how": self.decision.owner.how if self.decision.owner else None,
            "facts": describe(self.credential, self.now),
            "snoozed_until": self.snooze.until if self.snooze and self.snooze.until > self.now else None,
            "stages": [
                {"stage": r.stage, "when": r.condition, "due_at": r.due_at, "note": r.note}
                for r in self.rungs
            ],
            "deliveries": [_delivery(d) for d in self.deliveries],
        }

    def print(self) -> None:
        data = self.data()
        show.echo(f"{data['key']} of {data['user']} in {self.account.named}")
        for name in (
            "facts",
            "state",
            "reason",
            "rule",
            "mode",
            "owner",
            "owner_how",
            "finding_id",
            "snoozed_until",
        ):
            if data[name]:
                show.echo(f"  {name.replace('_', ' '):14}{data[name]}")
        rungs = ([r.stage, r.condition, show.date(r.due_at), r.note] for r in self.rungs)
        if self.rungs:
            show.echo("")
            show.table("The ladder", ("Stage", "When", "Date", ""), rungs, sentence=True)
        rows = [[str(v or "") for v in _delivery(d).values()] for d in self.deliveries]
        show.echo("")
        if rows:
            show.table("What was delivered", tuple(_HEADS), rows, sentence=True)
        else:
            show.echo("Nothing was delivered yet")


_HEADS = ("Episode", "Stage", "No", "By", "State", "To", "Names", "At", "Note")


def _delivery(d: Delivery) -> dict[str, Any]:
    return {
        "episode": d.episode,
        "stage": d.stage,
        "occurrence": d.occurrence,
        "sink": d.sink,
        "state": d.state.value,
        "recipient": d.recipient,
        "names_date": show.date(d.names_date),
        "settled_at": show.date(d.settled_at),
        "error": d.error,
    }


def explain_key(parts: Parts, key: str) -> Story:
    """Looks in the ledger, else scans. Raises `NotFound` or `AmbiguousKey`."""
    now = parts.clock.now()
    account, credential = _find(parts, key)
    view = view_of(parts.ledger, credential.account_id)
    facts = view.facts.get(credential.uid)
    since = facts.inactive_since if facts else None
    decision = evaluate(parts.policy, account, credential, since, now, view.refused(credential.uid, now))
    finding = view.findings.get(credential.uid)
    deliveries = parts.ledger.deliveries_of(finding.id) if finding else ()
    return Story(
        account=account,
        credential=credential,
        decision=decision,
        rungs=_ladder(view, decision, credential, since, now),
        deliveries=tuple(deliveries),
        finding=finding,
        snooze=view.snoozes.get(credential.uid),
        now=now,
    )


def _find(parts: Parts, key: str) -> tuple[Account, Credential]:
    try:
        facts = find_one(parts.ledger, key)
    except NotFound:
        return _scan_for(parts, key)
    return _live(parts, facts)


def _live(parts: Parts, facts: Facts) -> tuple[Account, Credential]:
    account = next((a for a in parts.accounts.list().accounts if a.id == facts.account_id), None)
    if account is None:
        raise NotFound(f"account {facts.account_id} is not watched any more")
    seen = parts.reader.read(account, facts.user, facts.key_id, parts.clock.now())
    if seen is None:
        raise NotFound(f"the key of {facts.user} in {account.label} is gone")
    return account, seen


def _scan_for(parts: Parts, key: str) -> tuple[Account, Credential]:
    """A key that the ledger doesn't know yet: every user is read live to find it."""
    judged = [j for j in preview(parts, NEVER).plan.judged if j.credential.id]
    by_uid = {j.credential.uid: j for j in judged}
    known = [_as_facts(j.credential) for j in judged]
    found = one_of(key, [facts for facts in known if means(key, facts)], parts.ledger.frame())
    return by_uid[found.uid].account, by_uid[found.uid].credential


def _as_facts(c: Credential) -> Facts:
    return Facts(c.uid, c.account_id, c.user, c.id or "", c.created, c.observed_at, c.status)


def _ladder(
    view: LedgerView, decision: Decision, credential: Credential, since: datetime | None, now: datetime
) -> tuple[Rung, ...]:
    finding, rule, stage = view.findings.get(credential.uid), decision.rule, decision.stage
    if rule is None or decision.exempt:
        return ()
    told = Told()
    if finding and stage:
        told = told_so_far(view, finding, credential, (rule, stage), decision.owner, since)
    return rungs(rule, stage, credential, told, since, now)
