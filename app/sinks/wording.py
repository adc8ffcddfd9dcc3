"""The words that every sink shares, as plain text: each sink only lays them out."""

from collections.abc import Sequence
from datetime import datetime

from app.model import redact
from app.plan.notice import Notice
from app.sinks.interface import Message

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


def facts(notice: Notice) -> list[tuple[str, str]]:
    """The evidence, as labels and values, the most telling first."""
    act = act_line(notice)
    rows = [
        ("Key", f"{notice.key_tail} ({notice.status})"),
        ("User", notice.user),
        ("Account", account(notice)),
        ("Age", f"{notice.age_days} days, since {day(notice.created)}"),
        ("Last used", notice.last_used),
        ("Owner", f"{notice.owner} ({notice.owner_how})"),
    ]
    return [(label, plain(value)) for label, value in ([act] if act else []) + rows]


def account(notice: Notice) -> str:
    """``prod (111122223333)``, or the bare id when that is all there is."""
    named = notice.account and notice.account != notice.account_id
    return f"{notice.account} ({notice.account_id})" if named else notice.account_id


def title(message: Message) -> str:
    """The one line that a phone shows first."""
    if len(message.notices) == 1:
        return plain(message.notices[0].headline)
    return f"{len(message.notices)} AWS access keys need your attention"


def summary(message: Message) -> str:
    """What a digest holds, in one line: how many are urgent, and the first day on which something happens."""
    urgent = sum(notice.urgency == "critical" for notice in message.notices)
    days = [n.act_at for n in message.notices if n.act_at and n.kind == "warning"]
    parts = [f"{urgent} urgent" if urgent else "", f"the first acts on {day(min(days))}" if days else ""]
    return " · ".join(filter(None, parts))


def why_you(message: Message) -> str:
    """Why a fallback gets what is somebody else's."""
    if not message.is_fallback:
        return ""
    return "You get this because the owner is unknown here or can't be reached. Please pass it on."


def steps(notices: Sequence[Notice]) -> tuple[str, ...]:
    """How to rotate: said once, for the first notice that asks for it."""
    asking = (n.steps for n in notices if n.kind == "warning" and n.steps)
    return tuple(map(plain, next(asking, ())))


def undo(notice: Notice) -> str:
    """How to take a deactivation back; empty when there is nothing to take back."""
    if notice.kind != "done" or notice.act != "deactivate":
        return ""
    return f'keysteward restore {notice.finding_id} --reason "…"'
