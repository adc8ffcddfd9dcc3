"""Which notices of a stage are due on which sinks: pure bookkeeping over the episode's deliveries."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.model import DESTRUCTIVE, MAYBE_SENT, UNDELIVERED, Delivery, DeliveryState, Finding, Verb
from app.policy.rules import Rule, Stage

EXEMPTION_STAGE = "exemption-ends"
CLOCKS_APART = timedelta(hours=1)  # far more than two hosts may be
CLOSED_STAGE = "ticket-closed"  # somebody closed the ticket while the key is still bad


@dataclass(frozen=True, slots=True)
class Slot:
    """One place in the episode where a delivery belongs."""

    sink: str
    occurrence: int
    existing: Delivery | None  # the undelivered row that already holds the place


def due_slots(
    stage: Stage,
    sinks: Sequence[tuple[str, timedelta | None]],
    history: Sequence[Delivery],
    now: datetime,
    again: Collection[str] = (),
) -> Iterator[Slot]:
    """The due occurrence of ``stage`` on each sink, if any; on those of ``again`` one is due out of turn."""
    for sink, repeat in sinks:
        rows = [d for d in history if (d.stage, d.sink, d.verb) == (stage.name, sink, Verb.NOTIFY)]
        occurrence = _occurrence_due(rows, repeat, now, sink in again)
        if occurrence is not None:
            yield Slot(sink, occurrence, _holder(rows, occurrence))


def _occurrence_due(rows: list[Delivery], repeat: timedelta | None, now: datetime, again: bool) -> int | None:
    """Occurrence n is due `repeat` after n-1 was delivered: an outage gives one notice, not a backlog.

    One that was cancelled while nobody knew whether it had arrived is used up: its reader may have it.
    """
    if not rows:
        return 1
    last = max(d.occurrence for d in rows)
    latest = [d for d in rows if d.occurrence == last]
    ended = [d.settled_at for d in latest if d.state is DeliveryState.DELIVERED]
    if not ended and all(d.state is DeliveryState.DEAD for d in latest):
        ended = [d.settled_at for d in latest]
    if not ended:
        return last + any(d.state is DeliveryState.CANCELLED and d.may_have_arrived for d in latest)
    settled = max(at for at in ended if at)
    # What seems to have been told in the future was told by a wrong clock: nobody waits for that day.
    over = repeat and not now - repeat < settled <= now + CLOCKS_APART
    return last + 1 if again or over else None


def _holder(rows: list[Delivery], occurrence: int) -> Delivery | None:
    """The row to try again: the fallback's once the owner's is dead."""
    open_rows = [
        d
        for d in rows
        if d.occurrence == occurrence and d.state not in (DeliveryState.DEAD, DeliveryState.DELIVERED)
    ]
    return max(open_rows, key=lambda d: d.route == "fallback", default=None)


def sinks_of(
    rule: Rule, stage: Stage, instead_of: Stage | None, history: Sequence[Delivery]
) -> list[tuple[str, timedelta | None]]:
    """The sinks that ``stage`` runs on, each with its repeat.

    Besides its own: sinks of an earlier stage of this episode that never got through (three days of
    an outage must not lose the ticket), and, in a destructive stage's place, those of the stages
    that were skipped. Such guests are told once.
    """
    own = dict.fromkeys(stage.notify, stage.repeat)
    guests = [*_never_through(stage, history)]
    if instead_of:
        guests += _skipped(rule, stage, instead_of, history)
    return list({**dict.fromkeys(guests, None), **own}.items())


def _never_through(stage: Stage, history: Sequence[Delivery]) -> Iterator[str]:
    reached = {d.sink for d in history if d.state is DeliveryState.DELIVERED}
    tried = (d for d in history if d.verb is Verb.NOTIFY and not d.stage.startswith(EXEMPTION_STAGE))
    return (d.sink for d in tried if d.sink not in reached)


def _skipped(rule: Rule, stage: Stage, instead_of: Stage, history: Sequence[Delivery]) -> Iterator[str]:
    ran = {d.stage for d in history if d.occurrence == 1}
    before = rule.stages[: rule.stages.index(instead_of)]
    skipped = (s for s in before if s.do is None and s.name not in ran and s is not stage)
    return (sink for s in skipped for sink in s.notify)


def nearest_notice_stage(rule: Rule, destructive: Stage) -> Stage | None:
    """The notice stage that runs in ``destructive``'s place while its `require` is not met."""
    before = rule.stages[: rule.stages.index(destructive)]
    return next((s for s in reversed(before) if s.do is None and s.notify), None)


def fill(slot: Slot, fresh: Delivery) -> Delivery:
    """The row to write: a new one, or the waiting one with today's facts.

    A row that may have arrived keeps its content: it must be recognised when it is looked for. Unless its
    owner has changed, or `enforce` no longer applies: then what is true now is told instead.
    """
    old = slot.existing
    if old is None:
        return fresh
    if old.state is DeliveryState.CANCELLED:
        recipient = old.recipient if old.route == "fallback" else fresh.recipient
        return replace(fresh, route=old.route, recipient=recipient)
    lost = old.state in (DeliveryState.AMBIGUOUS, DeliveryState.CLAIMED)
    if lost and _still_holds(old, fresh):
        return old
    state = DeliveryState.FAILED if old.state is DeliveryState.FAILED else DeliveryState.PENDING
    recipient = old.recipient if old.route == "fallback" else fresh.recipient
    return replace(
        old,
        state=state,
        settled_at=None,
        recipient=recipient,
        names_date=fresh.names_date,
        enforced=fresh.enforced,
        payload=fresh.payload,
    )


def _still_holds(old: Delivery, fresh: Delivery) -> bool:
    to_the_owner = old.route == "fallback" or old.recipient == fresh.recipient
    return to_the_owner and (fresh.enforced or not old.enforced)


def superseded(
    history: Sequence[Delivery], keep: set[str], now: datetime, which: Callable[[Delivery], bool]
) -> Iterator[Delivery]:
    """Undelivered rows that no longer hold, as cancelled: an outage must not end in stale messages."""
    for d in history:
        if d.state in UNDELIVERED and d.id not in keep and which(d):
            receipt = {MAYBE_SENT: "true"} if d.may_have_arrived else d.receipt
            cancelled = replace(d, state=DeliveryState.CANCELLED, settled_at=now, receipt=receipt)
            yield replace(cancelled, error="no longer holds")


def buried(history: Sequence[Delivery], now: datetime) -> Iterator[Delivery]:
    """Dead letters of what is over: nobody is left in the dark by them any more."""
    for d in history:
        if d.state is DeliveryState.DEAD and d.verb is Verb.NOTIFY and not d.was_passed_on:
            yield replace(
                d, state=DeliveryState.CANCELLED, settled_at=now, error=f"{d.error}; it is over now"
            )


def tells_what_was_done(d: Delivery) -> bool:
    """A notice that follows an act: it stays true whatever comes after."""
    return d.verb is Verb.NOTIFY and d.payload.get("kind") == "done"


def is_unsettled_act(d: Delivery) -> bool:
    """An act that may have been carried out: only the live key can tell (`service/recover.py`)."""
    return d.verb in DESTRUCTIVE and d.state in (DeliveryState.CLAIMED, DeliveryState.AMBIGUOUS)


def is_replaceable(d: Delivery) -> bool:
    """Warnings and acts that were not begun: each run decides on them anew."""
    return d.verb is not Verb.RESOLVE and not tells_what_was_done(d) and not is_unsettled_act(d)


def is_warning(d: Delivery) -> bool:
    return d.verb is Verb.NOTIFY and not tells_what_was_done(d)


def new_delivery(
    finding: Finding, stage: str, occurrence: int, sink: str, verb: Verb, now: datetime
) -> Delivery:
    return Delivery(
        finding_id=finding.id,
        episode=finding.episode,
        stage=stage,
        occurrence=occurrence,
        sink=sink,
        verb=verb,
        state=DeliveryState.PENDING,
        created_at=now,
    )


def pressing(d: Delivery) -> tuple[int, bool, str, str]:
    """The order in which warnings leave, lowest first: by occurrence, else reminders alone could fill every
    run and the rest would never hear a word; then the nearest act."""
    return (d.occurrence, d.names_date is None, d.names_date.isoformat() if d.names_date else "", d.id)
