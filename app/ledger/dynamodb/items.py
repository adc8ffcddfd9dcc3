"""One item of the table, and how the API has it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Raw = Mapping[str, Any]  # an item as the API has it: every value with its type
Key = tuple[str, str]  # pk and sk


@dataclass(frozen=True, slots=True)
class Item:
    """A page, or a part of one. ``parts`` and what follows is the same on each part."""

    pk: str
    sk: str
    seq: int  # the change that wrote it
    body: bytes
    parts: int = 1
    latest: str = ""  # of events: the youngest one's instant
    expires_at: int = 0  # seconds since the epoch; 0: never

    @property
    def key(self) -> Key:
        return self.pk, self.sk

    @property
    def size(self) -> int:
        """About what DynamoDB counts: names, numbers and overhead included."""
        return len(self.pk) + len(self.sk) + len(self.body) + 100


def raw_key(key: Key) -> dict[str, Any]:
    return {"pk": {"S": key[0]}, "sk": {"S": key[1]}}


def raw(item: Item) -> dict[str, Any]:
    optional = {"latest": {"S": item.latest}} if item.latest else {}
    if item.expires_at:
        optional["expires_at"] = number(item.expires_at)
    fixed = {"seq": number(item.seq), "body": {"B": item.body}, "parts": number(item.parts)}
    return raw_key(item.key) | fixed | optional


def item(found: Raw) -> Item:
    return Item(
        pk=found["pk"]["S"],
        sk=found["sk"]["S"],
        seq=int(found["seq"]["N"]),
        body=bytes(found["body"]["B"]),
        parts=int(found["parts"]["N"]),
        latest=found.get("latest", {}).get("S", ""),
        expires_at=int(found.get("expires_at", {}).get("N", 0)),
    )


def number(value: int) -> dict[str, str]:
    return {"N": str(value)}
