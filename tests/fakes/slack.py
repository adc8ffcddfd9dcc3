"""A small stateful Slack Web API (the methods, codes and limits of docs.slack.dev)."""

from dataclasses import dataclass, field
from typing import Any

from tests.fakes.http import Answer, Fault, HttpFake, Request, status

TOKEN = "xoxb-fake"


def not_ok(code: str) -> Fault:
    """Slack's way to fail: HTTP 200 with ``ok: false``."""
    return Fault(Answer(200, {"ok": False, "error": code}))


def rate_limited(seconds: int) -> Fault:
    return status(429, {"ok": False, "error": "ratelimited"}, Retry_After=str(seconds))


@dataclass(frozen=True)
class Posted:
    """A message as it stands in a channel."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    metadata: dict[str, Any]
    thread_ts: str | None = None
    username: str | None = None


@dataclass
class User:
    id: str
    email: str
    deleted: bool = False


@dataclass
class _Workspace:
    users: dict[str, User] = field(default_factory=dict)  # by e-mail
    channels: dict[str, str] = field(default_factory=dict)  # name or user id -> channel id
    messages: list[Posted] = field(default_factory=list)


class FakeSlack(HttpFake):
    """One workspace. ``scopes_denied`` names methods that answer missing_scope."""

    def __init__(self, token: str = TOKEN, scopes_denied: frozenset[str] = frozenset()) -> None:
        super().__init__()
        self.token = token
        self.scopes_denied = scopes_denied
        self._space = _Workspace()

    @property
    def base_url(self) -> str:
        return f"{self.url}/api/"

    @property
    def messages(self) -> list[Posted]:
        """Every message of the workspace, oldest first; replies carry ``thread_ts``."""
        return list(self._space.messages)

    def add_user(self, email: str, deleted: bool = False) -> User:
        user = User(f"U{len(self._space.users) + 1:08d}", email, deleted)
        self._space.users[email] = user
        return user

    def add_channel(self, name: str) -> str:
        """``#iam-keys``; returns its id."""
        return self._space.channels.setdefault(name, f"C{len(self._space.channels) + 1:08d}")

    def messages_to(self, email_or_channel: str) -> list[Posted]:
        user = self._space.users.get(email_or_channel)
        channel = self._space.channels.get(user.id if user else email_or_channel)
        return [message for message in self._space.messages if message.channel == channel]

    def operation(self, request: Request) -> str:
        return request.path.removeprefix("/api/")

    def answer(self, request: Request) -> Answer:
        method = self.operation(request)
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return Answer(body={"ok": False, "error": "invalid_auth"})
        if method in self.scopes_denied:
            return Answer(body={"ok": False, "error": "missing_scope"})
        act = getattr(self, "_" + method.replace(".", "_"), None)
        result = act({**request.query, **request.body}) if act else {"error": "unknown_method"}
        return Answer(body={"ok": "error" not in result, **result})

    def _auth_test(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"user_id": "U0BOT", "team": "Fake"}

    def _users_lookupByEmail(self, body: dict[str, Any]) -> dict[str, Any]:
        user = self._space.users.get(body.get("email", ""))
        if user is None:
            return {"error": "users_not_found"}
        return {"user": {"id": user.id, "deleted": user.deleted, "profile": {"email": user.email}}}

    def _conversations_open(self, body: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel(body["users"])
        return {"channel": {"id": channel}} if channel else {"error": "user_not_found"}

    def _chat_postMessage(self, body: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel(body["channel"])
        if channel is None:
            return {"error": "channel_not_found"}
        fault = _fault_of_blocks(body.get("blocks", []))
        if fault:
            return {"error": fault}
        ts = f"1700000000.{len(self._space.messages):06d}"
        names = ("thread_ts", "username")
        optional = {name: body[name] for name in names if name in body}
        posted = Posted(channel, ts, body["text"], body["blocks"], body.get("metadata", {}), **optional)
        self._space.messages.append(posted)
        return {"channel": channel, "ts": ts}

    def _conversations_history(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["channel"] not in self._space.channels.values():
            return {"error": "channel_not_found"}
        found = [m for m in self._space.messages if m.channel == body["channel"] and m.thread_ts is None]
        return {"messages": [_shown(m) for m in reversed(found)]}

    def _conversations_replies(self, body: dict[str, Any]) -> dict[str, Any]:
        found = [m for m in self._space.messages if body["ts"] in (m.ts, m.thread_ts)]
        return {"messages": [_shown(m) for m in found]}

    def _channel(self, target: str) -> str | None:
        if target in self._space.channels.values():
            return target
        if any(user.id == target for user in self._space.users.values()):
            return self._space.channels.setdefault(target, f"D{len(self._space.channels) + 1:08d}")
        return self._space.channels.get(target)


def _shown(message: Posted) -> dict[str, Any]:
    thread = {"thread_ts": message.thread_ts} if message.thread_ts else {}
    return {"ts": message.ts, "text": message.text, "metadata": message.metadata, **thread}


def _fault_of_blocks(blocks: list[dict[str, Any]]) -> str:
    """Block Kit's limits, as the real API refuses them."""
    if len(blocks) > 50:
        return "invalid_blocks"
    if sum(len(str(block)) for block in blocks) > 13_200 + 100 * len(blocks):
        return "msg_blocks_too_long"
    return "" if all(map(_is_valid, blocks)) else "invalid_blocks"


def _is_valid(block: dict[str, Any]) -> bool:
    text = block.get("text", {}).get("text", "x")
    limit = 150 if block["type"] == "header" else 3000
    fields = block.get("fields", [])
    short = all(0 < len(f["text"]) <= 2000 for f in fields)
    return 0 < len(text) <= limit and len(fields) <= 10 and short and len(block.get("elements", [])) <= 10
