"""Where a message goes: a thread of its own, or that of an earlier message to the same recipient."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from app.errors import RecipientUnreachable
from app.sinks.interface import Message
from app.sinks.slack.api import SlackApi, ThreadGone, unclear
from app.sinks.tree import listed, optional, part

# After this a thread is so far up that nobody finds it: a new one is started.
THREAD_LIFETIME = timedelta(days=30)
_TS = re.compile(r"\d{1,12}(\.\d{1,12})?", re.ASCII)
PAGE = 200
PAGES = 5  # of what is searched: enough for a month's thread, or a channel's last days


@dataclass(slots=True)
class Thread:
    """``ts`` is its root, None when there is none yet. ``told``: findings of this message that stand there.

    ``earlier``: the root is an older message, so that not even the first page stands there by itself.
    """

    channel: str
    ts: str | None = None
    earlier: bool = False
    told: set[str] = field(default_factory=set)
    begun: bool = False  # a page of this message has arrived
    at: str = ""  # the ts of the latest page that an earlier attempt had left
    blind: bool = False  # an earlier attempt may have arrived, and the scopes don't allow looking


def references(message: Message, target: str) -> dict[str, str]:
    """What `newest_root` will find the thread by; ``user`` also saves looking the address up again."""
    return {"to": message.recipient} | ({"user": target} if target != message.recipient else {})


def newest_root(message: Message, target: str) -> Thread | None:
    """The latest thread with this very recipient that is young enough, by the notices' references.

    An address that has gone to another user, and a finding that has gone to another owner, begin anew.
    """
    same = references(message, target).items()
    mine = [notice.refs for notice in message.notices if same <= notice.refs.items()]
    roots = [(float(refs["ts"]), refs) for refs in mine if _is_ts(refs.get("ts", ""))]
    if not roots:
        return None
    at, refs = max(roots, key=lambda root: root[0])
    young = message.now.timestamp() - at < THREAD_LIFETIME.total_seconds()
    return Thread(refs["channel"], refs["ts"], earlier=True) if young else None


def _is_ts(text: str) -> bool:
    return _TS.fullmatch(text) is not None


def found_at(thread: Thread) -> datetime | None:
    """When the message arrived, if all of it was found."""
    return datetime.fromtimestamp(_seconds(thread.at), UTC) if thread.at else None


def _seconds(ts: str) -> float:
    return float(ts) if _is_ts(ts) else 0.0


def find(api: SlackApi, message: Message, target: str) -> Thread | None:
    """What an earlier attempt at ``message`` left; None when nothing did. Raises as `SlackApi.read`."""
    earlier = newest_root(message, target)
    if earlier and _read_replies(api, message.id, earlier):
        return earlier
    channel = _direct_channel(api, target) if target.startswith(("U", "W")) else target
    recent = _messages(api, "conversations.history", message.id, channel=channel)
    roots = (m for m in recent if optional(m, "thread_ts") in ("", optional(m, "ts")))
    ts = next(filter(_is_ts, (optional(root, "ts") for root in roots)), None)
    if ts is None:
        return None
    started = Thread(channel, ts)
    _read_replies(api, message.id, started)
    return started


def _read_replies(api: SlackApi, message_id: str, thread: Thread) -> bool:
    """Whether a part of the message stands in the thread; notes which."""
    where = {"channel": thread.channel, "ts": thread.ts or ""}
    try:
        for reply in _messages(api, "conversations.replies", message_id, **where):
            findings = listed(reply, "metadata", "event_payload", "findings")
            thread.told.update(each for each in findings if isinstance(each, str))
            thread.begun, thread.at = True, max(thread.at, optional(reply, "ts"), key=_seconds)
    except (ThreadGone, RecipientUnreachable):
        return False
    return thread.begun


def _direct_channel(api: SlackApi, user: str) -> str:
    channel = optional(api.read("conversations.open", users=user), "channel", "id")
    if not channel:
        raise unclear("conversations.open")
    return channel


def _messages(api: SlackApi, method: str, message_id: str, **params: str) -> Iterator[object]:
    cursor = ""
    for _ in range(PAGES):
        more = {"cursor": cursor} if cursor else {}
        answer = api.read(method, include_all_metadata=True, limit=PAGE, **params, **more)
        found = listed(answer, "messages")
        yield from (m for m in found if part(m, "metadata", "event_payload", "message_id") == message_id)
        cursor = optional(answer, "response_metadata", "next_cursor")
        if not cursor:
            return
