"""Many items at once: batches, pages of answers, and puts beside each other."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from app.ledger.dynamodb.faults import Refused
from app.ledger.dynamodb.items import Item, Key, Raw, item, key_of, number, raw, raw_key
from app.ledger.dynamodb.waits import Again, Waits
from app.ledger.dynamodb.wire import Wire

A = TypeVar("A")
B = TypeVar("B")

READ_AT_ONCE, DELETED_AT_ONCE = 100, 25  # items a request: DynamoDB's ceilings
EXPIRED_AT_ONCE = 1_000  # items whose keys are in memory at once
WORKERS = 16
THROTTLED = "is throttled: use on-demand capacity, or raise the table's ceilings"
NEWER = "attribute_not_exists(seq) OR seq < :seq"
KEYS_ONLY = {"ProjectionExpression": "pk, sk"}


class Table:
    """Every read is a consistent one. Thread-safe. ``workers``: requests at once, of one call here."""

    def __init__(self, wire: Wire, name: str, waits: Waits, workers: int = WORKERS) -> None:
        self._wire, self._name, self._waits = wire, name, waits
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="ledger") if workers > 1 else None

    # --- single items, as the API has them ---

    def get(self, key: Key) -> Raw | None:
        answer = self._call("get_item", Key=raw_key(key), ConsistentRead=True)
        found: Raw | None = answer.get("Item")
        return found

    def put(self, item: Raw, condition: str = "") -> None:
        """Raises `Refused`."""
        only_if = {"ConditionExpression": condition} if condition else {}
        self._call("put_item", Item=item, **only_if)

    def update(self, key: Key, change: str, condition: str, values: Mapping[str, Any]) -> Raw:
        """The item as it is afterwards. Raises `Refused`."""
        answer = self._call(
            "update_item",
            Key=raw_key(key),
            UpdateExpression=change,
            ConditionExpression=condition,
            ExpressionAttributeValues=values,
            ReturnValues="ALL_NEW",
        )
        changed: Raw = answer["Attributes"]
        return changed

    # --- many ---

    def items(self, keys: Iterable[Key]) -> Iterator[Item]:
        """Those that are there, in any order."""
        wanted = list(dict.fromkeys(keys))
        batches = [wanted[n : n + READ_AT_ONCE] for n in range(0, len(wanted), READ_AT_ONCE)]
        for found in self._each(self._batch, batches):
            yield from map(item, found)

    def span(self, pk: str, start: str = "", since: str = "", at_once: int | None = None) -> Iterator[Item]:
        """In the order of their sort keys, from ``start`` on; ``since``: only those whose ``latest`` is not
        before it; ``at_once``: so many an answer, for who may not want them all."""
        condition, values = ("pk = :pk AND sk >= :start", {":pk": pk, ":start": start})
        if not start:
            condition, values = "pk = :pk", {":pk": pk}
        more: dict[str, object] = {"Limit": at_once} if at_once else {}
        if since:
            more, values = {**more, "FilterExpression": "latest >= :since"}, {**values, ":since": since}
        return map(item, self.query(condition, values, **more))

    def last(self, pk: str, until: str) -> Key | None:
        """The last key that isn't behind ``until``."""
        values = {":pk": pk, ":until": until}
        one = {"ScanIndexForward": False, "Limit": 1}
        found = self.query("pk = :pk AND sk <= :until", values, **one, **KEYS_ONLY)
        return next(map(key_of, found), None)

    def ages(self, pk: str, start: str) -> Iterator[tuple[Key, int, str]]:
        """Key, change and ``latest``, of items that have one, from ``start`` on."""
        names = {"ProjectionExpression": "pk, sk, seq, latest"}
        values = {":pk": pk, ":start": start}
        for found in self.query("pk = :pk AND sk >= :start", values, **names):
            yield key_of(found), int(found["seq"]["N"]), found["latest"]["S"]

    def query(self, condition: str, values: Mapping[str, str], **more: object) -> Iterator[Raw]:
        typed = {name: {"S": value} for name, value in values.items()}
        more = {"KeyConditionExpression": condition, "ExpressionAttributeValues": typed, **more}
        while True:
            answer = self._call("query", ConsistentRead=True, **more)
            yield from answer["Items"]
            if not answer.get("LastEvaluatedKey"):
                return
            more["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def put_newer(self, items: Sequence[Item]) -> None:
        """Each one unless something of the same change or of a later one is there already."""
        self._all(self._put_newer, items)

    def put_all(self, items: Sequence[Raw]) -> None:
        self._all(self.put, items)

    def expire(self, pk: str, before: str, at: int) -> None:
        """Has DynamoDB remove what sorts before ``before``, some time after ``at`` (seconds of the epoch)."""
        values, unmarked = {":pk": pk, ":before": before}, "attribute_not_exists(expires_at)"
        found = self.query("pk = :pk AND sk < :before", values, FilterExpression=unmarked, **KEYS_ONLY)
        keys = map(key_of, found)
        while group := list(islice(keys, EXPIRED_AT_ONCE)):
            self._all(partial(self._expire, at), group)

    def delete(self, keys: Sequence[Key]) -> None:
        """As many of them as DynamoDB does at once."""
        requests = [{"DeleteRequest": {"Key": raw_key(key)}} for key in keys]
        for start in range(0, len(requests), DELETED_AT_ONCE):
            batch = requests[start : start + DELETED_AT_ONCE]
            self._wire.call("batch_write_item", RequestItems={self._name: batch})

    def close(self) -> None:
        if self._pool:
            self._pool.shutdown()

    # --- how ---

    def _call(self, operation: str, **params: object) -> Mapping[str, Any]:
        return self._wire.call(operation, TableName=self._name, **params)

    def _put_newer(self, one: Item) -> None:
        with suppress(Refused):
            self._call(
                "put_item",
                Item=raw(one),
                ConditionExpression=NEWER,
                ExpressionAttributeValues={":seq": number(one.seq)},
            )

    def _expire(self, at: int, key: Key) -> None:
        with suppress(Refused):  # it is gone already
            self._call(
                "update_item",
                Key=raw_key(key),
                UpdateExpression="SET expires_at = :at",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":at": number(at)},
            )

    def _batch(self, keys: Sequence[Key]) -> list[Raw]:
        """A full answer, or a throttle, leaves some of the keys for another request."""
        found: list[Raw] = []
        wanted: Any = {self._name: {"Keys": list(map(raw_key, keys)), "ConsistentRead": True}}

        def ask() -> None:
            nonlocal wanted
            answer = self._wire.call("batch_get_item", RequestItems=wanted)
            found.extend(answer["Responses"].get(self._name, []))
            wanted = answer.get("UnprocessedKeys")
            if wanted:
                raise Again

        self._waits.insist(ask, THROTTLED)
        return found

    def _all(self, work: Callable[[A], None], things: Sequence[A]) -> None:
        for _ in self._each(work, things):
            pass

    def _each(self, work: Callable[[A], B], things: Sequence[A]) -> Iterator[B]:
        return self._pool.map(work, things) if self._pool and len(things) > 1 else map(work, things)
