"""Answers of AWS's query protocol (XML) as boto3 shapes them, read by the SDK's own service models.

Stricter than the SDK: what is cut short, of another shape, or lacks what this service goes by is not an
answer. Errors never quote one: it may hold a secret.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.parsers import ResponseParserError

from app.inventory.watch import utc

Reader = Callable[[Element], Any]

# What an answer must have, by the model's name of its structure. The model's own "required" is both more
# (a group's id) and less (it lets a key go without its status).
NEEDED = {
    "AssumeRoleResponse": ("Credentials",),
    "Credentials": ("AccessKeyId", "SecretAccessKey", "SessionToken"),
    "GetCredentialReportResponse": ("Content", "GeneratedTime"),
    "GetAccountAuthorizationDetailsResponse": ("UserDetailList",),
    "UserDetail": ("UserName", "Path", "GroupList"),
    "ListAccessKeysResponse": ("AccessKeyMetadata",),
    "AccessKeyMetadata": ("AccessKeyId", "Status", "CreateDate"),
    "GetAccessKeyLastUsedResponse": ("AccessKeyLastUsed",),
    "ListUsersResponse": ("Users",),
    "GetUserResponse": ("User",),
    "User": ("UserName", "Path"),
    "ListUserTagsResponse": ("Tags",),
    "Tag": ("Key", "Value"),
    "ListGroupsForUserResponse": ("Groups",),
    "Group": ("GroupName",),
    "GetAccountSummaryResponse": ("SummaryMap",),
    "ListPoliciesResponse": ("Policies",),
    "Policy": ("PolicyName", "Arn"),
    "ListEntitiesForPolicyResponse": ("PolicyUsers",),
    "PolicyUser": ("UserName",),
}
INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
MAY_BE_EMPTY = ("Value",)
# Policies, which nothing here asks about: most of an account's details, and JSON inside of XML.
PASSED_OVER = {
    "GetAccountAuthorizationDetailsResponse": ("GroupDetailList", "RoleDetailList", "Policies"),
    "UserDetail": ("UserPolicyList", "AttachedManagedPolicies"),
}


def answer_reader(operation: OperationModel) -> Callable[[bytes], dict[str, Any]]:
    """A function from the body of a good answer to what boto3 makes of it, without `ResponseMetadata`.

    It raises `ResponseParserError`, the SDK's own.
    """
    shape: Any = operation.output_shape
    wrapper, read_result = shape.serialization["resultWrapper"], _reader(shape)

    def read(body: bytes) -> dict[str, Any]:
        results = [child for child in _root(body) if _name(child) == wrapper]
        if len(results) != 1:
            raise _unreadable(operation.name)
        result: dict[str, Any] = read_result(results[0])
        return result

    return read


def read_error(body: bytes) -> Mapping[str, str]:
    """AWS's `Code`, `Message` and `Type` of a refusal; raises `ResponseParserError` if there is no code."""
    error = next((node for node in _root(body).iter() if _name(node) == "Error"), Element("none"))
    said = {_name(child): child.text or "" for child in error}
    if not said.get("Code"):
        raise _unreadable("Error")
    return said


def _root(body: bytes) -> Element:
    try:
        return ElementTree.fromstring(body)  # noqa: S314 - expat itself bounds the growth of entities
    except (ElementTree.ParseError, LookupError, ValueError):  # the latter of an encoding that isn't ours
        raise _unreadable("XML") from None


def _reader(shape: Shape) -> Reader:
    if isinstance(shape, StructureShape):
        return _structure(shape)
    if isinstance(shape, MapShape):
        return _map(shape)
    if isinstance(shape, ListShape):
        return _list(shape)
    return _scalar(shape)


def _structure(shape: StructureShape) -> Reader:
    passed_over = PASSED_OVER.get(shape.name, ())
    members = {
        member.serialization.get("name", name): (name, _reader(member))
        for name, member in shape.members.items()
        if name not in passed_over
    }
    needed = NEEDED.get(shape.name, ())

    def read(node: Element) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for child in node:
            name, read_member = members.get(_name(child), (None, None))
            if name in found:
                raise _unreadable(f"{shape.name}.{name}")
            if name and read_member:
                found[name] = read_member(child)
        _check(found, needed, shape.name)
        return found

    return read


def _check(found: Mapping[str, Any], needed: tuple[str, ...], structure: str) -> None:
    for name in needed:
        if name not in found or (found[name] == "" and name not in MAY_BE_EMPTY):
            raise _unreadable(f"{structure}.{name}")


def _list(shape: ListShape) -> Reader:
    member, read_member = shape.member.serialization.get("name", "member"), _reader(shape.member)

    def read(node: Element) -> list[Any]:
        if any(_name(child) != member for child in node):
            raise _unreadable(shape.name)
        return [read_member(child) for child in node]

    return read


def _map(shape: MapShape) -> Reader:
    read_key, read_value = _reader(shape.key), _reader(shape.value)

    def read(node: Element) -> dict[Any, Any]:
        entries = [{_name(part): part for part in entry} for entry in node]
        if any(entry.keys() != {"key", "value"} for entry in entries):
            raise _unreadable(shape.name)
        found = {read_key(entry["key"]): read_value(entry["value"]) for entry in entries}
        if sum(map(len, node)) != 2 * len(found):  # something was there twice
            raise _unreadable(shape.name)
        return found

    return read


def _scalar(shape: Shape) -> Reader:
    parse = SCALARS[shape.type_name]

    def read(node: Element) -> object:
        if len(node):
            raise _unreadable(shape.name)
        try:
            return parse(node.text or "")
        except (ValueError, KeyError, OverflowError):
            raise _unreadable(shape.name) from None

    return read


def _moment(text: str) -> datetime:
    """ISO 8601, as the query protocol has it; a date alone is none."""
    if "T" not in text:
        raise ValueError
    return utc(datetime.fromisoformat(text))


def _integer(text: str) -> int:
    """Python's own reader takes more: spaces, underscores, the digits of every script."""
    if not INTEGER.fullmatch(text):
        raise ValueError
    return int(text)


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _blob(text: str) -> bytes:
    return b64decode(text.replace("\n", "").strip(), validate=True)


SCALARS: Mapping[str, Callable[[str], object]] = {
    "string": str,
    "integer": _integer,
    "boolean": _boolean,
    "timestamp": _moment,
    "blob": _blob,
}


def _name(node: Element) -> str:
    return node.tag.rpartition("}")[2]


def _unreadable(what: str) -> ResponseParserError:
    return ResponseParserError(f"the answer can't be read: {what}")
