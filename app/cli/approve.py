"""``keysteward approve``: lets one plan that the brake holds through."""

from collections import Counter
from datetime import datetime
from pathlib import Path

import click

from app.cli import opening, show
from app.cli.options import at_option, by_option, config_option, reason_option
from app.plan.kept import HeldPlan
from app.plan.require import day
from app.service import changes
from app.service.approve import approve as let_through


@click.command()
@click.argument("plan")
@reason_option
@by_option
@at_option("In a ledger of rehearsals: when this happens.")
@config_option
def approve(plan: str, reason: str, by: str | None, at: datetime | None, config_path: Path | None) -> None:
    """Let a PLAN that the brake holds through, for 24 hours.

    PLAN is the id, or its beginning, as `keysteward plan`, the log and the alert show it. Every other guard
    still applies, and each key is read and judged again before its act.
    """
    parts = opening.to_change(opening.load(config_path), at).parts()
    approved = let_through(parts, plan, by or changes.caller(parts), reason)
    _show(approved.plan)
    number = len(approved.plan.acts)
    until = day(approved.approval.until)
    show.echo(f"Plan {approved.plan.short} is approved until {until}: {number:,} acts, each once")


def _show(plan: HeldPlan) -> None:
    """What was approved, counted: a plan past the brake may be thousands of lines."""
    counts = Counter((act.account, act.uid.partition("/")[0], act.rule, act.verb.value) for act in plan.acts)
    rows = ([*map(str, names), f"{number:,}"] for names, number in sorted(counts.items()))
    show.table(f"Plan {plan.short}", ("Account", "Id", "Rule", "Act", "Keys"), rows)
