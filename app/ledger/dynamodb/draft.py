"""A change in the making: the pages that it reads, and what becomes of them."""

from collections.abc import Iterable

from app.ledger.dynamodb.items import Item, Key
from app.ledger.dynamodb.pages import Page, Rows, split
from app.ledger.dynamodb.snapshot import Snapshot


class Draft:
    """Pages to be changed in place; only what differs in the end is written."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.seq = snapshot.seq + 1
        self._snapshot = snapshot
        self._stored: dict[Key, Rows] = {}
        self._now: dict[Key, Rows] = {}
        self._new: dict[Key, Page] = {}
        self._places = 0

    def load(self, keys: Iterable[Key]) -> None:
        """Reads pages ahead, many in one request."""
        missing = set(keys) - self._stored.keys()
        if missing:
            found = self._snapshot.pages(missing)
            self._stored |= {key: found.get(key, {}) for key in missing}
            self._now |= {key: dict(self._stored[key]) for key in missing}

    def rows(self, key: Key) -> Rows:
        """The page, empty if there is none: what is changed in it is written."""
        self.load((key,))
        return self._now[key]

    def put(self, page: Page) -> None:
        """Writes a page without reading what it replaces."""
        self._new[page.key] = page

    def append(self, page: Page) -> bool:
        """Writes a page behind all others. False, and it doesn't, if one is in its place or behind it."""
        free = not self._snapshot.reaches(*page.key)
        if free:
            self._new[page.key] = page
        return free

    def partition(self, pk: str) -> list[Key]:
        """The keys of all its pages, which are read."""
        found = {(pk, sk): rows for sk, rows in self._snapshot.partition(pk).items()}
        for key in found.keys() - self._stored.keys():
            self._stored[key], self._now[key] = found[key], dict(found[key])
        return list(found)

    def place(self) -> str:
        """A new row's place in the order of creation, as text that sorts."""
        self._places += 1
        return f"{self.seq:015}.{self._places:06}"

    def items(self) -> list[Item]:
        changed = [Page(key, rows) for key, rows in self._now.items() if rows != self._stored[key]]
        return [item for page in (*changed, *self._new.values()) for item in split(page, self.seq)]
