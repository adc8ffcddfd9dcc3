"""What one run did, told to the team: after everything else, and never in its way."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from app import __version__
from app.model import RunRecord, redact
from app.plan.actions import Plan
from app.plan.brake import BRAKE
from app.plan.notice import Notice
from app.plan.summary import RunSummary, SummaryRow
from app.service.calls import as_row
from app.service.parts import Parts, Tally

log = logging.getLogger(__name__)

_DONE = {"deactivate": "deactivated", "delete": "deleted"}


def summarize(
    parts: Parts,
    plan: Plan,
    tally: Tally,
    outcome: str,
    accounts: Mapping[str, int],
    failures: tuple[str, ...],
    last: RunRecord | None,
) -> RunSummary:
    """The run as plain data. ``news`` is false for one that differs in nothing from ``last``.

    What waits for approval is listed in its own alert, once (`calls.py`).
    """
    held = (as_row(act) for act in plan.held if act.guard != BRAKE)
    rows = (*_told(tally), *_resolved(plan), *held)
    return RunSummary(
        at=plan.now,
        version=__version__,
        mode=parts.policy.mode.value,
        outcome=outcome,
        accounts=accounts,
        delivered=dict(tally.delivered),
        rows=rows,
        failures=tuple(map(redact, failures)),
        warnings=tuple(tally.remarks),
        news=_is_news(rows, bool(failures), last),
    )


def _is_news(rows: Sequence[SummaryRow], failed: bool, last: RunRecord | None) -> bool:
    held = Counter(row.guard for row in rows if row.what == "held")
    before = {guard: number for guard, number in last.held.items() if guard != BRAKE} if last else {}
    changed = any(row.what != "held" for row in rows) or held != before
    return changed or failed != (last is not None and last.outcome != "success")


def _told(tally: Tally) -> Iterator[SummaryRow]:
    for notice in tally.told.values():
        if notice.kind == "done":
            yield _row(notice, _DONE[notice.act or "deactivate"])
        elif notice.kind != "resolved":
            yield _row(notice, "warned")


def _row(notice: Notice, what: str) -> SummaryRow:
    return SummaryRow(
        what=what,  # type: ignore[arg-type]  # one of the words above
        finding_id=notice.finding_id,
        account_id=notice.account_id,
        account=notice.account,
        user=notice.user,
        key_tail=notice.key_tail,
        why=notice.reason,
        owner=notice.owner,
        stage=notice.stage,
        at=notice.act_at,
    )


def _resolved(plan: Plan) -> Iterator[SummaryRow]:
    for finding, why in plan.ended:
        yield SummaryRow(
            "resolved",
            finding.id,
            finding.account_id,
            finding.account,
            finding.user,
            finding.masked,
            why,
            owner=finding.owner,
        )
