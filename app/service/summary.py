"""What one run did, told to the team: after everything else, and never in its way."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from app import __version__
from app.errors import KeystewardError, PausedMeanwhile
from app.model import RunRecord, Verb, redact
from app.plan.actions import HeldAct, Plan
from app.plan.conceal import conceal
from app.plan.notice import Notice
from app.plan.summary import RunSummary, SummaryRow
from app.service.parts import Parts, Tally
from app.telemetry import log_fields

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
    """The run as plain data. ``news`` is false for one that differs in nothing from ``last``."""
    rows = (*_told(tally), *_resolved(plan), *map(_held, plan.held))
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
    changed = any(row.what != "held" for row in rows) or held != (dict(last.held) if last else {})
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


def _held(act: HeldAct) -> SummaryRow:
    verb = {Verb.DEACTIVATE: "deactivate", Verb.DELETE: "delete", Verb.NOTIFY: "notify"}.get(act.verb, "")
    return SummaryRow(
        "held",
        act.finding_id,
        act.account_id,
        act.account,
        act.user,
        act.key,
        act.text,
        stage=verb,
        guard=act.guard,
        at=act.due_at,
    )


def tell_team(parts: Parts, summary: RunSummary) -> list[str]:
    """Hands ``summary`` to each sink that reports; returns what failed. A lost summary is not made up.

    Nobody is told anything while the service is paused.
    """
    failed: list[str] = []
    summary = conceal(summary, parts.shown_characters)
    for name, sink in parts.sinks.items():
        if parts.ledger.paused():
            break
        try:
            sink.report(summary)
        except PausedMeanwhile:
            break
        except KeystewardError as error:
            failed.append(f"{name}: the run summary was not delivered: {redact(str(error))}")
            log.warning("run summary failed", **log_fields(sink=name, error=redact(str(error))))
        except Exception as error:  # a fault of the adapter must not cost the others theirs
            failed.append(f"{name}: the run summary was not delivered: {type(error).__name__}")
            log.exception("sink broke", **log_fields(sink=name))
    return failed
