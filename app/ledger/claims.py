"""What claiming does to a delivery: the same in every ledger."""

from dataclasses import replace

from app.ledger.interface import Lease
from app.model import Delivery, DeliveryState

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
