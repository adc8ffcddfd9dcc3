"""Ceilings on a finished plan: they only ever hold back, oldest keys first, and say what and why."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from app.model import Delivery, Reason, Verb
from app.plan.actions import Act, HeldAct, Plan, held
from app.plan.brake import BRAKE, brake, first_held
from app.plan.canary import CANARY, try_first
from app.plan.context import Context
from app.plan.gather import is_unsent
from app.plan.kept import HeldPlan, Trial
from app.plan.limits import Limits
from app.plan.notices import is_warning, pressing
from app.plan.record import Change
from app.plan.require import day


@dataclass(frozen=True, slots=True)
class Sieve:
    """What has passed so far, and what was held."""

    passed: tuple[Act, ...]
    held: tuple[HeldAct, ...] = ()

    def hold_all(self, guard: str, text: str) -> "Sieve":
        return Sieve((), (*self.held, *(held(act, guard, text) for act in self.passed)))

    def split(self, passed: tuple[Act, ...], waiting: tuple[Act, ...], guard: str, text: str) -> "Sieve":
        return Sieve(passed, (*self.held, *(held(act, guard, text) for act in waiting)))

    def keep(self, guard: str, fits: Callable[[Act], bool], text: Callable[[Act], str]) -> "Sieve":
        """Asks ``fits`` of each act in order; it may count."""
        verdicts = [(act, fits(act)) for act in self.passed]
        out = tuple(held(act, guard, text(act)) for act, ok in verdicts if not ok)
        return Sieve(tuple(act for act, ok in verdicts if ok), (*self.held, *out))


def apply_guards(ctx: Context, plan: Plan, vetoes: Iterable[Reason] = ()) -> Plan:
    """``plan`` with what the guards forbid taken out. ``vetoes`` hold every act (pause, clock)."""
    sieve = Sieve(tuple(sorted(plan.acts, key=_turn)))
    for veto in vetoes:
        sieve = sieve.hold_all(veto.code, veto.text)
    sieve = _freeze(ctx, sieve)
    sieve, braked = _brake(ctx, sieve, plan)
    sieve, trial = _canary(ctx, sieve, plan)
    sieve = _share(ctx.limits, sieve, plan)
    sieve = _pace(ctx.limits, sieve)
    capped = _cap_notices(ctx.limits, plan)
    change = _remembered(ctx, capped.change, braked, trial)
    return replace(capped, change=change, acts=sieve.passed, held=(*capped.held, *sieve.held), braked=braked)


def _turn(act: Act) -> tuple[bool, datetime, str]:
    """Oldest first; behind them what failed last time: a role that is denied must not use up the pace."""
    return (act.failed, act.credential.created, act.credential.uid)


def _freeze(ctx: Context, sieve: Sieve) -> Sieve:
    window = next((w for w in ctx.limits.freeze if w.covers(ctx.now)), None)
    if window is None:
        return sieve
    return sieve.hold_all("freeze", f"freeze window {window.text} until {day(window.next_end(ctx.now))}")


def _brake(ctx: Context, sieve: Sieve, plan: Plan) -> tuple[Sieve, HeldPlan | None]:
    done = brake(ctx, sieve.passed, sum(plan.active.values()))
    return sieve.split(done.passed, done.waiting, BRAKE, done.text), done.plan


def _canary(ctx: Context, sieve: Sieve, plan: Plan) -> tuple[Sieve, Trial | None]:
    done = try_first(ctx, sieve.passed, (*plan.held, *sieve.held))
    return sieve.split(done.passed, done.waiting, CANARY, done.text), done.trial


def _remembered(ctx: Context, change: Change, braked: HeldPlan | None, trial: Trial | None) -> Change:
    """``change`` with what the next run and `approve` must know of what was held."""
    return replace(
        change,
        events=(*change.events, *first_held(ctx, braked)),
        held_plans=(braked,) if braked else (),
        forget_plans=tuple(i for i in ctx.approvals.outdated(ctx.now) if not braked or i != braked.id),
        canary=trial if trial != ctx.view.canary else None,
    )


def _share(limits: Limits, sieve: Sieve, plan: Plan) -> Sieve:
    taken: Counter[str] = Counter()

    def fits(act: Act) -> bool:
        if act.verb is not Verb.DEACTIVATE:
            return True
        allowed = max(1, int(limits.share_of_account * plan.active.get(act.account.id, 0)))
        taken[act.account.id] += 1
        return taken[act.account.id] <= allowed

    def text(act: Act) -> str:
        return f"at most {limits.share_of_account:.0%} of {act.account.label}'s active keys in one run"

    return sieve.keep("share_of_account", fits, text)


def _pace(limits: Limits, sieve: Sieve) -> Sieve:
    taken: Counter[Verb] = Counter()

    def fits(act: Act) -> bool:
        taken[act.verb] += 1
        return taken[act.verb] <= limits.deactivations_per_run

    text = f"at most {limits.deactivations_per_run} in one run; the rest goes on in the next"
    return sieve.keep("deactivations_per_run", fits, lambda act: text)


def _cap_notices(limits: Limits, plan: Plan) -> Plan:
    """Who was told least comes first, then the most pressing; the rest waits for the next run, unwritten."""
    rows = {d.id: d for d in plan.change.deliveries}
    warnings = [rows[i] for i in plan.send if i in rows and is_warning(rows[i])]
    over = sorted(warnings, key=pressing)[limits.notices_per_run :]
    if not over:
        return plan
    dropped = {d.id for d in over}
    fresh = {d.id for d in over if is_unsent(d)}
    kept = tuple(d for d in plan.change.deliveries if d.id not in fresh)
    return replace(
        plan,
        change=replace(plan.change, deliveries=kept),
        send=tuple(i for i in plan.send if i not in dropped),
        held=(*plan.held, *(_waiting(d, limits) for d in over)),
    )


def _waiting(d: Delivery, limits: Limits) -> HeldAct:
    notice = d.payload
    return HeldAct(
        guard="notices_per_run",
        text=f"at most {limits.notices_per_run} notices in one run; this one goes with the next",
        account_id=str(notice.get("account_id", "")),
        account=str(notice.get("account", "")),
        user=str(notice.get("user", "")),
        key=str(notice.get("key_tail", "")),
        finding_id=d.finding_id,
        verb=Verb.NOTIFY,
    )
