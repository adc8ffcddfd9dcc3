"""Recording what became of a message: each outcome in one transaction, fenced by the lease."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from app.errors import KeystewardError, Transient
from app.ledger.interface import Change, Lease
from app.model import Delivery, DeliveryState, Finding, redact
from app.plan.context import Context
from app.plan.notice import Notice
from app.service.book import Book
from app.service.parts import Parts, Tally
from app.sinks.interface import Receipt
from app.telemetry import log_fields

log = logging.getLogger(__name__)

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=1)


@dataclass
class Round:
    """One round of deliveries under one lease."""

    parts: Parts
    ctx: Context
    lease: Lease
    book: Book
    tally: Tally


def delivered(
    round_: Round, rows: Sequence[Delivery], receipt: Receipt | None, notices: Sequence[Notice]
) -> None:
    now = round_.parts.clock.now()
    reached = receipt or Receipt(rows[0].recipient, counts=False)
    # Under a wrong clock neither its date nor the day of its delivery is true: it warns, but never counts.
    counts = reached.counts and round_.parts.wrong_by() is None
    settled = [
        replace(
            row,
            state=DeliveryState.DELIVERED,
            settled_at=now,
            recipient=reached.recipient or row.recipient,
            counts=counts,
            receipt=dict(reached.refs),
            error="",
        )
        for row in rows
    ]
    refs = dict(reached.refs)
    findings = [f for row in rows for f in round_.book.with_refs(row.finding_id, row.sink, refs)]
    write(round_, settled, findings)
    round_.tally.told.update((notice.finding_id, notice) for notice in notices)
    round_.tally.remarks.update(dict.fromkeys(f"{rows[0].sink}: {text}" for text in reached.remarks))
    count(round_, rows, "delivered")


def failed(round_: Round, rows: Sequence[Delivery], state: DeliveryState, error: KeystewardError) -> None:
    now = round_.parts.clock.now()
    text = redact(str(error))
    asked = error.retry_after if isinstance(error, Transient) else None
    dead = state is DeliveryState.DEAD
    settled = [
        replace(
            row,
            state=state,
            settled_at=now if dead else None,
            next_attempt_at=None if dead else now + max(asked or timedelta(0), backoff(row.attempts)),
            error=text,
        )
        for row in rows
    ]
    write(round_, settled, [])
    count(round_, rows, "dead" if dead else "failed")
    round_.tally.undelivered[rows[0].sink, text] += len(rows)
    log.warning("delivery failed", **log_fields(sink=rows[0].sink, rows=len(rows), state=state, error=text))


def backoff(attempts: int) -> timedelta:
    """Doubling from a minute to an hour. Jitter is the cycle's own: rows are tried by runs, not timers."""
    return min(LONGEST_RETRY, FIRST_RETRY * (1 << min(max(0, attempts - 1), 10)))


def write(round_: Round, rows: Sequence[Delivery], findings: Sequence[Finding]) -> None:
    change = Change(deliveries=tuple(rows), findings=tuple(findings))
    round_.parts.ledger.apply(change, round_.lease)


def count(round_: Round, rows: Sequence[Delivery], outcome: str) -> None:
    sink = rows[0].sink
    round_.parts.counts.add("deliveries_total", len(rows), sink=sink, outcome=outcome)
    (round_.tally.delivered if outcome == "delivered" else round_.tally.failed)[sink] += len(rows)
