"""Claim, send, record: how notices leave the house.

A row is claimed before it is sent and settled after: a crash in between may repeat a notice, but
never loses one. One failure stays with its message.
"""

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from app.errors import (
    Ambiguous,
    KeystewardError,
    LedgerError,
    Paused,
    PausedMeanwhile,
    Permanent,
    RecipientUnreachable,
    StaleLease,
    Transient,
)
from app.ledger.claims import CLAIMABLE
from app.model import Delivery, DeliveryState, Verb, redact
from app.plan.conceal import conceal
from app.plan.notice import Notice
from app.service.breaker import Gate
from app.service.elsewhere import elsewhere
from app.service.pause import sending_under
from app.service.settle import Round, delivered, failed, write
from app.service.turn import in_turn, postpone, put_off
from app.sinks.interface import Message, Receipt, Sink
from app.telemetry import log_fields

log = logging.getLogger(__name__)

TOO_LATE = "too little of the lease is left to send it"
HOPELESS = 2  # findings of a refused message that fail alone, too, before the others are given up
URGENCIES = ("critical", "warning", "info")
LONG_AGO = datetime.min.replace(tzinfo=UTC)


def deliver(round_: Round, ids: Iterable[str]) -> None:
    """Sends the rows of ``ids``: tickets first, so that the chat can point at them.

    What can't go now (its wait, its sink's rest, an earlier notice) is left for later.
    """
    waiting = list(dict.fromkeys(ids))
    while waiting and not round_.parts.stop.is_set():
        rows = [row for i in waiting if (row := round_.parts.ledger.delivery(i))]
        waiting = []
        for group in _groups(round_, rows):
            if round_.parts.stop.is_set():
                break
            waiting += _send_group(round_, group) if round_.has_time() else _too_late(round_, group)
    postpone(round_)


def _too_late(round_: Round, group: Sequence[Delivery]) -> list[str]:
    for row in group:
        if row.state in CLAIMABLE:
            put_off(round_, row, round_.parts.clock.now(), TOO_LATE)
    return []


def _groups(round_: Round, rows: Sequence[Delivery]) -> list[list[Delivery]]:
    """Rows that travel as one message, as their sink groups them."""
    groups: dict[tuple[str, ...], list[Delivery]] = {}
    for row in rows:
        sink = round_.parts.sinks.get(row.sink)
        if sink is None:
            log.warning("sink is not configured any more", **log_fields(sink=row.sink))
            continue
        groups.setdefault(_group_key(sink, row), []).append(row)
    return sorted(groups.values(), key=lambda group: _rank(round_, group))


def _rank(round_: Round, group: Sequence[Delivery]) -> tuple[bool, bool, datetime]:
    """A sink's probe is never the same message twice in a row while there are others: it may be the one
    that the sink breaks on. Nor is it one that may have arrived, while there are others."""
    first, sink = group[0], round_.parts.sinks[group[0].sink]
    if round_.breakers.gate(sink.name) is not Gate.PROBE:
        return (not sink.tickets, False, LONG_AGO)
    return (not sink.tickets, first.state is DeliveryState.AMBIGUOUS, first.next_attempt_at or LONG_AGO)


def _group_key(sink: Sink, row: Delivery) -> tuple[str, ...]:
    if sink.grouping == "finding" or row.verb is Verb.RESOLVE:
        return (row.sink, row.id)
    earlier = row.message_id if row.state is DeliveryState.AMBIGUOUS else ""
    if sink.grouping == "account":
        return (row.sink, str(row.payload.get("account_id", "")), row.route, earlier)
    return (row.sink, row.recipient, row.route, earlier)


def _send_group(round_: Round, group: Sequence[Delivery]) -> list[str]:
    """Claims, sends and settles one message; returns the ids of rows that it gave rise to."""
    ids = [row.id for row in in_turn(round_, group)]
    claimed = round_.parts.ledger.claim(ids, uuid.uuid4().hex, round_.lease) if ids else ()
    whole = [(row, notice) for row in claimed if (notice := _notice(round_, row))]
    if not whole:
        return []
    rows = [row for row, _ in whole]
    return _settle(round_, rows, sorted((notice for _, notice in whole), key=_worst_first))


def _settle(round_: Round, rows: Sequence[Delivery], notices: Sequence[Notice]) -> list[str]:
    """Sends claimed rows as one message. Whatever the sink does, each of them ends in a state."""
    sink = round_.parts.sinks[rows[0].sink]
    probed = round_.breakers.gate(sink.name) is Gate.PROBE
    try:
        receipt = _send(round_, sink, rows, notices)
    except PausedMeanwhile as why:
        return _not_left(round_, rows, why)
    except LedgerError as error:
        return _left(round_, rows, error)
    except Permanent as error:
        return _refused(round_, rows, error)
    except Exception as error:
        return _unsent(round_, _untried(rows) if probed else rows, error)
    round_.breakers.answered(sink.name)
    delivered(round_, rows, receipt, notices)
    return []


def _left(round_: Round, rows: Sequence[Delivery], error: LedgerError) -> list[str]:
    """None of the sink's doing, nor the message's. When the ledger failed a part may have left: whoever comes
    next looks for it."""
    if not isinstance(error, StaleLease):
        raise error
    return _not_left(round_, rows, error)


def _not_left(round_: Round, rows: Sequence[Delivery], why: KeystewardError) -> list[str]:
    """After a pause a run goes on with it; what only lacked time is tried again soon. Raises `Paused`."""
    back = _put_back(round_, rows)
    if round_.parts.ledger.paused():
        raise Paused(str(why)) from None
    for row in back:
        put_off(round_, row, round_.parts.clock.now(), str(why))
    return []


def _refused(round_: Round, rows: Sequence[Delivery], error: Permanent) -> list[str]:
    round_.breakers.answered(rows[0].sink)
    if isinstance(error, RecipientUnreachable):
        return elsewhere(round_, rows, error)
    return _each_alone(round_, rows, error)


def _unsent(round_: Round, rows: Sequence[Delivery], error: Exception) -> list[str]:
    sink = rows[0].sink
    if not isinstance(error, KeystewardError):
        log.exception("sink broke", **log_fields(sink=sink))
        return _broken(round_, rows, Transient(type(error).__name__))
    if not round_.parts.ledger.paused():  # else that may be why it has only left in part
        round_.breakers.failed(sink, error)
    failed(round_, rows, _state_after(rows, error), error)
    return []


def _untried(rows: Sequence[Delivery]) -> Sequence[Delivery]:
    """An attempt that only found its sink still down is none of the message's: no outage uses them up."""
    return [replace(row, attempts=row.attempts - 1) for row in rows]


def _state_after(rows: Sequence[Delivery], error: KeystewardError) -> DeliveryState:
    """What may have arrived before still may have: only an answer to the looking settles it. Where nobody can
    look, it is sent once more and no oftener."""
    lost = any(row.state is DeliveryState.AMBIGUOUS for row in rows)
    if isinstance(error, Ambiguous):
        return DeliveryState.DEAD if lost and not error.findable else DeliveryState.AMBIGUOUS
    return DeliveryState.AMBIGUOUS if lost else DeliveryState.FAILED


def _broken(round_: Round, rows: Sequence[Delivery], error: Transient) -> list[str]:
    """A fault of the adapter: it may have sent before it broke. If it breaks again, it is on one of these."""
    round_.breakers.failed(rows[0].sink, error)
    if len(rows) > 1 and all(row.state is DeliveryState.AMBIGUOUS for row in rows):
        return _each_alone(round_, rows, error)
    failed(round_, rows, DeliveryState.AMBIGUOUS, error)
    return []


def _put_back(round_: Round, claimed: Sequence[Delivery]) -> Sequence[Delivery]:
    """As they were before the claim: nothing of them has left. (What has in part is ambiguous.)"""
    back = _untried(claimed)
    write(round_, back, [])
    return back


def _each_alone(round_: Round, rows: Sequence[Delivery], error: KeystewardError) -> list[str]:
    """A message that can't be sent whole is sent finding by finding, so that one fault costs one of them.

    When the first two fail as well, the fault is not theirs: the rest isn't tried.
    """
    if len(rows) == 1:
        failed(round_, rows, DeliveryState.DEAD, error)
        return []
    alone = [_alone(row) for row in rows]
    write(round_, alone, [])
    more: list[str] = []
    for number, row in enumerate(alone):
        if number == HOPELESS and all(_is_dead(round_, tried) for tried in alone[:number]):
            failed(round_, alone[number:], DeliveryState.DEAD, error)
            break
        more += _send_group(round_, [row])
    return more


def _alone(row: Delivery) -> Delivery:
    """What may have arrived is looked for by the message that it was in."""
    lost = row.state is DeliveryState.AMBIGUOUS
    return row if lost else replace(row, state=DeliveryState.PENDING, message_id="")


def _is_dead(round_: Round, row: Delivery) -> bool:
    now = round_.parts.ledger.delivery(row.id)
    return now is not None and now.state is DeliveryState.DEAD


def _send(round_: Round, sink: Sink, rows: Sequence[Delivery], notices: Sequence[Notice]) -> Receipt | None:
    now = round_.parts.clock.now()
    first = rows[0]
    if not round_.has_time():
        raise StaleLease(TOO_LATE)
    if first.verb is Verb.RESOLVE:
        with sending_under(round_.lease):
            return sink.resolve(notices[0], now)
    message = Message(
        id=first.message_id,
        recipient=first.recipient,
        notices=tuple(notices),
        now=now,
        is_fallback=first.route == "fallback",
        maybe_sent=any(row.state is DeliveryState.AMBIGUOUS for row in rows),
    )
    with sending_under(round_.lease):
        return sink.send(message)


def _notice(round_: Round, row: Delivery) -> Notice | None:
    """What the row says, with what is known by now. One that can't be read costs nobody else theirs."""
    try:
        notice = Notice.from_json(_redacted(row.payload))
    except (KeyError, TypeError, ValueError) as error:
        fault = Permanent(f"the stored notice can't be read: {type(error).__name__}")
        failed(round_, [row], DeliveryState.DEAD, fault)
        return None
    return _as_of_now(round_, row, notice)


def _as_of_now(round_: Round, row: Delivery, notice: Notice) -> Notice:
    """With the sink's references and the ticket."""
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
