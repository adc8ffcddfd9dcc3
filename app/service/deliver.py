"""Claim, send, record: how notices leave the house.

A row is claimed before it is sent and settled after: a crash in between may repeat a notice, but
never loses one. One failure stays with its message.
"""

import logging
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.errors import (
    Ambiguous,
    KeystewardError,
    Paused,
    PausedMeanwhile,
    Permanent,
    RecipientUnreachable,
    Transient,
)
from app.model import UNDELIVERED, Delivery, DeliveryState, Verb, redact
from app.plan.conceal import conceal
from app.plan.notice import Notice
from app.service.elsewhere import elsewhere
from app.service.settle import Round, delivered, failed, write
from app.sinks.interface import Message, Receipt, Sink
from app.telemetry import log_fields

log = logging.getLogger(__name__)

HOPELESS = 2  # findings of a refused message that fail alone, too, before the others are given up
URGENCIES = ("critical", "warning", "info")


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
    except PausedMeanwhile as pause:
        _put_back(round_, claimed)
        raise Paused(str(pause)) from None
    except RecipientUnreachable as error:
        return elsewhere(round_, claimed, error)
    except Permanent as error:
        return _each_alone(round_, claimed, error)
    except KeystewardError as error:
        failed(round_, claimed, _undecided(claimed, error), error)
    except Exception as error:
        # A fault of the adapter: it may have sent before it broke.
        log.exception("sink broke", **log_fields(sink=sink.name))
        failed(round_, claimed, DeliveryState.AMBIGUOUS, Transient(type(error).__name__))
    else:
        delivered(round_, claimed, receipt, sent)
    return []


def _put_back(round_: Round, claimed: Sequence[Delivery]) -> None:
    """As they were before the claim: nothing of them has left. (What has in part is ambiguous.)"""
    write(round_, [replace(row, attempts=row.attempts - 1) for row in claimed], [])


def _each_alone(round_: Round, rows: Sequence[Delivery], error: KeystewardError) -> list[str]:
    """A message that can't be sent whole is sent finding by finding, so that one fault costs one of them.

    When the first two fail as well, the fault is not theirs: the rest isn't tried.
    """
    if len(rows) == 1:
        failed(round_, rows, DeliveryState.DEAD, error)
        return []
    write(round_, [replace(row, state=DeliveryState.PENDING, message_id="") for row in rows], [])
    more: list[str] = []
    for number, row in enumerate(rows):
        if number == HOPELESS and all(_is_dead(round_, tried) for tried in rows[:number]):
            failed(round_, rows[number:], DeliveryState.DEAD, error)
            break
        more += _send_group(round_, [row])
    return more


def _is_dead(round_: Round, row: Delivery) -> bool:
    now = round_.parts.ledger.delivery(row.id)
    return now is not None and now.state is DeliveryState.DEAD


def _closes_too_early(round_: Round, row: Delivery) -> bool:
    """Whether a ticket that is to be closed has yet to be told something: said later, it would reopen it."""
    if row.verb is not Verb.RESOLVE:
        return False
    rows = round_.parts.ledger.deliveries_of(row.finding_id)
    notices = (d for d in rows if (d.sink, d.episode, d.verb) == (row.sink, row.episode, Verb.NOTIFY))
    return any(d.state in UNDELIVERED for d in notices)


def _undecided(rows: Sequence[Delivery], error: KeystewardError) -> DeliveryState:
    """What may have arrived before still may have: only an answer to the looking settles it."""
    lost = isinstance(error, Ambiguous) or any(row.state is DeliveryState.AMBIGUOUS for row in rows)
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
