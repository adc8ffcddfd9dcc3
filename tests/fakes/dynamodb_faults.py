"""What happens to a process between it and its table, at one request of its own choosing."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from app.errors import LedgerError
from app.ledger.dynamodb.address import Address
from app.ledger.dynamodb.faults import Fault, Refused
from app.ledger.dynamodb.ledger import ledger_over
from app.ledger.dynamodb.waits import Waits
from app.ledger.dynamodb.wire import Wire
from app.ledger.interface import Ledger

Answer = Mapping[str, Any]
Send = Callable[[], Answer]
Happening = Callable[[Send], Answer]
ADDRESS = Address("ledger", audit_days=400)


class Death(BaseException):
    """The process is no more: nothing of it may catch this."""


@dataclass
class Line:
    """`Wire` of one process. `arm` has something happen at one of its requests."""

    table: Wire
    sent: int = 0
    _at: int | None = None
    _happens: Happening = field(default=lambda send: send())
    _lasts: bool = False

    def arm(self, at: int, happens: Happening, lasts: bool = False) -> None:
        """At request number ``at`` from now on, from 0; with ``lasts`` at each one after it too."""
        self.sent, self._at, self._happens, self._lasts = 0, at, happens, lasts

    def mend(self) -> None:
        self._at = None

    def call(self, operation: str, **params: object) -> Answer:
        number, self.sent = self.sent, self.sent + 1
        send = partial(self.table.call, operation, **params)
        hit = self._at is not None and (number == self._at or (self._lasts and number > self._at))
        return self._happens(send) if hit else send()


def process(line: Wire) -> Ledger:
    """One that sends a request at a time, in an order that repeats itself, and waits for nothing."""
    waits = Waits(sleep=lambda seconds: None, random=lambda: 0.0)
    return ledger_over(line, ADDRESS, waits=waits, workers=1)


def dies(send: Send) -> Answer:
    raise Death


def answer_is_lost(send: Send) -> Answer:
    with suppress(Refused):
        send()
    raise LedgerError("the ledger (the table ledger) gave no clear answer (ReadTimeoutError)")


def sdk_repeats_it(send: Send) -> Answer:
    """The first answer was lost on the way."""
    with suppress(Refused):
        send()
    return send()


def throttled(send: Send) -> Answer:
    raise Fault("the ledger (the table ledger) is throttled", "ProvisionedThroughputExceededException")


@dataclass
class Late:
    """The request lands when nobody waits for it any more."""

    held: list[Send] = field(default_factory=list)

    def __call__(self, send: Send) -> Answer:
        self.held.append(send)
        raise LedgerError("the ledger (the table ledger) gave no clear answer (ReadTimeoutError)")

    def land(self) -> None:
        for send in self.held:
            with suppress(Refused):
                send()
        self.held.clear()


def meanwhile(table: Wire, does: Callable[[Ledger], object]) -> Happening:
    """Another process does this first, from its beginning to its end or its death."""

    def happens(send: Send) -> Answer:
        does(process(table))
        return send()

    return happens
