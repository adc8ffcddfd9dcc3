"""A look at the live key before its owner is told what only the report and the memory know of it.

Whoever was read live in this run was seen already, but for his last use. The others are few: what a run
may send is capped.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from app.errors import KeystewardError
from app.ledger.interface import LedgerView
from app.model import Credential, LastUsed, Reason, Verb, redact
from app.plan.actions import HeldAct, Judged, Plan
from app.plan.gather import is_unsent
from app.policy.evaluate import evaluate
from app.service.lookup import without_traits
from app.service.parts import Parts

AT_ONCE = 8
GONE = Reason("changed", "its key is gone")
SNOOZED = Reason("changed", "it was snoozed meanwhile")
OTHERWISE = Reason("changed", "its key shows something else by now")


def confirmed(parts: Parts, plan: Plan) -> Plan:
    """``plan`` without the warnings whose key shows something else now: the next run judges them anew."""
    warned = {row.finding_id for row in plan.change.deliveries}
    judged = [j for j in plan.judged if j.finding and j.finding.id in warned]
    why = {j.finding.id: (j, news) for j, news in _looked_at(parts, plan, judged) if j.finding and news}
    return _without(parts, plan, why) if why else plan


def _looked_at(parts: Parts, plan: Plan, judged: Sequence[Judged]) -> Iterator[tuple[Judged, Reason | None]]:
    """Each with what is known now that the plan didn't know."""

    def look(j: Judged) -> Credential | Reason:
        if not _is_doubtful(parts, plan, j):
            return j.credential
        try:
            return parts.reader.read(j.account, j.credential.user, j.credential.id or "", plan.now) or GONE
        except KeystewardError as error:
            return Reason("unreadable", f"its key could not be read: {redact(str(error))}")

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="confirm") as pool:
        seen = list(pool.map(look, judged))
    frame = parts.ledger.frame()  # read last: a snooze or a refusal that comes in between holds
    for j, fresh in zip(judged, seen, strict=True):
        yield j, fresh if isinstance(fresh, Reason) else _news(parts, plan, frame, j, fresh)


def _is_doubtful(parts: Parts, plan: Plan, j: Judged) -> bool:
    """A user's live read takes the last use from the report: what rests on idleness is looked at again."""
    if not j.credential.live:
        return True
    used = replace(j.credential, last_used=LastUsed("at", plan.now))
    if_used = evaluate(parts.policy, j.account, used, j.inactive_since, plan.now)
    return j.decision is None or if_used.state != j.decision.state


def _news(parts: Parts, plan: Plan, frame: LedgerView, judged: Judged, fresh: Credential) -> Reason | None:
    """None while the verdict and the people are the same: reasons and dates may have moved on."""
    snooze, was = frame.snoozes.get(fresh.uid), judged.decision
    if snooze and snooze.until > plan.now:
        return SNOOZED
    if fresh.last_used.state == "unknown":  # a notice fails open: what the report told is good enough
        fresh = replace(fresh, last_used=judged.credential.last_used)
    refused = frame.refused(fresh.uid, plan.now)
    now = evaluate(parts.policy, judged.account, fresh, judged.inactive_since, plan.now, refused)
    same = was is not None and (was.state, was.mode, was.owners) == (now.state, now.mode, now.owners)
    return None if same and fresh.status == judged.credential.status else OTHERWISE


def _without(parts: Parts, plan: Plan, changed: Mapping[str, tuple[Judged, Reason]]) -> Plan:
    dropped = {row.id for row in plan.change.deliveries if row.finding_id in changed}
    rows = plan.change.deliveries
    kept = tuple(
        # What failed before is not tried between the runs either.
        replace(d, next_attempt_at=None) if d.id in dropped else d
        for d in rows
        if d.id not in dropped or not is_unsent(d)
    )
    users = {
        (known.account_id, known.user): known
        for judged, _ in changed.values()
        if (known := without_traits(parts.ledger, judged.account.id, judged.credential.user))
    }
    return replace(
        plan,
        change=replace(plan.change, deliveries=kept, users=tuple(users.values())),
        send=tuple(i for i in plan.send if i not in dropped),
        held=(*plan.held, *(_held(judged, why) for judged, why in changed.values())),
    )


def _held(judged: Judged, why: Reason) -> HeldAct:
    account, credential = judged.account, judged.credential
    return HeldAct(
        guard=why.code,
        text=f"{why.text}; the next run judges it anew",
        account_id=account.id,
        account=account.label,
        user=credential.user,
        key=credential.masked,
        finding_id=judged.finding.id if judged.finding else "",
        verb=Verb.NOTIFY,
    )
