"""The credential report as AWS makes it: the root's row first, no trailing newline."""

from base64 import b64encode
from collections.abc import Iterable
from datetime import UTC, datetime

from bench.fleet import Key, User

COLUMNS = (
    "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,"
    "password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,"
    "access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,"
    "access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,"
    "access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,"
    "cert_2_active,cert_2_last_rotated,additional_credentials_info"
)
NO_KEY = "false,N/A,N/A,N/A,N/A"


def encoded(account: str, users: Iterable[User]) -> str:
    """The report in base64, as it is answered."""
    root = (
        f"<root_account>,arn:aws:iam::{account}:root,2015-01-01T00:00:00+00:00,not_supported,no_information,"
        f"not_supported,not_supported,true,{NO_KEY},{NO_KEY},false,N/A,false,N/A,"
    )
    lines = [COLUMNS, root, *(_row(account, user) for user in users)]
    return b64encode("\n".join(lines).encode()).decode()


def _row(account: str, user: User) -> str:
    first, second = ([*map(_cells, user.keys), NO_KEY, NO_KEY])[:2]
    arn = f"arn:aws:iam::{account}:user{user.path}{user.name}"
    return (
        f"{user.name},{arn},{_iso(user.created)},false,N/A,N/A,N/A,false,{first},{second},"
        "false,N/A,false,N/A,"
    )


def _cells(key: Key) -> str:
    active = "true" if key.active else "false"
    if key.used is None:
        return f"{active},{_iso(key.rotated)},N/A,N/A,N/A"
    return f"{active},{_iso(key.rotated)},{_iso(key.used)},{key.region},{key.service}"


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
