"""The canary: under a new config the acts of a few accounts go first, and the rest waits for their peace."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase

from app.model import Account, Verb
from app.plan.actions import Act, HeldAct
from app.plan.brake import BRAKE
from app.plan.context import Context
from app.plan.kept import Trial
from app.plan.limits import Canary
from app.plan.require import day
from app.policy.stages import span_text

CANARY = "canary"
# What these hold in a canary account is due there, and has shown nothing yet.
UNTRIED = ("scan_failed", BRAKE)


@dataclass(frozen=True, slots=True)
class Tried:
    """What passes, what waits and why, and how the trial stands now (None: there is none)."""

    passed: tuple[Act, ...]
    waiting: tuple[Act, ...] = ()
    trial: Trial | None = None
    text: str = ""


def try_first(ctx: Context, acts: Sequence[Act], held: Sequence[HeldAct] = ()) -> Tried:
    """``acts`` in the canary accounts alone, until a quiet period has shown that they did no harm.

    ``held``: what other guards hold.
    """
    canary = ctx.limits.canary
    sides: tuple[list[Act], list[Act]] = ([], [])
    for act in acts:
        sides[is_canary(canary, act.account)].append(act)
    rest, first = map(tuple, sides)
    due = bool(first) or any(_is_untried(canary, act) for act in held)
    trial = _trial(ctx, canary, begins=bool(acts), due=due)
    if trial is None or trial.passed_at:
        return Tried(tuple(acts), trial=trial)
    return Tried(first, rest, trial, _text(canary, trial, due))


def is_canary(canary: Canary, account: Account) -> bool:
    """Whether ``account`` goes first: by its id, or by a glob over its name or alias."""
    names = [name for name in (account.name, account.alias) if name]
    by_name = any(fnmatchcase(name, glob) for name in names for glob in canary.accounts)
    return account.id in canary.accounts or by_name


def _is_untried(canary: Canary, act: HeldAct) -> bool:
    return act.guard in UNTRIED and is_canary(canary, Account(act.account_id, act.account))


def after_act(trial: Trial, verb: Verb, uid: str, now: datetime) -> Trial:
    """An act in a canary account was carried out: from the first one on its quiet period counts."""
    undoable = (uid,) if verb is Verb.DEACTIVATE else ()
    return replace(trial, first_act_at=trial.first_act_at or now, deactivated=(*trial.deactivated, *undoable))


def after_failure(trial: Trial, now: datetime) -> Trial:
    """An act in a canary account failed: the quiet period begins anew."""
    return replace(trial, trouble_at=now, trouble="failed")


def _trial(ctx: Context, canary: Canary, begins: bool, due: bool) -> Trial | None:
    if not canary.accounts:
        return None
    old = ctx.view.canary
    if old is None or old.config_hash != ctx.config_hash:
        old = Trial(ctx.config_hash, ctx.now) if begins else None
    if old is None or old.passed_at:
        return old
    trial = _noticed(ctx, old)
    until = _quiet_until(canary, trial, due)
    return replace(trial, passed_at=ctx.now) if until and until <= ctx.now else trial


def _noticed(ctx: Context, trial: Trial) -> Trial:
    """A key that is Active again was restored, or reactivated by hand: somebody missed it."""
    left = tuple(uid for uid in trial.deactivated if uid not in ctx.reactivated)
    if left == trial.deactivated:
        return trial
    return replace(trial, deactivated=left, trouble_at=ctx.now, trouble="was taken back")


def _quiet_until(canary: Canary, trial: Trial, due: bool) -> datetime | None:
    """None while an act is due in a canary account and none was carried out yet.

    Where nothing is due there, the rest still waits for one quiet period.
    """
    begun = trial.first_act_at or (None if due else trial.since)
    return max(begun, trial.trouble_at or begun) + canary.quiet if begun else None


def _text(canary: Canary, trial: Trial, due: bool) -> str:
    until = _quiet_until(canary, trial, due)
    when = f"waits until {day(until)}" if until else f"then waits {span_text(canary.quiet)}"
    since = f" (a canary act {trial.trouble} on {day(trial.trouble_at)})" if trial.trouble_at else ""
    return f"the canary accounts go first under a new config: the rest {when}{since}"
