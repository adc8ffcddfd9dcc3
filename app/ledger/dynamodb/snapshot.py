"""The ledger as of one change, while others write."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby

from app.ledger.dynamodb.items import Item, Key
from app.ledger.dynamodb.pages import MARK, Rows, gathered, join, page_key, part_key
from app.ledger.dynamodb.table import Table
from app.ledger.dynamodb.waits import Again

WALKED = 200  # items an answer: whoever walks may stop soon


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

    def partition(self, pk: str) -> dict[str, Rows]:
        """All pages with this partition key, by their sort keys, in order. Raises `Again`."""
        found = {item.key: item for item in self._known(self._table.span(pk))}
        found |= {key: item for key, item in self._pending.items() if key[0] == pk}
        return {key[1]: rows for key, rows in gathered(found[key] for key in sorted(found)).items()}

    # --- pages that are written once, each behind those before it ---

    def walk(self, pk: str, start: str, since: str = "") -> Iterator[tuple[str, Rows]]:
        """Pages by their sort keys from ``start`` on, each read when it is asked for.

        ``since``: only those whose ``latest`` is not before it. Younger ones than this snapshot are left out:
        nothing that was there before them has changed.
        """
        stored = (item for item in self._table.span(pk, start, since, WALKED) if self._is_filed(item))
        pending = sorted(key for key in self._pending if key[0] == pk and key[1] >= start)
        unfiled = (item for key in pending if (item := self._pending[key]).latest >= since)
        for (_, sk), parts in groupby(chain(stored, unfiled), key=lambda item: page_key(item.key)):
            yield sk, join(list(parts))

    def page_of(self, pk: str, sk: str) -> str:
        """The sort key of the page that ``sk`` falls into: the last that isn't behind it. "" if none is."""
        last = self._table.last(pk, f"{sk}{MARK}~")
        found = [key for key in (*self._pending, *([last] if last else ())) if key[0] == pk]
        return max((page_key(key)[1] for key in found if page_key(key)[1] <= sk), default="")

    def ages(self, pk: str, start: str) -> Iterator[tuple[str, str]]:
        """Sort key and ``latest`` of what is filed, from ``start`` on."""
        for key, seq, latest in self._table.ages(pk, start):
            if seq > self.seq:
                return
            yield page_key(key)[1], latest

    def reaches(self, pk: str, sk: str) -> bool:
        """Whether there is anything at ``sk`` or behind it. Raises `Again`."""
        return any(True for _ in self._known(self._table.span(pk, sk)))

    # --- how ---

    def _is_filed(self, item: Item) -> bool:
        return item.seq <= self.seq and item.key not in self._pending

    def _items(self, keys: Iterable[Key]) -> Iterator[Item]:
        wanted = set(keys)
        yield from (self._pending[key] for key in wanted & self._pending.keys())
        yield from self._known(self._table.items(wanted - self._pending.keys()))

    def _known(self, items: Iterable[Item]) -> Iterator[Item]:
        for item in items:
            if item.seq > self.seq:
                raise Again
            yield item
