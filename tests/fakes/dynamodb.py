"""DynamoDB in memory, as far as the ledger asks it; the contract suite holds moto's to the same ledger.

Answers come in small pages, and batches half done, so that whoever forgets the rest loses it.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from app.ledger.dynamodb.faults import Refused

Item = dict[str, Any]
PAGE = 7  # items an answer
ITEM, AT_ONCE, DELETED_AT_ONCE = 400_000, 100, 25  # DynamoDB's ceilings: bytes, keys, deletes
COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}


class FakeDynamodb:
    """`Wire` over dictionaries. Each request is one step, as each is atomic in DynamoDB.

    What is in ``items`` is never changed, only replaced: `copy` is a moment of the table.
    """

    def __init__(self, items: Mapping[tuple[str, str], Item] | None = None, page: int = PAGE) -> None:
        self.items = dict(items or {})
        self.page = page
        self.requests: list[str] = []
        self._lock = threading.Lock()

    def copy(self) -> "FakeDynamodb":
        return FakeDynamodb(self.items, self.page)

    def call(self, operation: str, **params: Any) -> Mapping[str, Any]:
        with self._lock:
            self.requests.append(operation)
            answer: Mapping[str, Any] = getattr(self, f"_{operation}")(params)
            return answer

    def _get_item(self, params: Item) -> Item:
        assert params["ConsistentRead"]
        found = self.items.get(key_of(params["Key"]))
        return {"Item": found} if found else {}

    def _put_item(self, params: Item) -> Item:
        item = params["Item"]
        assert size(item) <= ITEM
        self._check(key_of(item), params)
        self.items[key_of(item)] = item
        return {}

    def _update_item(self, params: Item) -> Item:
        key, values = key_of(params["Key"]), params["ExpressionAttributeValues"]
        self._check(key, params)
        item = dict(self.items[key])
        sets, _, removes = params["UpdateExpression"].removeprefix("SET ").partition(" REMOVE ")
        for name, _, value in (change.partition(" = ") for change in sets.split(", ")):
            item[name] = evaluated(value, item, values)
        for name in filter(None, removes.split(", ")):
            item.pop(name, None)
        assert size(item) <= ITEM
        self.items[key] = item
        return {"Attributes": item}

    def _query(self, params: Item) -> Item:
        assert params["ConsistentRead"]
        values, after = params["ExpressionAttributeValues"], params.get("ExclusiveStartKey")
        backwards = not params.get("ScanIndexForward", True)
        found = [
            self.items[key]
            for key in sorted((k for k in self.items if k[0] == plain(values[":pk"])), reverse=backwards)
            if holds(params["KeyConditionExpression"], self.items[key], values)
            and (after is None or (key < key_of(after) if backwards else key > key_of(after)))
        ]
        many = min(self.page, params.get("Limit", self.page))
        page, rest = found[:many], found[many:]
        wanted = params.get("FilterExpression", "")
        items = [projected(item, params) for item in page if not wanted or holds(wanted, item, values)]
        last = {"LastEvaluatedKey": {name: page[-1][name] for name in ("pk", "sk")}} if rest else {}
        return {"Items": items, **last}

    def _batch_get_item(self, params: Item) -> Item:
        ((table, request),) = params["RequestItems"].items()
        keys = [key_of(key) for key in request["Keys"]]
        assert request["ConsistentRead"]
        assert len(set(keys)) == len(keys) <= AT_ONCE
        now, rest = request["Keys"][: self.page], request["Keys"][self.page :]
        items = [self.items[key] for key in map(key_of, now) if key in self.items]
        left = {"UnprocessedKeys": {table: {**request, "Keys": rest}}} if rest else {}
        return {"Responses": {table: items}, **left}

    def _batch_write_item(self, params: Item) -> Item:
        ((_, requests),) = params["RequestItems"].items()
        assert len(requests) <= DELETED_AT_ONCE
        for request in requests:
            self.items.pop(key_of(request["DeleteRequest"]["Key"]), None)
        return {}

    def _check(self, key: tuple[str, str], params: Item) -> None:
        condition, values = params.get("ConditionExpression"), params.get("ExpressionAttributeValues", {})
        if condition and not holds(condition, self.items.get(key, {}), values):
            raise Refused


def key_of(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def projected(item: Item, params: Item) -> Item:
    names = params.get("ProjectionExpression")
    return {name: item[name] for name in names.split(", ") if name in item} if names else item


def holds(expression: str, item: Item, values: Item) -> bool:
    """Of the grammar of expressions: all of them, or one of them."""
    if " OR " in expression:
        return any(one_holds(part, item, values) for part in expression.split(" OR "))
    return all(one_holds(part, item, values) for part in expression.split(" AND "))


def one_holds(expression: str, item: Item, values: Item) -> bool:
    call = re.fullmatch(r"(\w+)\((\w+)(?:, (:\w+))?\)", expression)
    if call and call[1] in ("attribute_exists", "attribute_not_exists"):
        return (call[2] in item) == (call[1] == "attribute_exists")
    if call and call[1] == "begins_with":
        return call[2] in item and str(plain(item[call[2]])).startswith(plain(values[call[3]]))
    name, operator, value = expression.split(" ")
    return name in item and COMPARE[operator](plain(item[name]), plain(values[value]))


def evaluated(expression: str, item: Item, values: Item) -> Item:
    name, plus, more = expression.partition(" + ")
    if plus:
        return {"N": str(plain(item[name]) + plain(values[more]))}
    found: Item = values[name]
    return found


def plain(value: Item) -> Any:
    ((kind, content),) = value.items()
    return int(content) if kind == "N" else content


def size(value: Any) -> int:
    return sum(map(len, leaves(value)))


def leaves(value: Any) -> Iterator[str | bytes]:
    """Names and contents of whatever an item holds."""
    if isinstance(value, str | bytes):
        yield value
        return
    if isinstance(value, dict):
        yield from value
    for inner in value.values() if isinstance(value, dict) else value:
        yield from leaves(inner)
