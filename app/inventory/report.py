"""The IAM credential report: one CSV that shows every user's keys without their ids.

Columns and sentinels follow the IAM User Guide, "Get credential reports for your AWS account".
Whatever is not understood makes the whole report `Malformed`: a half is never taken for a whole.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.errors import Permanent
from app.inventory.watch import utc
from app.model import LastUsed

ROOT = "<root_account>"
NO_TIME = {"n/a", "no_information", "not_supported", ""}
SLOTS = ("access_key_1", "access_key_2")
KEY_PARTS = ("active", "last_rotated", "last_used_date")
NEEDED = ("user", "arn", *(f"{slot}_{part}" for slot in SLOTS for part in KEY_PARTS))


class Malformed(Permanent):
    """The report can't be trusted."""


@dataclass(frozen=True, slots=True)
class RowKey:
    """``rotated`` is creation *or the last change of status*: the latest possible creation."""

    active: bool
    rotated: datetime
    last_used: LastUsed


@dataclass(frozen=True, slots=True)
class Row:
    """One user. A key that is inactive may not show at all."""

    user: str
    path: str
    keys: tuple[RowKey, ...]


@dataclass(frozen=True, slots=True)
class Report:
    rows: Mapping[str, Row]
    root_keys: int  # active ones


def parse_report(content: bytes) -> Report:
    """Raises `Malformed` when the content is empty, cut short, or of another shape."""
    try:
        text = content.decode("utf-8-sig")
        lines = list(csv.reader(text.splitlines(), strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise Malformed("the credential report is not readable as CSV") from None
    if not lines or any(column not in lines[0] for column in NEEDED):
        raise Malformed("the credential report lacks columns that this version needs")
    return _report([_cells(lines[0], line, number) for number, line in enumerate(lines[1:], start=2)])


def _cells(header: list[str], line: list[str], number: int) -> dict[str, str]:
    if len(line) != len(header):
        raise Malformed(f"line {number} of the credential report is cut short or too long")
    cells = dict(zip(header, line, strict=True))
    for name, value in cells.items():  # a cut inside the last cell shows here
        if name.endswith("_last_rotated"):
            _moment(value)
        elif name.endswith("_active"):
            _boolean(value)
    return cells


def _report(lines: list[dict[str, str]]) -> Report:
    rows: dict[str, Row] = {}
    root_keys = 0
    for cells in lines:
        if cells["user"] == ROOT:
            root_keys = sum(_boolean(cells[f"{slot}_active"]) for slot in SLOTS)
        elif cells["user"] in rows:
            raise Malformed("the credential report names a user twice")
        else:
            rows[cells["user"]] = _row(cells)
    return Report(rows, root_keys)


def _row(cells: Mapping[str, str]) -> Row:
    keys = (_key(cells, slot) for slot in SLOTS)
    return Row(cells["user"], path_of(cells["arn"]), tuple(key for key in keys if key is not None))


def _key(cells: Mapping[str, str], slot: str) -> RowKey | None:
    active = _boolean(cells[f"{slot}_active"])
    rotated = _moment(cells[f"{slot}_last_rotated"])
    if rotated is None:
        if active:
            raise Malformed("the credential report shows an active key without a date")
        return None
    return RowKey(active, rotated, _last_used(cells, slot))


def _last_used(cells: Mapping[str, str], slot: str) -> LastUsed:
    value = cells[f"{slot}_last_used_date"]
    at = _moment(value)
    if at is None:
        unknown = LastUsed.unknown(f"the credential report says {value or 'nothing'}")
        return LastUsed.never() if value.lower() == "n/a" else unknown
    service, region = (present(cells.get(f"{slot}_last_used_{part}")) for part in ("service", "region"))
    return LastUsed("at", at, service, region)


def path_of(arn: str) -> str:
    """`arn:aws:iam::1:user/division/x/name` is at `/division/x/`."""
    inside = arn.partition(":user/")[2]
    folders = inside.rpartition("/")[0]
    return f"/{folders}/" if folders else "/"


def present(value: str | None) -> str | None:
    """AWS writes "N/A" (and other sentinels) where it knows no service or region."""
    return None if value is None or value.lower() in NO_TIME else value


def _boolean(value: str) -> bool:
    lowered = value.lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    if lowered in NO_TIME:
        return False
    raise Malformed("the credential report has a cell that is neither true nor false")


def _moment(value: str) -> datetime | None:
    if value.lower() in NO_TIME:
        return None
    try:
        return utc(datetime.fromisoformat(value))
    except ValueError:
        raise Malformed("the credential report has a cell that is not a time") from None
