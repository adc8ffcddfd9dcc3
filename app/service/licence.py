"""What a run may do beyond the brake, used up act by act; and how the canary's acts fare."""

from dataclasses import replace

from app.errors import Held
from app.ledger.interface import Change, Ledger
from app.model import ACTIVE, Account, Credential, Event, Verb
from app.plan.actions import Act
from app.plan.approval import Approvals
from app.plan.canary import after_act, after_failure, is_canary
from app.plan.context import Context
from app.plan.draft import SERVICE
from app.plan.kept import SHOWN_DIGITS, Approval, Trial
from app.plan.require import day
from app.service.parts import Parts
from app.service.settle import Round


def with_approvals(parts: Parts, ctx: Context) -> Context:
    """``ctx`` with what people have approved, and with what was taken back of the canary's acts."""
    now = parts.clock.now()  # not the run's own: what was approved during its scan counts
    given = tuple(a for a in parts.ledger.approvals() if a.at <= now)
    approvals = Approvals(tuple(parts.ledger.held_plans()), given)
    return replace(ctx, approvals=approvals, reactivated=_reactivated(parts.ledger, ctx.view.canary))


def use(round_: Round, act: Act) -> None:
    """Notes that ``act`` is done under its approval, before it is: after a crash it counts as used.

    Raises `Held` when the approval has ended meanwhile.
    """
    if act.approval is None:
        return
    current, now, uid = _current(round_, act.approval), round_.parts.clock.now(), act.credential.uid
    if current is None or now >= current.until or uid in current.used:
        raise Held("brake", f"the approval of plan {act.approval.plan[:SHOWN_DIGITS]} has ended")
    events = () if current.used else (_first_use(current, round_),)
    change = Change(approvals=(replace(current, used=(*current.used, uid)),), events=events)
    round_.parts.ledger.apply(change, round_.lease)


def give_back(round_: Round, act: Act) -> None:
    """``act`` was not carried out for certain: its approval stands for it as before."""
    current = _current(round_, act.approval) if act.approval else None
    if current:
        left = tuple(uid for uid in current.used if uid != act.credential.uid)
        round_.parts.ledger.apply(Change(approvals=(replace(current, used=left),)), round_.lease)


def by_whom(act: Act) -> str:
    """What is recorded of how ``act`` came to be done."""
    approval = act.approval
    return f"done, plan {approval.plan[:SHOWN_DIGITS]} approved by {approval.by}" if approval else "done"


def tried(round_: Round, verb: Verb, account: Account, credential: Credential) -> Trial | None:
    """The canary's trial after an act was carried out; None where that is no part of it."""
    trial = _trial(round_, account)
    return after_act(trial, verb, credential.uid, round_.parts.clock.now()) if trial else None


def failed(round_: Round, act: Act) -> Trial | None:
    """The same after an act that failed."""
    trial = _trial(round_, act.account)
    return after_failure(trial, round_.parts.clock.now()) if trial else None


def _current(round_: Round, approval: Approval) -> Approval | None:
    key = (approval.plan, approval.number)
    return next((a for a in round_.parts.ledger.approvals() if (a.plan, a.number) == key), None)


def _first_use(approval: Approval, round_: Round) -> Event:
    detail = f"plan {approval.plan[:SHOWN_DIGITS]}, approved by {approval.by}, until {day(approval.until)}"
    return round_.parts.event(SERVICE, "approval_used", detail, data={"plan": approval.plan})


def _trial(round_: Round, account: Account) -> Trial | None:
    """The trial under way, where the account has a part in it."""
    parts = round_.parts
    if not is_canary(parts.limits.canary, account):
        return None
    trial = parts.ledger.frame().canary
    under_way = trial and trial.config_hash == parts.config_hash and not trial.passed_at
    return trial if under_way else None


def _reactivated(ledger: Ledger, trial: Trial | None) -> frozenset[str]:
    """Of what the trial deactivated: the keys that are Active again, by `restore` or by hand."""
    mine = trial.deactivated if trial and not trial.passed_at else ()
    accounts = {uid.partition("/")[0] for uid in mine}
    active = {
        uid for a in accounts for uid, facts in ledger.account(a).facts.items() if facts.status == ACTIVE
    }
    return frozenset(active.intersection(mine))
