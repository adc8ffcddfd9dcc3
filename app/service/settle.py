"""Recording what became of a message: each outcome in one transaction, fenced by the lease."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from app.errors import KeystewardError, Transient
from app.ledger.interface import Change, Lease, LedgerView
from app.model import MAYBE_SENT, Delivery, DeliveryState, Finding, redact
from app.plan.context import Context
from app.plan.notice import Notice
from app.service import backoff
from app.service.book import Book
from app.service.breaker import Breakers
from app.service.parts import Parts, Tally
from app.sinks.interface import Receipt
from app.telemetry import log_fields

log = logging.getLogger(__name__)

# With less of the lease left, a message under way could land while another replica sends already.
SEND_TIMEOUT = 10.0  # seconds, as long as a vendor may take
FRESH = 10.0  # seconds for which a frame is good enough: in a fleet of thousands it is no small thing to read


@dataclass
class Round:
    """One round of deliveries under one lease."""

    parts: Parts
    ctx: Context
    lease: Lease
    book: Book
    tally: Tally
    breakers: Breakers = field(init=False)
    postponed: list[Delivery] = field(default_factory=list)  # written together, at the round's end
    _frame: LedgerView | None = None
    _framed_at: float = 0.0

    def __post_init__(self) -> None:
        self.breakers = Breakers(self.ctx.view.breakers, self.parts.clock, self.parts.roll)

    def has_time(self) -> bool:
        """Whether enough of the lease is left to send one more message."""
        return self.lease.remaining() > SEND_TIMEOUT

    def frame(self) -> LedgerView:
        """What people have said meanwhile: snoozes and refusals, at most `FRESH` old."""
        now = self.parts.monotonic()
        if self._frame is None or now - self._framed_at >= FRESH:
            self._frame, self._framed_at = self.parts.ledger.frame(), now
        return self._frame

    def reframe(self) -> None:
        """This round has written itself what the frame tells."""
        self._frame = None


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
            settled_at=min(now, reached.at or now),
            recipient=reached.recipient or row.recipient,
            counts=counts,
            receipt=dict(reached.refs),
            error="",
        )
        for row in rows
    ]
    refs = dict(reached.refs)
    findings = [f for row in rows for f in round_.book.with_refs(row.finding_id, row.sink, refs)]
    overtaken = [dead for row in rows for dead in _overtaken(round_, row)]
    write(round_, [*settled, *overtaken], findings)
    round_.tally.told.update((notice.finding_id, notice) for notice in notices)
    round_.tally.remarks.update(dict.fromkeys(f"{rows[0].sink}: {text}" for text in reached.remarks))
    count(round_, rows, "delivered")


def _overtaken(round_: Round, row: Delivery) -> list[Delivery]:
    """Dead letters to the same effect: nobody is left in the dark any more."""
    history = round_.parts.ledger.deliveries_of(row.finding_id)
    same = (row.sink, row.episode, row.verb)
    dead = (d for d in history if d.state is DeliveryState.DEAD and not d.was_passed_on)
    moot = (d for d in dead if (d.sink, d.episode, d.verb) == same)
    return [cancelled(round_, d, f"{d.error}; a later notice was delivered") for d in moot]


def failed(round_: Round, rows: Sequence[Delivery], state: DeliveryState, error: KeystewardError) -> None:
    """``state``: what the rows are now, unless they have been tried for too long."""
    text = redact(str(error))
    settled = [_after(round_, row, state, error) for row in rows]
    write(round_, settled, [])
    dead = [row for row in settled if row.state is DeliveryState.DEAD]
    if dead:
        ids = [row.id for row in dead]
        log.error("delivery given up", **log_fields(sink=rows[0].sink, deliveries=ids, error=text))
    count(round_, dead, "dead")
    count(round_, [row for row in settled if row not in dead], "failed")
    round_.tally.undelivered[rows[0].sink, text] += len(rows)
    log.warning("delivery failed", **log_fields(sink=rows[0].sink, rows=len(rows), state=state, error=text))


def _after(round_: Round, row: Delivery, state: DeliveryState, error: KeystewardError) -> Delivery:
    now, text = round_.parts.clock.now(), redact(str(error))
    given_up = state is not DeliveryState.DEAD and backoff.is_given_up(row, now)
    if given_up:
        text = f"given up after {row.attempts} attempts: {text}"
    if given_up or state is DeliveryState.DEAD:
        lost = DeliveryState.AMBIGUOUS in (row.state, state)
        receipt = {MAYBE_SENT: "true"} if lost else {}
        return replace(row, state=DeliveryState.DEAD, settled_at=now, error=text, receipt=receipt)
    asked = error.retry_after if isinstance(error, Transient) else None
    wait = backoff.wait(row.attempts, round_.parts.roll(), asked)
    return replace(row, state=state, settled_at=None, next_attempt_at=now + wait, error=text)


def cancelled(round_: Round, row: Delivery, why: str) -> Delivery:
    now = round_.parts.clock.now()
    return replace(row, state=DeliveryState.CANCELLED, settled_at=now, error=why)


def write(
    round_: Round, rows: Sequence[Delivery], findings: Sequence[Finding], along: Change | None = None
) -> None:
    """Together with how the sink fares by now, and ``along``."""
    breakers = round_.breakers.take_changes()
    change = replace(along or Change(), deliveries=tuple(rows), findings=tuple(findings), breakers=breakers)
    if change != Change():
        round_.parts.ledger.apply(change, round_.lease)


def count(round_: Round, rows: Sequence[Delivery], outcome: str) -> None:
    if not rows:
        return
    sink = rows[0].sink
    round_.parts.counts.add("deliveries_total", len(rows), sink=sink, outcome=outcome)
    (round_.tally.delivered if outcome == "delivered" else round_.tally.failed)[sink] += len(rows)
