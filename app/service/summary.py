"""What one run did, told to the team: after everything else, and never in its way."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from app import __version__
from app.errors import KeystewardError, Transient
from app.model import RunRecord, Verb, redact
from app.plan.actions import HeldAct, Plan
from app.plan.conceal import conceal
from app.plan.notice import Notice
from app.plan.summary import RunSummary, SummaryRow
from app.service.breaker import Breakers, Gate, text
from app.service.parts import Parts, Tally
from app.service.settle import Round, write
from app.sinks.interface import Sink
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


def tell_run(round_: Round, summary: RunSummary) -> list[str]:
    """Tells the team of a run; returns what failed. What it says first of a sink that is down is news,
    whatever else there is."""
    summary = replace(summary, news=summary.news or bool(round_.breakers.untold()))
    failed = tell_team(round_.parts, summary, round_.breakers)
    _have_told(round_, failed)
    return failed


def tell_of_outages(round_: Round) -> None:
    """Tells the team at once of sinks that this round, between two runs, has put to rest: once an outage."""
    parts, down, last = round_.parts, round_.breakers.fallen(), round_.ctx.view.last_run
    if not down:
        return
    summary = RunSummary(
        at=parts.clock.now(),
        version=__version__,
        mode=parts.policy.mode.value,
        outcome="partial",
        accounts=last.accounts if last else {},
        failures=tuple(f"{breaker.sink}: {text(breaker)}" for breaker in down),
        news=True,
    )
    _have_told(round_, tell_team(parts, summary, round_.breakers))


def _have_told(round_: Round, failed: Sequence[str]) -> None:
    """Once somebody has heard of it nobody is told again; where nobody could, the next run tells."""
    parts, breakers = round_.parts, round_.breakers
    asked = [name for name in parts.sinks if breakers.gate(name) is not Gate.SHUT]
    heard = len(asked) > len(failed) or len(parts.sinks) == 1
    if breakers.untold() and heard and not parts.ledger.paused():
        breakers.told()
    write(round_, [], [])


def tell_team(parts: Parts, summary: RunSummary, breakers: Breakers) -> list[str]:
    """Hands ``summary`` to each sink that reports; returns what failed. A lost summary is not made up.

    Nobody is told anything while the service is paused, nor by a sink that rests.
    """
    if parts.ledger.paused():
        return []
    awake = [sink for name, sink in parts.sinks.items() if breakers.gate(name) is not Gate.SHUT]
    summary = conceal(summary, parts.shown_characters)
    return [why for sink in awake if (why := _tell(sink, summary, breakers))]


def _tell(sink: Sink, summary: RunSummary, breakers: Breakers) -> str:
    """Empty when nothing went wrong: a sink that doesn't report has not shown thereby that it works."""
    try:
        sink.report(summary)
    except KeystewardError as error:
        if isinstance(error, Transient):
            breakers.failed(sink.name, error)
        log.warning("run summary failed", **log_fields(sink=sink.name, error=redact(str(error))))
        return f"{sink.name}: the run summary was not delivered: {redact(str(error))}"
    except Exception as error:  # a fault of the adapter must not cost the others theirs
        log.exception("sink broke", **log_fields(sink=sink.name))
        return f"{sink.name}: the run summary was not delivered: {type(error).__name__}"
    return ""
