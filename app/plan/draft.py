"""The plan of one account in the making: it is mutable, and never leaves this layer."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from app.model import (
    ACTIVE,
    Delivery,
    Event,
    Facts,
    Finding,
    Verb,
)
from app.plan.actions import Act, HeldAct, Judged, Plan
from app.plan.context import Context, Subject
from app.plan.record import Change
from app.policy.evaluate import Decision

SERVICE = "keysteward"


class Draft:
    """Collects what one pass over the inventories decides."""

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.facts: list[Facts] = []
        self.forget: list[str] = []
        self.findings: dict[str, Finding] = {}
        self.deliveries: dict[str, Delivery] = {}
        self.events: list[Event] = []
        self.send: list[str] = []
        self.telling: dict[str, set[str]] = {}  # finding -> sinks that `put_and_send` has a row for
        self.acts: list[Act] = []
        self.held: list[HeldAct] = []
        self.judged: list[Judged] = []
        self.stirred: set[str] = set()  # users with a finding that opens, ends or starts over

    def history(self, finding: Finding) -> tuple[Delivery, ...]:
        """The deliveries of ``finding``'s episode; empty for an episode that begins now."""
        rows = self.ctx.view.deliveries.get(finding.id, ())
        return tuple(d for d in rows if d.episode == finding.episode)

    def remember(self, old: Facts | None, new: Facts, decision: Decision) -> None:
        exempt = old.exempt if old and decision.state == "unknown" else decision.exempt
        facts = replace(new, exempt=exempt)
        if facts != old:
            self.facts.append(facts)

    def keep(self, finding: Finding) -> None:
        """A reason tells the hour of the last use: it is written with what matters, never for itself."""
        old = self.ctx.view.findings.get(finding.uid)
        if old is None or replace(finding, reason=old.reason) != old:
            self.findings[finding.id] = finding
        if old is None or (old.state, old.episode) != (finding.state, finding.episode):
            self.stirred.add(finding.user)

    def put(self, rows: Iterable[Delivery]) -> None:
        self.deliveries.update((d.id, d) for d in rows)

    def put_and_send(self, row: Delivery) -> None:
        self.put([row])
        self.send.append(row.id)
        self.telling.setdefault(row.finding_id, set()).add(row.sink)

    def event(self, what: str, finding: Finding, detail: str) -> None:
        about = {"user": finding.user, "episode": finding.episode}
        self.events.append(
            Event(
                self.ctx.now,
                SERVICE,
                what,
                finding.account_id,
                finding.id,
                finding.masked,
                detail,
                about,
                self.ctx.origin,
            )
        )

    def hold(self, guard: str, text: str, subject: Subject, verb: Verb, finding: Finding | None) -> None:
        """Held back, with the reason, so that it is seen."""
        account, credential = subject.account, subject.credential
        self.held.append(
            HeldAct(
                guard=guard,
                text=text,
                account_id=account.id,
                account=account.label,
                user=credential.user,
                key=credential.masked,
                finding_id=Finding.id_for(credential.uid),
                verb=verb,
                due_at=finding.due_at if finding else None,
            )
        )

    def plan(self) -> Plan:
        change = Change(
            facts=tuple(self.facts),
            forget=tuple(self.forget),
            findings=tuple(self.findings.values()),
            deliveries=tuple(self.deliveries.values()),
            events=tuple(self.events),
        )
        return Plan(
            now=self.ctx.now,
            change=change,
            send=tuple(dict.fromkeys(self.send)),
            acts=tuple(self.acts),
            held=tuple(self.held),
            judged=tuple(self.judged),
            active=Counter(j.account.id for j in self.judged if j.credential.status == ACTIVE),
            ended=tuple(self._ended()),
            stirred=frozenset(self.stirred),
        )

    def _ended(self) -> Iterator[tuple[Finding, str]]:
        for event in self.events:
            if event.what == "finding_resolved":
                yield self.findings[event.finding_id], event.detail
