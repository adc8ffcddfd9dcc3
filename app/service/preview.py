"""The plan of a run that is not carried out: the same plan with nothing behind it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from app.accounts.interface import AccountList
from app.errors import CouldNotStart, KeystewardError
from app.model import Scan
from app.plan.actions import Judged, Plan
from app.plan.context import Context
from app.service.parts import Parts
from app.service.run_once import context, plan_for, scan_all
from app.service.sweep import Sweep


@dataclass(frozen=True)
class Preview:
    """What a run would do now, and how the scan went. The view of ``ctx`` is a frame."""

    plan: Plan
    ctx: Context
    failures: tuple[str, ...]
    warnings: tuple[str, ...]
    listed: AccountList


def preview(
    parts: Parts,
    ahead: timedelta = timedelta(0),
    each: Callable[[Judged], None] | None = None,
    account: Callable[[Scan, Sequence[Judged]], None] | None = None,
) -> Preview:
    """Scans and plans, writes nothing. Raises `CouldNotStart` without an account list.

    ``ahead`` widens the scan to keys that come near a stage within that time. ``each`` hears every verdict
    as its account is done, ``account`` every account's scan with its verdicts; without either, they are all
    in the plan.
    """
    try:
        hub, listed = parts.hub(), parts.accounts.list()
    except KeystewardError as error:
        raise CouldNotStart(str(error)) from None
    ctx = context(parts, hub, parts.ledger.frame(), parts.clock.now())
    judged: list[Judged] = []
    keep = each is None and account is None
    sweep = Sweep(parts, ctx, each=judged.append if keep else each, account=account)
    try:
        scan_all(sweep, listed, ahead)
    except BaseException:  # Ctrl-C, a closed pipe: no throttled account's thread may keep the process
        parts.stop.set()
        raise
    plan = plan_for(sweep, listed)
    if keep:
        plan = replace(plan, judged=tuple(judged))
    warnings = (*listed.warnings, *sweep.warnings)
    return Preview(plan, ctx, tuple(sweep.failures.values()), warnings, listed)
