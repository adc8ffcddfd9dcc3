"""What claiming and putting back do to a delivery: the same in every ledger."""

from dataclasses import replace
from datetime import datetime

from app.ledger.interface import Lease
from app.model import MAYBE_SENT, Delivery, DeliveryState

CLAIMABLE = frozenset({DeliveryState.PENDING, DeliveryState.FAILED, DeliveryState.AMBIGUOUS})


def claimed(row: Delivery, message_id: str, lease: Lease) -> Delivery:
    """An ambiguous row keeps its message's id: that is what it is looked for by."""
    kept = row.message_id if row.state is DeliveryState.AMBIGUOUS else ""
    return replace(
        row,
        state=DeliveryState.CLAIMED,
        epoch=lease.epoch,
        attempts=row.attempts + 1,
        message_id=kept or message_id,
    )


def requeued(row: Delivery, at: datetime) -> Delivery:
    """What may have arrived is looked for before it is sent again."""
    lost = MAYBE_SENT in row.receipt
    return replace(
        row,
        state=DeliveryState.AMBIGUOUS if lost else DeliveryState.PENDING,
        attempts=0,
        next_attempt_at=at,
        requeued_at=at,
        settled_at=None,
        receipt={},
    )
