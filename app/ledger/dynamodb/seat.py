"""The right to act, in the head: whoever has lost it writes nothing, as the same item says what is true."""

from dataclasses import dataclass

from app.errors import LedgerError, NoLedger
from app.ledger.dynamodb.faults import Refused
from app.ledger.dynamodb.items import number
from app.ledger.dynamodb.journal import HEAD, UNFINISHED
from app.ledger.dynamodb.table import Table

FREE = "beat = :seen AND attribute_not_exists(importing)"  # an import may have begun since that was seen


@dataclass(frozen=True)
class Chair:
    """`Seat` of `app/ledger/tenure.py`."""

    table: Table

    def beat(self) -> str:
        found = self.table.get(HEAD)
        if found is None:
            raise NoLedger("the table holds no ledger any more: restore it")
        if "importing" in found:
            raise LedgerError(UNFINISHED)
        beat: str = found["beat"]["S"]
        return beat

    def take(self, seen: str, beat: str, holder: str) -> int | None:
        """From here on every change under an older epoch is refused, also one that is on its way."""
        change = "SET beat = :beat, holder = :holder, epoch = epoch + :one"
        values = {":beat": {"S": beat}, ":holder": {"S": holder}, ":seen": {"S": seen}, ":one": number(1)}
        try:
            taken = self.table.update(HEAD, change, FREE, values)
        except Refused:
            return self._epoch_of(beat)
        return int(taken["epoch"]["N"])

    def renew(self, epoch: int, beat: str) -> bool:
        values = {":beat": {"S": beat}, ":epoch": number(epoch)}
        try:
            self.table.update(HEAD, "SET beat = :beat", "epoch = :epoch", values)
        except Refused:
            return False
        return True

    def _epoch_of(self, beat: str) -> int | None:
        """Not None: it was our own request that came first, and its answer was lost."""
        found = self.table.get(HEAD)
        return int(found["epoch"]["N"]) if found and found["beat"]["S"] == beat else None
