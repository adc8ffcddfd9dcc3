"""Telling the team of a run, and of sinks that are down: after everything else, and never in its way."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from app import __version__
from app.errors import KeystewardError, LedgerError, PausedMeanwhile, Transient
from app.model import Breaker, redact
from app.plan.conceal import conceal
from app.plan.summary import BETWEEN, Alert, RunSummary
from app.service.breaker import Breakers, Gate, text
from app.service.calls import Calls
from app.service.parts import Parts
from app.service.pause import sending_under
from app.service.settle import Round, write
from app.service.waiting import waiting_plan
from app.telemetry import log_fields

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Telling:
    """What became of a summary: what went wrong, the sinks that took it, whether anybody was told by one."""

    failed: tuple[str, ...] = ()
    took: tuple[str, ...] = ()
    heard: bool = False


def tell_run(round_: Round, summary: RunSummary, calls: Calls) -> list[str]:
    """Tells the team of a run, and of outages that nobody was told of; returns what failed."""
    down = round_.breakers.untold()
    telling = _tell_under(round_, _with_outages(summary, down), calls)
    _have_told(round_, telling, down, calls)
    return list(telling.failed)


def tell_of_outages(round_: Round) -> None:
    """Tells the team at once of sinks that this round, between two runs, has put to rest: once an outage."""
    down, summary = round_.breakers.fallen(), _between_runs(round_)
    if not down:
        return
    calls = Calls(summary.at)
    telling = _tell_under(round_, _with_outages(summary, down), calls)
    _have_told(round_, telling, down, calls)


def tell_who_is_back(round_: Round) -> None:
    """Tells of the plan that waits, by the sinks that rested when the run told of it: the next run may be
    hours away."""
    parts, view = round_.parts, round_.ctx.view
    plan = waiting_plan(parts.ledger, view.last_run, parts.clock.now())
    rested = [name for name, breaker in view.breakers.items() if breaker.rests]
    back = frozenset(rested).difference(plan.told) if plan else ()
    if plan is None or not back:
        return
    summary = _between_runs(round_)
    calls = Calls.waiting(plan, summary.at)
    telling = _tell_under(round_, summary, calls, back)
    _have_told(round_, telling, (), calls)


def _tell_under(
    round_: Round, summary: RunSummary, calls: Calls, only: Collection[str] | None = None
) -> Telling:
    with sending_under(round_.lease):
        return tell_team(round_.parts, summary, round_.breakers, calls, only)


def _between_runs(round_: Round) -> RunSummary:
    parts = round_.parts
    return RunSummary(parts.clock.now(), __version__, parts.policy.mode.value, BETWEEN)


def _with_outages(summary: RunSummary, down: Sequence[Breaker]) -> RunSummary:
    alerts = tuple(Alert("outage", _outage(breaker)) for breaker in down)
    return replace(summary, alerts=(*summary.alerts, *alerts), news=summary.news or bool(alerts))


def _outage(breaker: Breaker) -> str:
    return f"{breaker.sink} does not answer: it {text(breaker)}. What is for it waits, nothing is lost"


def _have_told(round_: Round, telling: Telling, down: Collection[Breaker], calls: Calls) -> None:
    """Once somebody has heard of an outage nobody is told again; where nobody could, the next run tells."""
    parts = round_.parts
    if (telling.heard or len(parts.sinks) == 1) and not parts.ledger.paused():
        round_.breakers.told(down)
    write(round_, [], [], calls.told(telling.took))


def tell_team(
    parts: Parts,
    summary: RunSummary,
    breakers: Breakers,
    calls: Calls,
    only: Collection[str] | None = None,
) -> Telling:
    """Hands each sink that reports (None: every one) its ``summary``.

    A lost summary is not made up for, its alerts are. Nobody is told anything while the service is paused,
    nor by a sink that rests.
    """
    failed, took, heard = list[str](), list[str](), False
    asked = [name for name in parts.sinks if only is None or name in only]
    for name in [name for name in asked if breakers.gate(name) is not Gate.SHUT]:
        if parts.ledger.paused():
            break
        addressed = conceal(calls.addressed(summary, name), parts.shown_characters)
        try:
            told = _tell(parts, name, addressed, breakers)
        except PausedMeanwhile:
            break
        if isinstance(told, str):
            failed.append(f"{name}: the run summary was not delivered: {told}")
        else:
            took.append(name)
            heard = heard or told
    return Telling(tuple(failed), tuple(took), heard)


def _tell(parts: Parts, name: str, summary: RunSummary, breakers: Breakers) -> bool | str:
    """Whether anybody was told, or what went wrong. A sink that tells nobody has not shown that it works."""
    try:
        told = parts.sinks[name].report(summary)
    except (PausedMeanwhile, LedgerError):
        raise
    except KeystewardError as error:
        _judge(parts, name, error, breakers)
        log.warning("run summary failed", **log_fields(sink=name, error=redact(str(error))))
        return redact(str(error))
    except Exception as error:  # a fault of the adapter must not cost the others theirs
        log.exception("sink broke", **log_fields(sink=name))
        return type(error).__name__
    if told:
        _has_answered(name, breakers)
    return told


def _judge(parts: Parts, name: str, error: KeystewardError, breakers: Breakers) -> None:
    """What only left in part because of a pause is no fault of the sink."""
    if not isinstance(error, Transient):
        _has_answered(name, breakers)
    elif not parts.ledger.paused():
        breakers.failed(name, error)


def _has_answered(name: str, breakers: Breakers) -> None:
    """As good as a probe, where no message was there to be one. It doesn't show that messages go through."""
    if breakers.gate(name) is Gate.PROBE:
        breakers.answered(name)
