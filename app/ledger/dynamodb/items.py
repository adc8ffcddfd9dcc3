"""One item of the table, and how the API has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import LedgerError

Raw = Mapping[str, Any]  # an item as the API has it: every value with its type
Key = tuple[str, str]  # pk and sk

OVERHEAD = 150  # bytes, at the most, of an item's names and numbers, and of its place in a list
DAMAGED = "the ledger holds a page that is damaged: restore the table from its backup"


@dataclass(frozen=True, slots=True)
class Item:
    """A page, or a part of one. ``parts`` and what follows is the same on each part."""

    pk: str
    sk: str
    seq: int  # the change that wrote it
    body: bytes
    parts: int = 1
    latest: str = ""  # of events: the youngest one's instant

    @property
    def key(self) -> Key:
        return self.pk, self.sk

    @property
    def size(self) -> int:
        """Bytes, not less than DynamoDB counts."""
        return len(self.pk.encode()) + len(self.sk.encode()) + len(self.body) + OVERHEAD


def raw_key(key: Key) -> dict[str, Any]:
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def raw(item: Item) -> dict[str, Any]:
    latest = {"latest": {"S": item.latest}} if item.latest else {}
    fixed = {"seq": number(item.seq), "body": {"B": item.body}, "parts": number(item.parts)}
    return raw_key(item.key) | fixed | latest


def item(found: Raw) -> Item:
    """Raises `LedgerError` when it is none of ours."""
    try:
        return Item(
            pk=found["pk"]["S"],
            sk=found["sk"]["S"],
            seq=int(found["seq"]["N"]),
            body=bytes(found["body"]["B"]),
            parts=int(found["parts"]["N"]),
            latest=found.get("latest", {}).get("S", ""),
        )
    except (KeyError, ValueError):
        raise LedgerError(DAMAGED) from None


def key_of(found: Raw) -> Key:
    return found["pk"]["S"], found["sk"]["S"]


def number(value: int) -> dict[str, str]:
    return {"N": str(value)}
