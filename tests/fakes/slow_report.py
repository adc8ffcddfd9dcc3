"""A slow and obvious parser of credential reports, which the quick one must agree with."""

import csv
from collections.abc import Mapping
from datetime import UTC, datetime

from app.inventory.report import Report, Row, RowKey, path_of
from app.model import LastUsed

SENTINELS = ("N/A", "n/a", "no_information", "not_supported", "")


def reference(content: bytes) -> Report | None:
    """One cell after the other, by its name; None where the report must be refused."""
    try:
        text = content.decode("utf-8-sig")
        header, *lines = [next(csv.reader([line], strict=True), []) for line in text.splitlines()]
    except (ValueError, csv.Error):  # a cell that is cut short, or nothing at all
        return None
    keys = [f"access_key_{n}_{part}" for n in (1, 2) for part in ("active", "last_rotated", "last_used_date")]
    if {header.count(name) for name in ("user", "arn", *keys)} != {1}:
        return None
    if not lines or any(len(line) != len(header) for line in lines):
        return None
    try:
        return _reference([dict(zip(header, line, strict=True)) for line in lines])
    except (ValueError, LookupError, OverflowError):
        return None


def _reference(lines: list[dict[str, str]]) -> Report:
    for cells in lines:
        for name, value in cells.items():
            if name.endswith("_active"):
                is_true(value)
            if name.endswith("_last_rotated"):
                moment(value)
    of_root = [cells for cells in lines if cells["user"] == "<root_account>"]
    users = [cells for cells in lines if cells["user"] != "<root_account>"]
    names = {cells["user"] for cells in users}
    if len(names) != len(users) or "" in names:
        raise ValueError("twice, or without a name")
    root_keys = sum(is_true(of_root[-1][f"access_key_{n}_active"]) for n in (1, 2)) if of_root else 0
    return Report({cells["user"]: row(cells) for cells in users}, root_keys, bool(of_root))


def row(cells: Mapping[str, str]) -> Row:
    found = []
    for slot in ("access_key_1", "access_key_2"):
        active, rotated = is_true(cells[f"{slot}_active"]), moment(cells[f"{slot}_last_rotated"])
        if active and rotated is None:
            raise ValueError("an active key without a date")
        if rotated is not None:
            found.append(RowKey(active, rotated, last_used(cells, slot)))
    return Row(cells["user"], path_of(cells["arn"]), tuple(found))


def last_used(cells: Mapping[str, str], slot: str) -> LastUsed:
    said = cells[f"{slot}_last_used_date"]
    at = moment(said)
    if at is None and said.lower() == "n/a":
        return LastUsed.never()
    if at is None:
        return LastUsed.unknown(f"the credential report says {said or 'nothing'}")
    service, region = (cells.get(f"{slot}_last_used_{part}", "") for part in ("service", "region"))
    return LastUsed(
        "at", at, None if service in SENTINELS else service, None if region in SENTINELS else region
    )


def is_true(value: str) -> bool:
    return {"true": True, "false": False, **dict.fromkeys(SENTINELS, False)}[value.lower()]


def moment(value: str) -> datetime | None:
    if value in SENTINELS:
        return None
    read = datetime.fromisoformat(value)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
