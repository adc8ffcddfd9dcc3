"""Claim, send, record: how notices leave the house.

A row is claimed before it is sent and settled after: a crash in between may repeat a notice, but
never loses one. One failure stays with its message.
"""

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from app.errors import (
    Ambiguous,
    KeystewardError,
    Permanent,
    RecipientLeft,
    RecipientUnreachable,
    Transient,
)
from app.ledger.interface import Change, Lease
from app.model import UNDELIVERED, Delivery, DeliveryState, Finding, Refusal, Verb, redact
from app.plan.conceal import conceal
from app.plan.context import Context
from app.plan.notice import Notice
from app.service.book import Book
from app.service.parts import Parts, Tally
from app.sinks.interface import Message, Receipt, Sink
from app.telemetry import log_fields

log = logging.getLogger(__name__)

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=1)
URGENCIES = ("critical", "warning", "info")


@dataclass
class Round:
    """One round of deliveries under one lease."""

    parts: Parts
    ctx: Context
    lease: Lease
    book: Book
    tally: Tally


def deliver(round_: Round, ids: Iterable[str]) -> None:
    """Sends the rows of ``ids``: tickets first, so that the chat can point at them."""
    waiting = list(dict.fromkeys(ids))
    while waiting and not round_.parts.stop.is_set():
        rows = [row for i in waiting if (row := round_.parts.ledger.delivery(i))]
        waiting = []
        for group in _groups(round_, rows):
            if round_.parts.stop.is_set():
                return
            if not _closes_too_early(round_, group[0]):
                waiting += _send_group(round_, group)


def _groups(round_: Round, rows: Sequence[Delivery]) -> list[list[Delivery]]:
    """Rows that travel as one message, as their sink groups them."""
    groups: dict[tuple[str, ...], list[Delivery]] = {}
    for row in rows:
        sink = round_.parts.sinks.get(row.sink)
        if sink is None:
            log.warning("sink is not configured any more", **log_fields(sink=row.sink))
            continue
        groups.setdefault(_group_key(sink, row), []).append(row)
    return sorted(groups.values(), key=lambda group: not round_.parts.sinks[group[0].sink].tickets)


def _group_key(sink: Sink, row: Delivery) -> tuple[str, ...]:
    if sink.grouping == "finding" or row.verb is Verb.RESOLVE:
        return (row.sink, row.id)
    earlier = row.message_id if row.state is DeliveryState.AMBIGUOUS else ""
    if sink.grouping == "account":
        return (row.sink, str(row.payload.get("account_id", "")), row.route, earlier)
    return (row.sink, row.recipient, row.route, earlier)


def _send_group(round_: Round, group: list[Delivery]) -> list[str]:
    """Claims, sends and settles one message; returns the ids of rows that it gave rise to."""
    claimed = round_.parts.ledger.claim([row.id for row in group], uuid.uuid4().hex, round_.lease)
    if not claimed:
        return []
    sink = round_.parts.sinks[claimed[0].sink]
    try:
        sent = sorted((_notice(round_, row) for row in claimed), key=_worst_first)
        receipt = _send(round_, sink, claimed, sent)
    except RecipientUnreachable as error:
        return _elsewhere(round_, claimed, error)
    except Permanent as error:
        _failed(round_, claimed, DeliveryState.DEAD, error)
    except Ambiguous as error:
        _failed(round_, claimed, DeliveryState.AMBIGUOUS, error)
    except KeystewardError as error:
        _failed(round_, claimed, _undecided(claimed), error)
    except Exception as error:
        # A fault of the adapter: it may have sent before it broke.
        log.exception("sink broke", **log_fields(sink=sink.name))
        _failed(round_, claimed, DeliveryState.AMBIGUOUS, Transient(type(error).__name__))
    else:
        _delivered(round_, claimed, receipt, sent)
    return []


def _closes_too_early(round_: Round, row: Delivery) -> bool:
    """Whether a ticket that is to be closed has yet to be told something: said later, it would reopen it."""
    if row.verb is not Verb.RESOLVE:
        return False
    rows = round_.parts.ledger.deliveries_of(row.finding_id)
    notices = (d for d in rows if (d.sink, d.episode, d.verb) == (row.sink, row.episode, Verb.NOTIFY))
    return any(d.state in UNDELIVERED for d in notices)


def _undecided(rows: Sequence[Delivery]) -> DeliveryState:
    """What may have arrived before still may have: only an answer to the looking settles it."""
    lost = any(row.state is DeliveryState.AMBIGUOUS for row in rows)
    return DeliveryState.AMBIGUOUS if lost else DeliveryState.FAILED


def _send(round_: Round, sink: Sink, rows: Sequence[Delivery], notices: Sequence[Notice]) -> Receipt | None:
    now = round_.parts.clock.now()
    first = rows[0]
    if first.verb is Verb.RESOLVE:
        return sink.resolve(notices[0], now)
    message = Message(
        id=first.message_id,
        recipient=first.recipient,
        notices=tuple(notices),
        now=now,
        is_fallback=first.route == "fallback",
        maybe_sent=any(row.state is DeliveryState.AMBIGUOUS for row in rows),
    )
    return sink.send(message)


def _notice(round_: Round, row: Delivery) -> Notice:
    """The stored notice with what is known by now: the sink's references and the ticket."""
    notice = Notice.from_json(_redacted(row.payload))
    finding = round_.book.get(row.finding_id)
    refs = finding.refs if finding else {}
    ticket = finding.ticket if finding else ""
    mine = refs.get(row.sink, {})
    closes = row.verb is Verb.RESOLVE  # only then does it matter who else is on the ticket
    siblings = round_.book.siblings(row.finding_id, row.sink, mine.get("key", "")) if closes else 0
    known = replace(notice, refs=mine, ticket=ticket or notice.ticket, siblings=siblings)
    return conceal(known, round_.parts.shown_characters)


def _redacted(value: Any) -> Any:
    """User names and tags are other people's text: no key id slips out through them."""
    if isinstance(value, Mapping):
        return {key: _redacted(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(inner) for inner in value]
    return redact(value) if isinstance(value, str) else value


def _worst_first(notice: Notice) -> tuple[int, str, str]:
    at = notice.act_at.isoformat() if notice.act_at else "9"
    return (URGENCIES.index(notice.urgency), at, notice.finding_id)


def _delivered(
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
    _write(round_, settled, findings)
    round_.tally.told.update((notice.finding_id, notice) for notice in notices)
    round_.tally.remarks.update(dict.fromkeys(f"{rows[0].sink}: {text}" for text in reached.remarks))
    _count(round_, rows, "delivered")


def _failed(round_: Round, rows: Sequence[Delivery], state: DeliveryState, error: KeystewardError) -> None:
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
    _write(round_, settled, [])
    _count(round_, rows, "dead" if dead else "failed")
    round_.tally.undelivered[rows[0].sink, text] += len(rows)
    log.warning("delivery failed", **log_fields(sink=rows[0].sink, rows=len(rows), state=state, error=text))


def backoff(attempts: int) -> timedelta:
    """Doubling from a minute to an hour. Jitter is the cycle's own: rows are tried by runs, not timers."""
    return min(LONGEST_RETRY, FIRST_RETRY * (1 << min(max(0, attempts - 1), 10)))


def _elsewhere(round_: Round, rows: Sequence[Delivery], error: RecipientUnreachable) -> list[str]:
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
    handed = {row.id: _handed_over(row, gone) if row.recipient == gone.address else None for row in rows}
    next_up = [row for row in handed.values() if row]
    _write(round_, next_up, [])
    _count(round_, rows, "unreachable")
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
        _failed(round_, rows, DeliveryState.DEAD, error)
        return []
    now, text = round_.parts.clock.now(), redact(str(error))
    instead_of = {"instead": fallback}
    dead = [
        replace(r, state=DeliveryState.DEAD, settled_at=now, error=text, receipt=instead_of) for r in rows
    ]
    instead = [_to_fallback(row, fallback, now) for row in rows]
    _write(round_, [*dead, *instead], [])
    _count(round_, rows, "unreachable")
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
        error="",
    )


def _write(round_: Round, rows: Sequence[Delivery], findings: Sequence[Finding]) -> None:
    change = Change(deliveries=tuple(rows), findings=tuple(findings))
    round_.parts.ledger.apply(change, round_.lease)
    round_.book.wrote(findings)


def _count(round_: Round, rows: Sequence[Delivery], outcome: str) -> None:
    sink = rows[0].sink
    round_.parts.counts.add("deliveries_total", len(rows), sink=sink, outcome=outcome)
    (round_.tally.delivered if outcome == "delivered" else round_.tally.failed)[sink] += len(rows)
