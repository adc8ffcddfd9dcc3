"""Whether what waits to be told is still true, and whether it is its turn: asked just before it leaves."""

from collections.abc import Collection, Sequence
from datetime import datetime

from app.model import UNDELIVERED, Delivery, DeliveryState, Finding, FindingState, Mode, Verb
from app.plan.notices import CLOSED_STAGE, nearest_notice_stage, tells_what_was_done
from app.plan.record import LedgerView
from app.plan.require import day
from app.policy.owner import fallback_of
from app.policy.rules import Policy

TELLING = frozenset({Verb.NOTIFY, Verb.RESOLVE})


def obsolete(
    policy: Policy,
    frame: LedgerView,
    finding: Finding | None,
    history: Sequence[Delivery],
    row: Delivery,
    now: datetime,
) -> str:
    """Why ``row`` no longer holds: its finding, its stage or its owner has moved on. Empty: it does.

    ``history`` are the finding's deliveries. Under an edited policy only a run can tell.
    """
    if finding is None or finding.episode != row.episode:
        return "its episode is over"
    if tells_what_was_done(row):
        return ""
    if row.verb is Verb.RESOLVE:
        return "" if finding.state is FindingState.RESOLVED else "its finding is open again"
    return _of_finding(policy, finding, history, row) or _of_people(policy, frame, finding, row, now)


def is_observed(policy: Policy, finding: Finding, of_account: Mode | None) -> bool:
    """Whether nothing of ``finding`` may leave the house, as far as its last known rule tells."""
    rule = next((r for r in policy.rules if r.name == finding.rule), None)
    return Mode.lowest(policy.mode, of_account, rule.mode if rule else None) is Mode.OBSERVE


def _of_finding(policy: Policy, finding: Finding, history: Sequence[Delivery], row: Delivery) -> str:
    if _is_later_word(history, row):
        return "a later notice has been delivered"
    if row.payload.get("kind") == "exemption":
        return "" if finding.state is FindingState.RESOLVED else "its key is not exempt any more"
    if finding.state is not FindingState.OPEN:
        return f"its finding is {finding.state}"
    return "" if row.stage in _stages(policy, finding) else f"its finding is at {finding.stage} now"


def _is_later_word(history: Sequence[Delivery], row: Delivery) -> bool:
    same = (row.sink, row.episode, row.stage, row.verb)
    told = (d for d in history if d.state is DeliveryState.DELIVERED)
    return any((d.sink, d.episode, d.stage, d.verb) == same and d.occurrence > row.occurrence for d in told)


def _stages(policy: Policy, finding: Finding) -> Collection[str]:
    """Whose notices a finding may have now: its stage's, or those of the one that stands in for an act."""
    rule = next((r for r in policy.rules if r.name == finding.rule), None)
    stage = next((s for s in rule.stages if s.name == finding.stage), None) if rule else None
    if rule is None or stage is None:
        return ()
    stand_in = nearest_notice_stage(rule, stage) if stage.do else None
    return {stage.name, CLOSED_STAGE, stand_in.name if stand_in else stage.name}


def _of_people(policy: Policy, frame: LedgerView, finding: Finding, row: Delivery, now: datetime) -> str:
    snooze = frame.snoozes.get(finding.uid)
    if snooze and snooze.until > now:
        return f"snoozed until {day(snooze.until)}"
    owner = str(row.payload.get("owner", ""))
    if row.route == "fallback" or owner == fallback_of(policy.owners):
        return ""  # it can't be refused: somebody always answers
    if _is_refused(frame, finding, row, owner, now):
        return f"{owner} does not answer for it any more"
    present, is_warning = finding.owner.casefold(), row.payload.get("kind") == "warning"
    handed_on = present in frame.refused(finding.uid, now)  # the next run knows who answers now
    moved = owner.casefold() != present and not handed_on and is_warning
    return "its owner has changed" if moved else ""


def _is_refused(frame: LedgerView, finding: Finding, row: Delivery, owner: str, now: datetime) -> bool:
    """A sink that has found out itself that somebody left passes on what it is handed for them."""
    known = frame.refusals.at(now).by_uid
    said = (r for uid in (finding.uid, "") for r in known.get(uid, ()) if r.uid or r.by != row.sink)
    return any(r.address.casefold() == owner.casefold() for r in said)


def ahead_of(history: Sequence[Delivery], row: Delivery, together: Collection[str] = ()) -> list[Delivery]:
    """What waits to be told of the same finding on the same sink before ``row`` may be: all that is older,
    and before a closing any notice, because one that comes later would reopen the ticket.

    ``together``: the ids that leave in the same message. ``history`` is in order of creation.
    """
    ids = [d.id for d in history]
    older = ids[: ids.index(row.id)] if row.id in ids else ids
    waiting = (d for d in history if d.state in UNDELIVERED and d.verb in TELLING and d.id not in together)
    mine = (d for d in waiting if (d.sink, d.episode) == (row.sink, row.episode) and d.id != row.id)
    return [d for d in mine if d.id in older or (row.verb is Verb.RESOLVE and d.verb is Verb.NOTIFY)]
