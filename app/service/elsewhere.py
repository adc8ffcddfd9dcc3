"""Whom to tell instead of somebody who can't be reached: the next owner, else the fallback."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from app.errors import KeystewardError, RecipientLeft, RecipientUnreachable
from app.ledger.interface import Change
from app.model import INSTEAD, Delivery, DeliveryState, Refusal, redact
from app.service.settle import Round, count, failed, write
from app.telemetry import log_fields

log = logging.getLogger(__name__)


def elsewhere(round_: Round, rows: Sequence[Delivery], error: RecipientUnreachable) -> list[str]:
    """Whom to tell instead: the ids of the rows that do."""
    first = rows[0]
    left = isinstance(error, RecipientLeft) and first.route == "owner" and first.recipient
    return _left(round_, rows, error) if left else _unreachable(round_, rows, error)


def _left(round_: Round, rows: Sequence[Delivery], error: KeystewardError) -> list[str]:
    """Remembers that the owner has left, and asks the next one; behind the last comes the fallback.

    A message about an account may carry rows of other owners, who have not left: the fallback hears of those.
    """
    first, now = rows[0], round_.parts.clock.now()
    gone = Refusal(first.recipient, "", now, first.sink, redact(str(error)))
    round_.parts.ledger.apply(Change(refusals=(gone,)), round_.lease)
    round_.reframe()
    handed = {row.id: _handed_over(row, gone) if row.recipient == gone.address else None for row in rows}
    next_up = [row for row in handed.values() if row]
    write(round_, next_up, [])
    count(round_, rows, "unreachable")
    log.warning("owner has left, asking the next", **log_fields(sink=first.sink, error=gone.reason))
    stranded = [row for row in rows if handed[row.id] is None]
    return [row.id for row in next_up] + (_unreachable(round_, stranded, error) if stranded else [])


def _handed_over(row: Delivery, gone: Refusal) -> Delivery | None:
    """The same notice to the next owner; None when nobody else is named but the fallback."""
    waiting = [(address, how) for address, how in row.payload.get("next_owners", ()) if how != "fallback"]
    if not waiting:
        return None
    (address, how), rest = waiting[0], row.payload["next_owners"][1:]
    told = {"owner": address, "owner_how": f"{how}; {gone.address} has left", "next_owners": rest}
    return replace(
        row, state=DeliveryState.PENDING, recipient=address, message_id="", payload={**row.payload, **told}
    )


def _unreachable(round_: Round, rows: Sequence[Delivery], error: KeystewardError) -> list[str]:
    """Records the attempt as failed, and tells the fallback in a delivery of its own, which counts."""
    first = rows[0]
    fallback = round_.ctx.fallback(first.sink, first.recipient) if first.route == "owner" else None
    if fallback is None:
        failed(round_, rows, DeliveryState.DEAD, error)
        return []
    now, text = round_.parts.clock.now(), redact(str(error))
    passed_on = {INSTEAD: fallback}
    dead = [replace(r, state=DeliveryState.DEAD, settled_at=now, error=text, receipt=passed_on) for r in rows]
    instead = [_to_fallback(row, fallback, now) for row in rows]
    write(round_, [*dead, *instead], [])
    count(round_, rows, "unreachable")
    log.warning("owner unreachable, telling the fallback", **log_fields(sink=first.sink, error=text))
    return [row.id for row in instead]


def _to_fallback(row: Delivery, recipient: str, now: datetime) -> Delivery:
    return replace(
        row,
        route="fallback",
        recipient=recipient,
        state=DeliveryState.PENDING,
        created_at=now,
        attempts=0,
        message_id="",
        next_attempt_at=None,
        settled_at=None,
        requeued_at=None,
        error="",
    )
