"""Whether the audit trail is what was written: read whole once a day, for page, metrics and log."""

import logging
from datetime import timedelta

from app.ledger.verify import verify
from app.service.parts import Parts
from app.sinks.snapshot import TrailRow
from app.telemetry import log_fields

log = logging.getLogger(__name__)

READ_EVERY = timedelta(days=1)
SHOWN_BREAKS = 8


def read_trail(parts: Parts) -> TrailRow:
    """Beside runs, which may write to it meanwhile. Raises `LedgerError`."""
    verdict = verify(parts.ledger)
    breaks = tuple(one.text for one in verdict.breaks[:SHOWN_BREAKS])
    if breaks:
        known = log_fields(breaks=breaks, events=verdict.events)
        log.error("the audit trail is not what was written", **known)
    return TrailRow(parts.clock.now(), verdict.events, breaks)
