"""Telling the team of a run, and of sinks that are down: after everything else, and never in its way."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from app import __version__
from app.errors import KeystewardError, PausedMeanwhile, Transient
from app.model import redact
from app.plan.conceal import conceal
from app.plan.summary import RunSummary
from app.service.breaker import Breakers, Gate, text
from app.service.calls import Calls
from app.service.parts import Parts
from app.service.pause import sending_under
from app.service.settle import Round, write
from app.sinks.interface import Sink
from app.telemetry import log_fields

log = logging.getLogger(__name__)


def tell_run(round_: Round, summary: RunSummary, calls: Calls) -> list[str]:
    """Tells the team of a run; returns what failed. What it says first of a sink that is down is news,
    whatever else there is."""
    summary = replace(summary, news=summary.news or bool(round_.breakers.untold()))
    with sending_under(round_.lease):
        failed, told = tell_team(round_.parts, summary, round_.breakers, calls)
    _have_told(round_, told, calls)
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
    calls = Calls(summary.at)
    with sending_under(round_.lease):
        _, told = tell_team(parts, summary, round_.breakers, calls)
    _have_told(round_, told, calls)


def _have_told(round_: Round, told: Sequence[str], calls: Calls) -> None:
    """Once somebody has heard of an outage nobody is told again; where nobody could, the next run tells."""
    parts, breakers = round_.parts, round_.breakers
    heard = bool(told) or len(parts.sinks) == 1
    if breakers.untold() and heard and not parts.ledger.paused():
        breakers.told()
    write(round_, [], [], calls.told(told))


def tell_team(
    parts: Parts, summary: RunSummary, breakers: Breakers, calls: Calls
) -> tuple[list[str], list[str]]:
    """Hands each sink that reports its ``summary``; returns what failed, and the sinks that took it.

    A lost summary is not made up for, its alerts are. Nobody is told anything while the service is paused,
    nor by a sink that rests.
    """
    failed, told = list[str](), list[str]()
    for name in [name for name in parts.sinks if breakers.gate(name) is not Gate.SHUT]:
        if parts.ledger.paused():
            break
        addressed = conceal(calls.addressed(summary, name), parts.shown_characters)
        try:
            why = _tell(parts.sinks[name], name, addressed, breakers)
        except PausedMeanwhile:
            break
        if why:
            failed.append(f"{name}: the run summary was not delivered: {why}")
        else:
            told.append(name)
    return failed, told


def _tell(sink: Sink, name: str, summary: RunSummary, breakers: Breakers) -> str:
    """What went wrong. Empty: nothing, but a sink that doesn't report has not shown thereby that it works."""
    try:
        sink.report(summary)
    except PausedMeanwhile:
        raise
    except KeystewardError as error:
        if isinstance(error, Transient):
            breakers.failed(name, error)
        log.warning("run summary failed", **log_fields(sink=name, error=redact(str(error))))
        return redact(str(error))
    except Exception as error:  # a fault of the adapter must not cost the others theirs
        log.exception("sink broke", **log_fields(sink=name))
        return type(error).__name__
    return ""
