"""Which users the credential report alone can't answer for. Pure.

A report row has no key ids, its dates move when a status changes, and an inactive key may not show:
so whoever is near a stage, has changed, or is due for the 30-day true-up is read live.
"""

import hashlib
from datetime import UTC, datetime, timedelta

from app.inventory.interface import Need
from app.inventory.report import Row, RowKey
from app.model import ACTIVE, INACTIVE, Credential, LastUsed, RememberedKey, RememberedUser

TRUE_UP_DAYS = 30


def must_read_live(
    account_id: str, row: Row, remembered: RememberedUser | None, is_open: bool, need: Need, now: datetime
) -> bool:
    """Whether the row (with what is remembered) does not suffice to tell this user's keys."""
    return (
        need.live
        or is_open
        or _row_is_near(row, need, now)
        or (remembered is not None and _memory_is_near(remembered, need, now))
        or (remembered is not None and _changed(row, remembered))
        or _true_up_due(account_id, row.user, remembered, now)
    )


def _row_is_near(row: Row, need: Need, now: datetime) -> bool:
    inactive = need.inactive_matters and any(not key.active for key in row.keys)
    return inactive or any(key.active and now - key.rotated >= need.near_age for key in row.keys)


def _memory_is_near(remembered: RememberedUser, need: Need, now: datetime) -> bool:
    """The row hides the true age of a key that was toggled, and inactive keys altogether."""
    inactive = need.inactive_matters and any(key.status == INACTIVE for key in remembered.keys)
    return inactive or any(
        key.status == ACTIVE and now - key.created >= need.near_age for key in remembered.keys
    )


def _changed(row: Row, remembered: RememberedUser) -> bool:
    if any(key.rotated > remembered.read_at for key in row.keys):
        return True
    known_active = sum(key.status == ACTIVE for key in remembered.keys)
    shown_active = sum(key.active for key in row.keys)
    shown_inactive, known_inactive = len(row.keys) - shown_active, len(remembered.keys) - known_active
    return shown_active != known_active or shown_inactive > known_inactive


def _true_up_due(account_id: str, user: str, remembered: RememberedUser | None, now: datetime) -> bool:
    """Every user has one day in thirty, spread by a stable hash; a day missed is made up later."""
    slot = int.from_bytes(hashlib.sha256(f"{account_id}/{user}".encode()).digest()[:4]) % TRUE_UP_DAYS
    midnight = datetime(now.year, now.month, now.day, tzinfo=UTC)
    last_slot = midnight - timedelta(days=(now.toordinal() - slot) % TRUE_UP_DAYS)
    if remembered is None:
        return last_slot == midnight
    return remembered.read_at < last_slot


def far_credentials(
    account_id: str, row: Row, remembered: RememberedUser | None, at: datetime
) -> list[Credential]:
    """The credentials of a user for whom `must_read_live` is false.

    What was once read live wins over the row, which agrees with it (else the user would be read live):
    true dates and ids come from there. Without a memory there is no id.
    """
    if remembered is None:
        return [_from_row(account_id, row, key, at) for key in row.keys]
    return [_from_memory(account_id, row, key, at) for key in remembered.keys]


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


def _from_memory(account_id: str, row: Row, key: RememberedKey, at: datetime) -> Credential:
    return Credential(
        account_id=account_id,
        user=row.user,
        id=key.id,
        status=key.status,
        created=key.created,
        last_used=last_used_in_row(row, key.created),
        observed_at=at,
        live=False,
        user_path=row.path,
    )


def last_used_in_row(row: Row | None, created: datetime) -> LastUsed:
    """The last use of the key created in that second, unless two keys were, or the row shows neither."""
    second = created.replace(microsecond=0)
    matches = [key for key in row.keys if key.rotated.replace(microsecond=0) == second] if row else []
    if len(matches) == 1:
        return matches[0].last_used
    return LastUsed.unknown("not read: far from every stage")
