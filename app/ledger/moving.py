"""A whole ledger as rows, to be moved into another: what there is to move, in which order, and as JSON."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby, islice
from typing import Any, Final

from pydantic import Base64Bytes

from app.ledger import rows
from app.ledger.chain import Ends, Sealed
from app.ledger.interface import Dump as Dump
from app.ledger.interface import Row as Row
from app.ledger.rows import Codec
from app.model import KeptReport
from app.plan.record import Change

BATCH = 500  # rows written at once
NOT_EMPTY = "the ledger is not empty: import into a new one, that nobody has used before"


@dataclass(frozen=True, slots=True)
class _Report:
    account_id: str
    kept_at: datetime
    made_at: datetime
    content: Base64Bytes


class _ReportCodec(Codec[Any]):
    """Its content is bytes, which JSON has none of."""

    def __init__(self) -> None:
        super().__init__(_Report)

    def dump(self, value: KeptReport) -> str:
        return super().dump(_Report(**asdict(value)))

    def load(self, body: str) -> KeptReport:
        return KeptReport(**asdict(super().load(body)))


# In the order in which they are dumped. Deliveries, runs and events follow each other as they came, the
# others by key. Of what there is one at a time (`epoch` to `canary`, `chain`) there may be none.
CODECS: Final[Mapping[str, Codec[Any]]] = {
    "epoch": Codec(int),
    "rehearsal": Codec(datetime),
    "pause": rows.PAUSE,
    "canary": rows.TRIAL,
    "accounts": rows.ACCOUNT,
    "users": rows.USER,
    "reports": _ReportCodec(),
    "facts": rows.FACTS,
    "findings": rows.FINDING,
    "deliveries": rows.DELIVERY,
    "snoozes": rows.SNOOZE,
    "refusals": rows.REFUSAL,
    "held_plans": rows.HELD_PLAN,
    "approvals": rows.APPROVAL,
    "holds": rows.HOLD,
    "breakers": rows.BREAKER,
    "runs": rows.RUN,
    "copies": rows.COPY,
    "events": Codec(Sealed),
    "chain": Codec(Ends),
}
# What a `Change` writes just as it is dumped.
PARTS: Final = (
    "accounts",
    "users",
    "reports",
    "facts",
    "deliveries",
    "snoozes",
    "refusals",
    "held_plans",
    "approvals",
    "holds",
    "breakers",
    "copies",
)


def change_of(kind: str, values: Iterable[Any]) -> Change:
    """``kind`` is one of `PARTS`."""
    part: dict[str, Any] = {kind: tuple(values)}
    return Change(**part)


def batches(dumped: Iterable[Row]) -> Iterator[tuple[str, list[Any]]]:
    """The values of rows of one kind that follow each other, some at a time."""
    for kind, group in groupby(dumped, key=lambda row: row.kind):
        values = (row.value for row in group)
        while batch := list(islice(values, BATCH)):
            yield kind, batch
