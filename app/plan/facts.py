"""What is remembered of a credential from one reading to the next."""

from dataclasses import replace
from datetime import datetime, timedelta

from app.model import ACTIVE, INACTIVE, Credential, Facts

# IAM is eventually consistent: an Active seen this soon after our own deactivation is an echo.
SETTLING = timedelta(minutes=10)


def remember(old: Facts | None, credential: Credential, now: datetime) -> Facts:
    """The facts after seeing ``credential`` at ``now``."""
    assert credential.id  # noqa: S101 - a judgeable credential has its id
    if old is None:
        since = now if credential.status == INACTIVE else None
        return Facts(
            uid=credential.uid,
            account_id=credential.account_id,
            user=credential.user,
            key_id=credential.id,
            created=credential.created,
            first_seen=now,
            status=credential.status,
            inactive_since=since,
            last_used=credential.last_used,
        )
    inactive = credential.status == INACTIVE
    return replace(
        old,
        user=credential.user,
        created=credential.created,
        status=credential.status,
        inactive_since=(old.inactive_since or now) if inactive else None,
        deactivated_at=old.deactivated_at if inactive else None,
        last_used=credential.last_used if credential.live or credential.last_used.at else old.last_used,
    )


def as_remembered(facts: Facts) -> Credential:
    """The credential as it was last seen: its tags and groups are not remembered."""
    return Credential(
        account_id=facts.account_id,
        user=facts.user,
        id=facts.key_id,
        status=facts.status,
        created=facts.created,
        last_used=facts.last_used,
        observed_at=facts.first_seen,
        live=True,
    )


def is_echo(old: Facts | None, credential: Credential, now: datetime) -> bool:
    """Whether this reading is older than our own act on the key: nothing is concluded from it."""
    if old is None or old.deactivated_at is None or credential.status != ACTIVE:
        return False
    return timedelta(0) < now - old.deactivated_at < SETTLING


def reactivated(old: Facts | None, credential: Credential) -> bool:
    return old is not None and old.status == INACTIVE and credential.status == ACTIVE
