"""Rows that are read and written together: compressed, and in as many items as it takes.

A key at a time would cost ten times the requests and the write units: at each run most of an account's facts
change by a little. Pages are never deleted, only emptied: who was stopped in the middle of filing a change
and goes on an hour later must find that something newer is there.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.errors import LedgerError
from app.ledger.dynamodb.items import DAMAGED, Item, Key

PART = 300_000  # bytes of one item's body: DynamoDB allows 400 KB in all
MARK = "+"  # between a page's sort key and the number of its part

Rows = dict[str, str]  # by their own key, each as JSON


@dataclass(frozen=True, slots=True)
class Page:
    key: Key
    rows: Mapping[str, str]
    latest: str = ""


def part_key(key: Key, number: int) -> Key:
    """The first part has the page's own key, and sorts before the others."""
    return (key[0], f"{key[1]}{MARK}{number:04}") if number else key


def page_key(key: Key) -> Key:
    return key[0], key[1].partition(MARK)[0]


def split(page: Page, seq: int) -> Iterator[Item]:
    """Its items, every one of them anew: a page's parts are always of one change."""
    text = json.dumps(page.rows, ensure_ascii=False, separators=(",", ":"))
    body = zlib.compress(text.encode())
    starts = range(0, len(body), PART)
    for number, start in enumerate(starts):
        pk, sk = part_key(page.key, number)
        yield Item(pk, sk, seq, body[start : start + PART], len(starts), page.latest)


def join(parts: Sequence[Item]) -> Rows:
    """The rows of one page. Raises `LedgerError`, without any content, when they aren't what was written."""
    if not parts or len(parts) != parts[0].parts:
        raise LedgerError(DAMAGED)
    try:
        rows: Rows = json.loads(zlib.decompress(b"".join(part.body for part in parts)))
    except (ValueError, zlib.error):
        raise LedgerError(DAMAGED) from None
    return rows


def gathered(items: Iterable[Item]) -> dict[Key, Rows]:
    """Whole pages, in the order in which their first parts come. Parts that a page no longer has are left."""
    found = {item.key: item for item in items}
    firsts = [item for item in found.values() if page_key(item.key) == item.key]
    return {first.key: join(_parts(first, found)) for first in firsts}


def _parts(first: Item, found: Mapping[Key, Item]) -> list[Item]:
    parts = (found.get(part_key(first.key, number)) for number in range(first.parts))
    return [part for part in parts if part]
