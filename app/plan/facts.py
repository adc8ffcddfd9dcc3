"""What is remembered of a credential from one reading to the next."""

from dataclasses import replace
from datetime import datetime, timedelta

from app.model import ACTIVE, INACTIVE, Credential, Facts

# IAM is eventually consistent: an Active seen this soon after our own deactivation is an echo.
SETTLING = timedelta(minutes=10)
# The same holds for a use by somebody who had not heard of it yet, and uses are recorded by quarter hours.
STRAY_USE = timedelta(hours=1)


def remember(old: Facts | None, credential: Credential, now: datetime, clock_holds: bool = True) -> Facts:
    """The facts after seeing ``credential`` at ``now``.

    By a clock that is in doubt no quiet period begins: a run that knows the time begins it.
    """
    assert credential.id  # noqa: S101 - a judgeable credential has its id
    began = inactive_since(old, credential, now)
    since = began if clock_holds or (old and began == old.inactive_since) else None
    if old is None:
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
    return replace(
        old,
        user=credential.user,
        created=credential.created,
        status=credential.status,
        inactive_since=since,
        deactivated_at=old.deactivated_at if credential.status == INACTIVE else None,
        last_used=credential.last_used if credential.live or credential.last_used.at else old.last_used,
    )


def inactive_since(old: Facts | None, credential: Credential, now: datetime) -> datetime | None:
    """Since when it is Inactive without a break. None: it isn't.

    A key that was used meanwhile was Active in between, though no run saw it so.
    """
    if credential.status != INACTIVE:
        return None
    since, used = old.inactive_since if old else None, credential.last_used.at
    return now if since is None or (used and used > since + STRAY_USE) else since


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
