"""Small helpers over words: days, lengths, one line without a full key id."""

from datetime import datetime

from app.model import redact
from app.plan.notice import Notice

_COMING = {"deactivate": "Will be deactivated", "delete": "Will be deleted"}
_DONE = {"deactivate": "Deactivated", "delete": "Deleted"}


def day(instant: datetime) -> str:
    """``Fri 27 Nov 2026``."""
    return f"{instant:%a} {instant.day} {instant:%b %Y}"


def clip(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def plain(text: str) -> str:
    """One line without a full key id: names and tags are whatever their author typed."""
    return redact(" ".join(text.split()))


def act_line(notice: Notice) -> tuple[str, str] | None:
    """What happens, or has happened, and on which day; None when no date is named."""
    if notice.act is None or notice.act_at is None:
        return None
    label = (_DONE if notice.kind == "done" else _COMING)[notice.act]
    return label, day(notice.act_at)


def account(notice: Notice) -> str:
    """``prod (111122223333)``, or the bare id when that is all there is."""
    named = notice.account and notice.account != notice.account_id
    return f"{notice.account} ({notice.account_id})" if named else notice.account_id
