"""The credential that a preview speaks of: a made-up one, or one of the ledger's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app.ledger.interface import Ledger, LedgerView
from app.model import DESTRUCTIVE, Account, Caller, Delivery, Facts, Finding, Owner
from app.plan import example, render
from app.plan.context import Subject
from app.plan.facts import as_remembered
from app.plan.notice import Notice
from app.policy.rules import OwnerByTag, Policy, Rule, Stage
from app.service.lookup import find_one, view_of
from app.sinks import samples

_TICKET = "SEC-123"


@dataclass(frozen=True, slots=True)
class Case:
    """A credential at a rung, and what is known of its use."""

    rung: example.Rung
    now: datetime
    facts: Facts
    callers: tuple[Caller, ...]
    advice: str

    def notice(self, kind: str) -> Notice:
        """``kind``: ``stage``, ``exemption`` or ``resolved``."""
        if kind == "resolved":
            return render.resolved(self.rung.finding, self.facts, "the key is gone", self.now)
        made = example.exemption_at if kind == "exemption" else example.notice_at
        return replace(made(self.rung, self.now), callers=self.callers, advice=self.advice)


def made_up(policy: Policy, rule: Rule, stage: Stage, now: datetime, dated: bool) -> Case:
    """A key that reaches the stage now, of an owner whom the policy's tags name."""
    tags = {source.key: samples.OWNER.address for source in policy.owners if isinstance(source, OwnerByTag)}
    subject = Subject(samples.ACCOUNT, replace(samples.CREDENTIAL, tags=tags))
    subject = example.made_due(stage, subject, now)
    credential = subject.credential
    finding = _blank(subject, samples.OWNER.address, rule, stage)
    rung = example.Rung(policy, rule, stage, subject, finding, dated=dated)
    callers = samples.callers(credential.last_used.at or now)
    return Case(rung, now, samples.facts_of(credential), callers, samples.ADVICE)


def with_tickets(case: Case, sinks: Iterable[str]) -> Case:
    """As if these sinks had opened one each."""
    refs = {name: {"key": _TICKET} for name in sinks}
    return replace(case, rung=replace(case.rung, finding=replace(case.rung.finding, refs=refs)))


def known(
    policy: Policy, rule: Rule, stage: Stage, ledger: Ledger, key: str, now: datetime, dated: bool
) -> Case:
    """When it comes to the stage, by the ledger's facts. Raises `NotFound` or `AmbiguousKey`."""
    facts = find_one(ledger, key)
    view = view_of(ledger, facts.account_id)
    subject, now = example.due_from(stage, _subject(view, facts), now)
    finding = view.findings.get(facts.uid) or _blank(subject, "", rule, stage)
    sent = _sent(ledger, finding)
    last: Mapping[str, Any] = sent[-1].payload if sent else {}
    owner = Owner(finding.owner, last.get("owner_how") or "the ledger") if finding.owner else None
    rung = example.Rung(policy, rule, stage, subject, finding, owner, tuple(sent), dated)
    callers = tuple(map(Caller.from_json, last.get("callers", ())))
    return Case(rung, now, facts, callers, last.get("advice", ""))


def _sent(ledger: Ledger, finding: Finding) -> list[Delivery]:
    """The notices of the present episode, oldest first."""
    rows = ledger.deliveries_of(finding.id)
    told = (row for row in rows if row.payload and row.verb not in DESTRUCTIVE)
    ours = (row for row in told if row.episode == finding.episode)
    return sorted(ours, key=lambda row: row.created_at)


def _subject(view: LedgerView, facts: Facts) -> Subject:
    state = view.accounts.get(facts.account_id)
    account = Account(facts.account_id, name=state.account if state else "")
    return Subject(account, as_remembered(facts), facts.inactive_since)


def _blank(subject: Subject, owner: str, rule: Rule, stage: Stage) -> Finding:
    return samples.finding_of(subject.account, subject.credential, owner, rule.name, stage.name)
