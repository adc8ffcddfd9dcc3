"""The IAM credential report: one CSV that shows every user's keys without their ids.

Columns and sentinels follow the IAM User Guide, "Get credential reports for your AWS account".
Whatever is not understood makes the whole report `Malformed`: a half is never taken for a whole.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.errors import Permanent
from app.inventory.watch import utc
from app.model import LastUsed

ROOT = "<root_account>"
NO_TIME = {"n/a", "no_information", "not_supported", ""}
BOOLEANS = {"true": True, "false": False, **dict.fromkeys(NO_TIME, False)}
NEVER_USED = LastUsed.never()
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
    has_root: bool = True  # whether it has the root user's row, which alone tells of them


@dataclass(frozen=True, slots=True)
class _Slot:
    """Where one of the two keys stands in a line; None: the report has no such column."""

    active: int
    rotated: int
    last_used: int
    service: int | None
    region: int | None


@dataclass(frozen=True, slots=True)
class _Columns:
    """What the header says, looked up once: ten thousand reports of a hundred lines are read in a run.

    ``booleans`` and ``moments`` are of no use here but for their form, which a cut would break.
    """

    number: int
    user: int
    arn: int
    slots: tuple[_Slot, ...]
    booleans: tuple[int, ...]
    moments: tuple[int, ...]


def parse_report(content: bytes) -> Report:
    """Raises `Malformed` when the content is empty, cut short, or of another shape."""
    try:
        lines = _lines(content.decode("utf-8-sig"))
    except (UnicodeDecodeError, csv.Error):
        raise Malformed("the credential report is not readable as CSV") from None
    if not lines or any(lines[0].count(column) != 1 for column in NEEDED):
        raise Malformed("the credential report lacks columns that this version needs")
    if len(lines) == 1:
        raise Malformed("the credential report names nobody, not even the root user")
    return _report(_columns(lines[0]), lines[1:])


def _lines(text: str) -> list[list[str]]:
    """Only what holds a comma is quoted, and hardly anything does: then plain splitting says the same.

    Each line by itself: a stray quote must not swallow the next user.
    """
    return [_cells(line) if '"' in line else line.split(",") for line in text.splitlines()]


def _cells(line: str) -> list[str]:
    return next(csv.reader([line], strict=True))


def _columns(header: Sequence[str]) -> _Columns:
    at = {name: index for index, name in enumerate(header)}
    slots = tuple(_slot(at, name) for name in SLOTS)
    read = {index for slot in slots for index in (slot.active, slot.rotated)}
    return _Columns(
        number=len(header),
        user=at["user"],
        arn=at["arn"],
        slots=slots,
        booleans=tuple(i for name, i in at.items() if name.endswith("_active") and i not in read),
        moments=tuple(i for name, i in at.items() if name.endswith("_last_rotated") and i not in read),
    )


def _slot(at: Mapping[str, int], name: str) -> _Slot:
    active, rotated, last_used = (at[f"{name}_{part}"] for part in KEY_PARTS)
    service, region = (at.get(f"{name}_last_used_{part}") for part in ("service", "region"))
    return _Slot(active, rotated, last_used, service, region)


def _report(columns: _Columns, lines: Iterable[Sequence[str]]) -> Report:
    rows: dict[str, Row] = {}
    root_keys: int | None = None
    for number, line in enumerate(lines, start=2):
        if len(line) != columns.number:
            raise Malformed(f"line {number} of the credential report is cut short or too long")
        _check_the_rest(columns, line)
        user = line[columns.user]
        if user == ROOT:
            root_keys = _active_keys_of_root(columns, line)
        elif not user or user in rows:
            raise Malformed("the credential report names a user twice, or by no name")
        else:
            rows[user] = _row(columns, user, line)
    return Report(rows, root_keys or 0, root_keys is not None)


def _check_the_rest(columns: _Columns, line: Sequence[str]) -> None:
    """A cut inside the last cell shows here."""
    for index in columns.booleans:
        _boolean(line[index])
    for index in columns.moments:
        _moment(line[index])


def _active_keys_of_root(columns: _Columns, line: Sequence[str]) -> int:
    for slot in columns.slots:
        _moment(line[slot.rotated])
    return sum(_boolean(line[slot.active]) for slot in columns.slots)


def _row(columns: _Columns, user: str, line: Sequence[str]) -> Row:
    keys = [key for slot in columns.slots if (key := _key(slot, line))]
    return Row(user, path_of(line[columns.arn]), tuple(keys))


def _key(slot: _Slot, line: Sequence[str]) -> RowKey | None:
    active = _boolean(line[slot.active])
    rotated = _moment(line[slot.rotated])
    if rotated is None:
        if active:
            raise Malformed("the credential report shows an active key without a date")
        return None
    return RowKey(active, rotated, _last_used(slot, line))


def _last_used(slot: _Slot, line: Sequence[str]) -> LastUsed:
    value = line[slot.last_used]
    at = _moment(value)
    if at is not None:
        return LastUsed("at", at, _present_at(slot.service, line), _present_at(slot.region, line))
    if value.lower() == "n/a":
        return NEVER_USED
    return LastUsed.unknown(f"the credential report says {value or 'nothing'}")


def _present_at(index: int | None, line: Sequence[str]) -> str | None:
    return None if index is None else present(line[index])


def path_of(arn: str) -> str:
    """`arn:aws:iam::1:user/division/x/name` is at `/division/x/`."""
    inside = arn.partition(":user/")[2]
    folders = inside.rpartition("/")[0]
    return f"/{folders}/" if folders else "/"


def present(value: str | None) -> str | None:
    """AWS writes "N/A" (and other sentinels) where it knows no service or region."""
    return None if value is None or value.lower() in NO_TIME else value


def _boolean(value: str) -> bool:
    known = BOOLEANS.get(value)
    if known is None:
        known = BOOLEANS.get(value.lower())
    if known is None:
        raise Malformed("the credential report has a cell that is neither true nor false")
    return known


def _moment(value: str) -> datetime | None:
    if value == "N/A":  # by far the most frequent
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo is UTC else utc(moment)
    except (ValueError, OverflowError):
        if value.lower() in NO_TIME:
            return None
        raise Malformed("the credential report has a cell that is not a time") from None
