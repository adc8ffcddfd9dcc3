"""The plan of a run that is not carried out: the same plan with nothing behind it."""

from dataclasses import dataclass
from datetime import timedelta

from app.errors import CouldNotStart, KeystewardError
from app.model import Inventory, ScanFailure
from app.plan.actions import Plan
from app.plan.context import Context
from app.service.parts import Parts
from app.service.run_once import context, plan_for, scan_all


@dataclass(frozen=True)
class Preview:
    """What a run would do now, and how the scan went."""

    plan: Plan
    ctx: Context
    failures: tuple[str, ...]
    warnings: tuple[str, ...]


def preview(parts: Parts, ahead: timedelta = timedelta(0)) -> Preview:
    """Scans and plans, writes nothing. Raises `CouldNotStart` without an account list.

    ``ahead`` widens the scan to keys that come near a stage within that time.
    """
    now = parts.clock.now()
    try:
        hub, listed = parts.hub(), parts.accounts.list()
    except KeystewardError as error:
        raise CouldNotStart(str(error)) from None
    ctx = context(parts, hub, parts.ledger.view(), now)
    scanned = tuple(scan_all(parts, ctx, listed, now, ahead))
    plan = plan_for(parts, ctx, listed, scanned, now)
    failures = tuple(
        f"account {s.scan.account.label} ({s.scan.account.id}): {s.scan.reason}"
        for s in scanned
        if isinstance(s.scan, ScanFailure)
    )
    warnings = tuple(
        f"{s.scan.account.label}: {text}"
        for s in scanned
        if isinstance(s.scan, Inventory)
        for text in s.scan.warnings
    )
    return Preview(plan, ctx, failures, warnings)
