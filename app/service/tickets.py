"""Which tickets people have closed by hand: asked once a run, before anything is planned."""

import logging
from collections.abc import Mapping

from app.errors import KeystewardError
from app.ledger.interface import LedgerView
from app.model import Breaker, redact
from app.service.breaker import Gate, gate
from app.service.parts import Parts
from app.telemetry import log_fields

log = logging.getLogger(__name__)


def closed_tickets(parts: Parts, view: LedgerView) -> Mapping[str, frozenset[str]]:
    """Sink -> keys of closed tickets, for sinks that keep one of an unresolved finding."""
    found: dict[str, frozenset[str]] = {}
    if view.pause:
        return found
    for name, sink in parts.sinks.items():
        if sink.tickets and not _rests(parts, view, name) and parts.ledger.has_tickets(name):
            try:
                found[name] = sink.closed(parts.clock.now())
            except KeystewardError as error:
                log.warning("closed tickets unknown", **log_fields(sink=name, error=redact(str(error))))
            except Exception:  # a fault of the adapter must not cost the run
                log.exception("sink broke", **log_fields(sink=name))
    return found


def _rests(parts: Parts, view: LedgerView, sink: str) -> bool:
    return gate(view.breakers.get(sink) or Breaker(sink), parts.clock.now()) is Gate.SHUT
