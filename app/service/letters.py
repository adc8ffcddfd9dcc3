"""What waits to be delivered and what was given up: to look at, and to put back by hand."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from app.ledger.interface import Ledger
from app.model import INSTEAD, Breaker, Delivery, DeliveryState, Event, redact
from app.plan.obsolete import TELLING
from app.service.lookup import NotFound
from app.service.parts import Parts
from app.sinks.snapshot import DeliveryRow


def letters(ledger: Ledger, rows: Iterable[Delivery], breakers: Mapping[str, Breaker]) -> list[DeliveryRow]:
    """``rows`` as they are shown."""
    return [_shown(ledger, row, breakers) for row in rows]


def _shown(ledger: Ledger, row: Delivery, breakers: Mapping[str, Breaker]) -> DeliveryRow:
    finding, breaker = ledger.finding(row.finding_id), breakers.get(row.sink)
    rest = breaker.until if breaker and row.state is not DeliveryState.DEAD else None
    dates = [at for at in (row.next_attempt_at, rest) if at]
    shown = DeliveryRow(
        id=row.id,
        sink=row.sink,
        state=row.state.value,
        key_tail=finding.masked if finding else "",
        user=finding.user if finding else "",
        account_id=finding.account_id if finding else "",
        account=finding.account if finding else "",
        stage=row.stage,
        recipient=row.recipient,
        attempts=row.attempts,
        created_at=row.created_at,
        next_attempt_at=max(dates) if dates and row.state is not DeliveryState.DEAD else None,
        why=redact(row.error) or (f"the sink rests: {redact(breaker.error)}" if breaker and rest else ""),
    )
    return replace(shown, passed_on=True, why=_passed_on(row)) if row.was_passed_on else shown


def _passed_on(row: Delivery) -> str:
    return f"{redact(row.error)}; {row.receipt[INSTEAD]} was told instead"


def is_dead_letter(row: Delivery) -> bool:
    """Given up, and nobody was told in its place."""
    return row.state is DeliveryState.DEAD and row.verb in TELLING and not row.was_passed_on


def requeue(
    parts: Parts, ids: Sequence[str], by: str, reason: str, sink: str | None = None
) -> list[DeliveryRow]:
    """Puts dead letters back: those of ``ids`` (of deliveries, or of findings), or with none given all.

    The next run, or a daemon's next retry, sends what still holds and cancels the rest. It may run beside a
    daemon. Raises `NotFound`, and does nothing, when one of ``ids`` means no dead letter.
    """
    dead = [row for row in parts.ledger.undelivered() if is_dead_letter(row) and sink in (None, row.sink)]
    chosen = [row for row in dead if not ids or is_meant(row, ids)]
    unknown = [i for i in ids if not any(is_meant(row, [i]) for row in chosen)]
    if unknown:
        raise NotFound(
            f"no dead letter is meant by {redact(', '.join(unknown))}: `keysteward deliveries` lists them"
        )
    events = {row.id: _event(parts, row, by, reason) for row in chosen}
    back = parts.ledger.requeue(events, parts.clock.now())
    return letters(parts.ledger, back, parts.ledger.frame().breakers)


def is_meant(row: Delivery, ids: Collection[str]) -> bool:
    return row.id in ids or row.finding_id in ids


def _event(parts: Parts, row: Delivery, by: str, reason: str) -> Event:
    finding = parts.ledger.finding(row.finding_id)
    account_id, key = (finding.account_id, finding.masked) if finding else ("", "")
    detail = f"the {row.stage} notice by {row.sink}: {reason}"
    return parts.event(by, "requeued", detail, account_id=account_id, finding_id=row.finding_id, key=key)
