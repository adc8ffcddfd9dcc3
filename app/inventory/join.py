"""Which line of the credential report is which key's. Pure.

A line has no key id. Its only date is the key's creation or, later, its last change of status.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from app.inventory.report import Row, RowKey
from app.model import Credential, LastUsed, RememberedKey

NOT_READ = "not read: far from every stage"


def last_used_in_row(row: Row | None, key: RememberedKey, keys: Sequence[RememberedKey]) -> LastUsed:
    """The last use of that one of the user's ``keys``, by the row; unknown where the row can't tell."""
    mine = lines_of(row, keys).get(key.id) if row else None
    return mine.last_used if mine else LastUsed.unknown(NOT_READ)


def lines_of(row: Row, keys: Sequence[RememberedKey]) -> Mapping[str, RowKey]:
    """By key id. A line is the key's that was made, or is known to have changed, in its very second.

    One that was toggled since shows a later date: it is the one that is left over when the others are found.
    """
    found = dict(_by_date(row, keys))
    left_keys, left_lines = left_over(row, keys, found)
    if len(row.keys) == len(keys) and len(left_keys) == len(left_lines) == 1:
        key, line = left_keys[0], left_lines[0]
        if line.rotated > _date(key) and second(line.rotated) not in map(_date, keys):
            found[key.id] = line
    return found


def learn_lines(row: Row, keys: Sequence[Credential]) -> Mapping[str, datetime]:
    """Of keys just read live: the dates of their lines, by key id, where these aren't their creation's.

    Two that were both toggled are told apart by their last use, if each is that of one line alone.
    """
    known = [RememberedKey(key.id, key.created, key.status) for key in keys if key.id]
    found = dict(lines_of(row, known))
    _, left = left_over(row, known, found)
    if len(row.keys) == len(known) and len(left) > 1:
        found |= _by_use(left, [key for key in keys if key.id not in found])
    made = {key.id: second(key.created) for key in known}
    return {id_: line.rotated for id_, line in found.items() if second(line.rotated) != made[id_]}


def left_over(
    row: Row, keys: Sequence[RememberedKey], found: Mapping[str, RowKey]
) -> tuple[list[RememberedKey], list[RowKey]]:
    taken = list(found.values())
    return [key for key in keys if key.id not in found], [line for line in row.keys if line not in taken]


def second(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)


def _date(key: RememberedKey) -> datetime:
    return second(key.line or key.created)


def _by_date(row: Row, keys: Sequence[RememberedKey]) -> Iterator[tuple[str, RowKey]]:
    dates = [_date(key) for key in keys]
    for key, date in zip(keys, dates, strict=True):
        mine = [line for line in row.keys if second(line.rotated) == date]
        if len(mine) == 1 and dates.count(date) == 1:
            yield key.id, mine[0]


def _by_use(lines: Sequence[RowKey], keys: Sequence[Credential]) -> Mapping[str, RowKey]:
    """All of them or none."""
    found: dict[str, RowKey] = {}
    for key in keys:
        mine = [line for line in lines if _same_use(line, key) and line.rotated > key.created]
        if len(mine) == 1 and key.id and mine[0] not in found.values():
            found[key.id] = mine[0]
    return found if len(found) == len(lines) else {}


def _same_use(line: RowKey, key: Credential) -> bool:
    one, other = line.last_used, key.last_used
    return one.state == other.state != "unknown" and one.at == other.at
