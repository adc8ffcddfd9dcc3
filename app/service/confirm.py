"""A look at the live key before its owner is told what only the report and the memory know of it.

Whoever was read live in this run was seen already. The others are few: what a run may send is capped.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from app.errors import KeystewardError
from app.model import Credential, RememberedUser, Verb, redact
from app.plan.actions import HeldAct, Judged, Plan
from app.plan.gather import is_unsent
from app.policy.evaluate import evaluate
from app.service.parts import Parts

AT_ONCE = 8
GONE = "its key is gone"
OTHERWISE = "its key shows something else by now"


def confirmed(parts: Parts, plan: Plan) -> Plan:
    """``plan`` without the warnings whose key shows something else now: the next run judges them anew."""
    warned = {row.finding_id for row in plan.change.deliveries}
    doubtful = [j for j in plan.judged if j.finding and j.finding.id in warned and not j.credential.live]
    why = {j.finding.id: (j, text) for j, text in _looked_at(parts, plan, doubtful) if j.finding and text}
    return _without(parts, plan, why) if why else plan


def _looked_at(parts: Parts, plan: Plan, doubtful: Sequence[Judged]) -> Iterator[tuple[Judged, str]]:
    """Each with what the live key shows that the plan didn't know; empty: nothing."""

    def look(j: Judged) -> Credential | str:
        try:
            return parts.reader.read(j.account, j.credential.user, j.credential.id or "", plan.now) or GONE
        except KeystewardError as error:
            return f"its key could not be read: {redact(str(error))}"

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="confirm") as pool:
        for judged, seen in zip(doubtful, pool.map(look, doubtful), strict=True):
            yield judged, seen if isinstance(seen, str) else _news(parts, plan, judged, seen)


def _news(parts: Parts, plan: Plan, judged: Judged, fresh: Credential) -> str:
    """Empty while the verdict and the people are the same: reasons and dates may have moved on."""
    was = judged.decision
    refused = parts.ledger.frame().refused(fresh.uid, plan.now)
    now = evaluate(parts.policy, judged.account, fresh, judged.inactive_since, plan.now, refused)
    same = was is not None and (was.state, was.mode, was.owners) == (now.state, now.mode, now.owners)
    return "" if same and fresh.status == judged.credential.status else OTHERWISE


def _without(parts: Parts, plan: Plan, changed: Mapping[str, tuple[Judged, str]]) -> Plan:
    dropped = {row.id for row in plan.change.deliveries if row.finding_id in changed}
    kept = tuple(d for d in plan.change.deliveries if d.id not in dropped or not is_unsent(d))
    users = {
        (known.account_id, known.user): known
        for judged, _ in changed.values()
        if (known := _forgotten(parts, judged))
    }
    return replace(
        plan,
        change=replace(plan.change, deliveries=kept, users=tuple(users.values())),
        send=tuple(i for i in plan.send if i not in dropped),
        held=(*plan.held, *(_held(judged, text) for judged, text in changed.values())),
    )


def _forgotten(parts: Parts, judged: Judged) -> RememberedUser | None:
    """Without his tags a user near a stage is read live by the next run."""
    known = parts.ledger.account(judged.account.id).users.get(judged.credential.user)
    return replace(known, tags=None, groups=None) if known else None


def _held(judged: Judged, text: str) -> HeldAct:
    account, credential = judged.account, judged.credential
    return HeldAct(
        guard="changed",
        text=f"{text}; the next run judges it anew",
        account_id=account.id,
        account=account.label,
        user=credential.user,
        key=credential.masked,
        finding_id=judged.finding.id if judged.finding else "",
        verb=Verb.NOTIFY,
    )
