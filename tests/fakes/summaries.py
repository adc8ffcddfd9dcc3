"""Run summaries for tests of sinks."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

from app.plan.summary import Alert, RunSummary, SummaryRow
from tests.fakes.notices import JANE, NOW

What = Literal["warned", "deactivated", "deleted", "resolved", "held"]


def rows(what: What, count: int, **changes: Any) -> tuple[SummaryRow, ...]:
    """``count`` rows of one kind, each of a finding and a key of its own."""
    at = NOW if what in ("deactivated", "deleted") else NOW + timedelta(days=7)
    made = (
        SummaryRow(what, f"KS-{what[:2].upper()}{number:08d}", "111122223333", "prod", f"user-{number}",
                   f"…{number:04d}", "It is 92 days old.", owner=JANE, stage="final", at=at)
        for number in range(count)
    )  # fmt: skip
    return tuple(replace(row, **changes) for row in made)


def a_summary(*rows_: SummaryRow, **changes: Any) -> RunSummary:
    """A run that did what ``rows_`` say; one warning when none is given."""
    run = RunSummary(
        at=NOW,
        version="1.2.3",
        mode="enforce",
        outcome="success",
        accounts={"ok": 41},
        delivered={"slack": 12},
        rows=rows_ or rows("warned", 1),
        news=True,
    )
    return replace(run, **changes)


def an_alert(count: int = 3, **changes: Any) -> Alert:
    """The brake holds ``count`` acts."""
    held = rows("held", count, guard="brake", why="rule 'default'", owner="")
    text = f"The brake holds {count} acts: `keysteward approve 3f2a91c04d5e`"
    return replace(Alert("approval", text, "3f2a91c04d5e", held), **changes)
