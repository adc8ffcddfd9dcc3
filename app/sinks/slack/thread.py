"""Where a message goes: a thread of its own, or that of an earlier message to the same recipient."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from app.errors import RecipientUnreachable
from app.sinks.interface import Message
from app.sinks.slack.api import SlackApi, ThreadGone

# After this a thread is so far up that nobody finds it: a new one is started.
THREAD_LIFETIME = timedelta(days=30)
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
    return text.replace(".", "", 1).isdecimal()


def find(api: SlackApi, message: Message, target: str) -> Thread | None:
    """What an earlier attempt at ``message`` left; None when nothing did. Raises as `SlackApi.read`."""
    earlier = newest_root(message, target)
    if earlier and _read_replies(api, message.id, earlier):
        return earlier
    channel = _direct_channel(api, target) if target.startswith(("U", "W")) else target
    recent = _messages(api, "conversations.history", message.id, channel=channel)
    first = next((m for m in recent if m.get("thread_ts", m["ts"]) == m["ts"]), None)
    if first is None:
        return None
    started = Thread(channel, first["ts"])
    _read_replies(api, message.id, started)
    return started


def _read_replies(api: SlackApi, message_id: str, thread: Thread) -> bool:
    """Whether a part of the message stands in the thread; notes which."""
    where = {"channel": thread.channel, "ts": thread.ts or ""}
    try:
        for reply in _messages(api, "conversations.replies", message_id, **where):
            thread.told.update(_payload(reply).get("findings", ()))
            thread.begun = True
    except (ThreadGone, RecipientUnreachable):
        return False
    return thread.begun


def _direct_channel(api: SlackApi, user: str) -> str:
    return str(api.read("conversations.open", users=user)["channel"]["id"])


def _messages(api: SlackApi, method: str, message_id: str, **params: str) -> Iterator[dict[str, Any]]:
    cursor = ""
    for _ in range(PAGES):
        more = {"cursor": cursor} if cursor else {}
        answer = api.read(method, include_all_metadata=True, limit=PAGE, **params, **more)
        found = answer.get("messages", ())
        yield from (m for m in found if _payload(m).get("message_id") == message_id)
        cursor = answer.get("response_metadata", {}).get("next_cursor", "")
        if not cursor:
            return


def _payload(message: dict[str, Any]) -> dict[str, Any]:
    return dict(message.get("metadata", {}).get("event_payload", {}))
