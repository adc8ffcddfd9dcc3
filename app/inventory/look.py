"""Which users the credential report, with what is remembered, can't answer for. Pure.

A report row has no key ids, its dates move when a status changes, and an inactive key may not show:
so whoever newly comes near a stage, has changed, or is due for the 30-day true-up is read live.
"""

import hashlib
from datetime import UTC, datetime, timedelta

from app.inventory.interface import AccountMemory, Need
from app.inventory.join import last_used_in_row, second
from app.inventory.report import Row, RowKey
from app.model import ACTIVE, INACTIVE, Credential, RememberedKey, RememberedUser

TRUE_UP_DAYS = 30
FIRST_USE_SPAN = timedelta(minutes=15)  # a use is recorded by spans of so long
SETTLING = timedelta(minutes=10)  # IAM shows a change late, and our clock may be ahead of AWS's


def answer(
    account_id: str, row: Row, memory: AccountMemory, need: Need, now: datetime
) -> list[Credential] | None:
    """The user's credentials, out of his row and what is remembered; None when he must be read live.

    What was once read live wins over the row that agrees with it: true dates and ids come from there, and
    tags and groups while one of his keys is near a stage or has a finding. Without a memory there is no id.
    """
    known = memory.users.get(row.user)
    since = known.read_at if known else memory.since
    if need.live or _true_up_due(account_id, row.user, since, now):
        return None
    if known is None:
        unclear = row_is_near(row, need, now) or row.user in memory.open_users or _was_toggled(row)
        return None if unclear else [_from_row(account_id, row, key, now) for key in row.keys]
    if _changed(row, known) or _contradicted(known, memory):
        return None
    near = row.user in memory.open_users or is_near(known, need, now)
    return _from_memory(account_id, row, known, near, now)


def row_is_near(row: Row, need: Need, now: datetime) -> bool:
    inactive = need.inactive_matters and any(not key.active for key in row.keys)
    return inactive or any(key.active and now - key.rotated >= need.near_age for key in row.keys)


def _was_toggled(row: Row) -> bool:
    """A key that was used before it was "rotated" is older than it looks: its status was changed since."""
    return any(
        key.last_used.at is not None and key.last_used.at < key.rotated - FIRST_USE_SPAN for key in row.keys
    )


def is_near(known: RememberedUser, need: Need, now: datetime) -> bool:
    """The row hides the true age of a key that was toggled, and inactive keys altogether."""
    inactive = need.inactive_matters and any(key.status == INACTIVE for key in known.keys)
    return inactive or any(key.status == ACTIVE and now - key.created >= need.near_age for key in known.keys)


def _changed(row: Row, known: RememberedUser) -> bool:
    oldest = min((second(key.created) for key in known.keys), default=known.read_at)
    surely_seen = known.read_at - SETTLING
    if any(not oldest <= key.rotated <= surely_seen for key in row.keys):
        return True
    known_active = sum(key.status == ACTIVE for key in known.keys)
    shown_active = sum(key.active for key in row.keys)
    shown_inactive, known_inactive = len(row.keys) - shown_active, len(known.keys) - known_active
    return shown_active != known_active or shown_inactive > known_inactive


def _contradicted(known: RememberedUser, memory: AccountMemory) -> bool:
    """Whether the ledger knows better: of an act of our own, or of an open finding's key."""
    if any(memory.statuses.get(key.id, key.status) != key.status for key in known.keys):
        return True
    return not memory.open_keys_of(known.user) <= {key.id for key in known.keys}


def _true_up_due(account_id: str, user: str, since: datetime | None, now: datetime) -> bool:
    """Every user has one day in thirty, spread by a stable hash; a day missed is made up later.

    ``since``: he was last read live, or his account first scanned; a first scan trues nobody up.
    """
    if since is None:
        return False
    slot = int.from_bytes(hashlib.sha256(f"{account_id}/{user}".encode()).digest()[:4]) % TRUE_UP_DAYS
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC)
    return since < midnight - timedelta(days=(now.toordinal() - slot) % TRUE_UP_DAYS)


def _from_row(account_id: str, row: Row, key: RowKey, at: datetime) -> Credential:
    return Credential(
        account_id=account_id,
        user=row.user,
        id=None,
        status=ACTIVE if key.active else INACTIVE,
        created=key.rotated,
        last_used=key.last_used,
        observed_at=at,
        live=False,
        user_path=row.path,
    )


def _from_memory(
    account_id: str, row: Row, known: RememberedUser, near: bool, now: datetime
) -> list[Credential] | None:
    """None when a user near a stage lacks something that judging asks for: tags, groups, a key's last use."""
    if near and (known.tags is None or known.groups is None):
        return None
    found = [_remembered(account_id, row, known, key, near, now) for key in known.keys]
    blind = near and any(c.status == ACTIVE and c.last_used.state == "unknown" for c in found)
    return None if blind else found


def _remembered(
    account_id: str, row: Row, known: RememberedUser, key: RememberedKey, near: bool, at: datetime
) -> Credential:
    return Credential(
        account_id=account_id,
        user=row.user,
        id=key.id,
        status=key.status,
        created=key.created,
        last_used=last_used_in_row(row, key, known.keys),
        observed_at=at,
        live=False,
        user_path=row.path,
        tags=known.tags if near else None,
        groups=known.groups if near else None,
    )
