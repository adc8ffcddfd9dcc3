"""The ledger as of one change, while others write."""

from collections.abc import Iterable, Iterator, Sequence

from app.ledger.dynamodb.items import Item, Key
from app.ledger.dynamodb.pages import Rows, gathered, part_key
from app.ledger.dynamodb.table import Table
from app.ledger.dynamodb.waits import Again


class Snapshot:
    """What is in the table, under what is true but not filed yet (``pending``).

    No item in it is of a change after ``seq``. So none that such a change has touched was read, and what
    was read belongs together, without a second look at the head: items are put, and never deleted.
    """

    def __init__(self, table: Table, seq: int, pending: Sequence[Item] = ()) -> None:
        self.seq = seq
        self._table = table
        self._pending = {item.key: item for item in pending}

    def pages(self, keys: Iterable[Key]) -> dict[Key, Rows]:
        """Those that are there. Raises `Again`."""
        firsts = list(self._items(keys))
        rest = [part_key(first.key, n) for first in firsts for n in range(1, first.parts)]
        return gathered([*firsts, *self._items(rest)])

    def partition(self, pk: str, *, since: str = "", appended: bool = False) -> dict[str, Rows]:
        """All pages with this partition key, by their sort keys, in order. Raises `Again`.

        ``appended``: pages there are never written again, so younger ones can be left out.
        """
        found = {item.key: item for item in self._known(self._table.partition(pk, since), appended)}
        found |= {key: item for key, item in self._pending.items() if key[0] == pk and item.latest >= since}
        return {key[1]: rows for key, rows in gathered(found[key] for key in sorted(found)).items()}

    def _items(self, keys: Iterable[Key]) -> Iterator[Item]:
        wanted = set(keys)
        yield from (self._pending[key] for key in wanted & self._pending.keys())
        yield from self._known(self._table.items(wanted - self._pending.keys()))

    def _known(self, items: Iterable[Item], may_skip: bool = False) -> Iterator[Item]:
        for item in items:
            if item.seq <= self.seq:
                yield item
            elif not may_skip:
                raise Again
