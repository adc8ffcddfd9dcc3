"""A small stateful Slack: Web API, incoming webhook and response URLs (methods, codes and limits of
docs.slack.dev).

With a clock of the test's own it keeps Slack's rates too: one message a second and channel, and each
method's tier, with 429 and Retry-After; ``too_early`` holds the requests that did not wait for that.
"""

import itertools
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field, replace
from typing import Any

from tests.fakes.clock import HandClock
from tests.fakes.http import Answer, Fault, HttpFake, Request, status
from tests.fakes.slack_blocks import fault_of, is_view

TOKEN = "xoxb-fake"
TEAM = "T00000001"
WEBHOOK = f"/services/{TEAM}/B00000001/canary-of-the-webhook"
WEBHOOK_CHANNEL = "#hooked"
A_MINUTE = {"users.lookupByEmail": 50, "users.info": 100, "users.list": 20, "chat.postMessage": 300}


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
    metadata: dict[str, Any] = field(default_factory=dict)
    thread_ts: str | None = None
    username: str | None = None
    icon_emoji: str | None = None
    reply_broadcast: bool = False


@dataclass
class User:
    id: str
    email: str
    deleted: bool = False
    is_bot: bool = False
    is_stranger: bool = False
    is_email_confirmed: bool = True
    team_id: str = TEAM
    name: str = ""

    def shown(self) -> dict[str, Any]:
        profile = {"email": self.email, "real_name": self.name or self.email.partition("@")[0]}
        flags = {"deleted": self.deleted, "is_bot": self.is_bot, "is_stranger": self.is_stranger}
        confirmed = {"is_email_confirmed": self.is_email_confirmed, "team_id": self.team_id}
        return {"id": self.id, "name": profile["real_name"], "profile": profile, **flags, **confirmed}


@dataclass
class _Workspace:
    users: dict[str, User] = field(default_factory=dict)  # by e-mail
    channels: dict[str, str] = field(default_factory=dict)  # name or user id -> channel id
    messages: list[Posted] = field(default_factory=list)


class FakeSlack(HttpFake):
    """One workspace. ``scopes_denied`` names methods that answer missing_scope."""

    def __init__(
        self,
        token: str = TOKEN,
        scopes_denied: frozenset[str] = frozenset(),
        clock: HandClock | None = None,
    ) -> None:
        super().__init__()
        self.token = token
        self.scopes_denied = scopes_denied
        self.clock = clock
        self.shows_deleted = False  # whether a lookup by address still finds who has left
        self.too_early: list[Request] = []
        self.refused = 0  # answers of 429
        self.ephemerals: list[dict[str, Any]] = []
        self.views: list[dict[str, Any]] = []
        self.responses: list[tuple[str, dict[str, Any]]] = []  # (response URL's path, what was posted)
        self._space = _Workspace()
        self._serial = itertools.count()
        self._closed: dict[str, float] = {}
        self._latest: dict[str, float] = {}
        self._minute: dict[str, deque[float]] = defaultdict(deque)

    # --- what a test does and sees ---------------------------------------------------------------

    @property
    def base_url(self) -> str:
        return f"{self.url}/api/"

    @property
    def webhook_url(self) -> str:
        """Posts to `WEBHOOK_CHANNEL`."""
        return self.url + WEBHOOK

    @property
    def messages(self) -> list[Posted]:
        """Every message of the workspace, oldest first; replies carry ``thread_ts``."""
        return list(self._space.messages)

    def add_user(self, email: str, deleted: bool = False, **more: Any) -> User:
        user = User(f"U{len(self._space.users) + 1:08d}", email, deleted, **more)
        self._space.users[email] = user
        return user

    def add_channel(self, name: str) -> str:
        """``#iam-keys``; returns its id."""
        return self._space.channels.setdefault(name, f"C{len(self._space.channels) + 1:08d}")

    def messages_to(self, email_or_channel: str) -> list[Posted]:
        user = self._space.users.get(email_or_channel)
        channel = self._space.channels.get(user.id if user else email_or_channel)
        return [message for message in self._space.messages if message.channel == channel]

    def delete(self, message: Posted) -> None:
        self._space.messages.remove(message)

    # --- over HTTP -------------------------------------------------------------------------------

    def operation(self, request: Request) -> str:
        return request.path.removeprefix("/api/") if request.path.startswith("/api/") else request.path

    def handle(self, request: Request) -> Answer | None:
        operation, now = self.operation(request), self._now()
        if now < self._closed.get(operation, 0.0):
            self.too_early.append(request)
        reply = super().handle(request)
        if reply and reply.status == 429:
            self.refused += 1
            self._closed[operation] = now + int(reply.headers["Retry-After"])
        return reply

    def answer(self, request: Request) -> Answer:
        if request.path.startswith("/services/"):
            return self._hooked(request)
        if request.path.startswith("/response/"):
            self.responses.append((request.path, request.body))
            return Answer(body="ok")
        method, body = self.operation(request), {**request.query, **request.body}
        limited = self._limited(method, A_MINUTE.get(method)) or self._limited_post(method, body)
        return limited or self._called(method, body, request)

    def _called(self, method: str, body: dict[str, Any], request: Request) -> Answer:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return Answer(body={"ok": False, "error": "invalid_auth"})
        if method in self.scopes_denied:
            return Answer(body={"ok": False, "error": "missing_scope"})
        act = getattr(self, "_" + method.replace(".", "_"), None)
        result = act(body) if act else {"error": "unknown_method"}
        return Answer(body={"ok": "error" not in result, **result})

    def _now(self) -> float:
        return self.clock.time() if self.clock else time.time()

    def _limited(self, method: str, number: int | None) -> Answer | None:
        if self.clock is None or number is None:
            return None
        recent, now = self._minute[method], self._now()
        while recent and recent[0] <= now - 60:
            recent.popleft()
        if len(recent) >= number:
            return rate_limited(30).answer
        recent.append(now)
        return None

    def _limited_post(self, method: str, body: dict[str, Any]) -> Answer | None:
        if self.clock is None or method not in ("chat.postMessage", WEBHOOK_CHANNEL):
            return None
        channel, now = self._channel(body.get("channel", method)) or "", self._now()
        if now - self._latest.get(channel, 0.0) < 1 - 1e-6:
            return rate_limited(2).answer
        self._latest[channel] = now
        return None

    def _hooked(self, request: Request) -> Answer:
        """docs.slack.dev/messaging/sending-messages-using-incoming-webhooks: a word and an HTTP status."""
        self.add_channel(WEBHOOK_CHANNEL)
        body = request.body
        if request.path != WEBHOOK:
            return Answer(404, "no_service")
        if not body.get("text") or fault_of(body.get("blocks", [])):
            return Answer(400, "invalid_blocks" if body.get("text") else "no_text")
        limited = self._limited_post(WEBHOOK_CHANNEL, {})
        if limited is None:
            self._stored(self._space.channels[WEBHOOK_CHANNEL], body)
        return limited or Answer(body="ok")

    # --- methods: an unknown one is looked for as `_name_with_underscores` ------------------------

    def _auth_test(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"user_id": "U0BOT", "bot_id": "B0BOT", "team": "Fake", "team_id": TEAM}

    def _users_lookupByEmail(self, body: dict[str, Any]) -> dict[str, Any]:
        user = self._space.users.get(body.get("email", ""))
        # Of a deactivated user its page says "not found" too, others have seen them with ``deleted``.
        hidden = user is None or (user.deleted and not self.shows_deleted)
        return {"error": "users_not_found"} if user is None or hidden else {"user": user.shown()}

    def _users_info(self, body: dict[str, Any]) -> dict[str, Any]:
        user = next((u for u in self._space.users.values() if u.id == body.get("user")), None)
        return {"user": user.shown()} if user else {"error": "user_not_found"}

    def _users_list(self, body: dict[str, Any]) -> dict[str, Any]:
        users = [user.shown() for user in self._space.users.values()]
        start, end = int(body.get("cursor", 0)), int(body.get("cursor", 0)) + int(body["limit"])
        return {
            "members": users[start:end],
            "response_metadata": {"next_cursor": str(end) if end < len(users) else ""},
        }

    def _conversations_open(self, body: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel(body["users"])
        return {"channel": {"id": channel}} if channel else {"error": "user_not_found"}

    def _chat_postMessage(self, body: dict[str, Any]) -> dict[str, Any]:
        channel = self._channel(body["channel"])
        fault = "" if channel else "channel_not_found"
        fault = fault or fault_of(body.get("blocks", []))
        if not fault and body.get("thread_ts") and not self._is_root(channel, body["thread_ts"]):
            fault = "thread_not_found"
        if fault or channel is None:
            return {"error": fault}
        posted = self._stored(channel, body)
        return {"channel": channel, "ts": posted.ts, "message": {"text": posted.text, "ts": posted.ts}}

    def _is_root(self, channel: str | None, ts: str) -> bool:
        return any(m.ts == ts and m.channel == channel and m.thread_ts is None for m in self._space.messages)

    def _stored(self, channel: str, body: dict[str, Any]) -> Posted:
        ts = f"{int(self._now())}.{next(self._serial):06d}"
        names = ("metadata", "thread_ts", "username", "icon_emoji", "reply_broadcast")
        optional = {name: body[name] for name in names if name in body}
        posted = Posted(channel, ts, body["text"], body.get("blocks", []), **optional)
        self._space.messages.append(posted)
        return posted

    def _chat_update(self, body: dict[str, Any]) -> dict[str, Any]:
        for at, old in enumerate(self._space.messages):
            if (old.channel, old.ts) == (body["channel"], body["ts"]):
                fault = fault_of(body.get("blocks", []))
                if fault:
                    return {"error": fault}
                new = replace(old, text=body.get("text", ""), blocks=body.get("blocks", old.blocks))
                self._space.messages[at] = new
                return {"channel": new.channel, "ts": new.ts, "text": new.text}
        return {"error": "message_not_found"}

    def _chat_postEphemeral(self, body: dict[str, Any]) -> dict[str, Any]:
        channel, fault = self._channel(body["channel"]), fault_of(body.get("blocks", []))
        if fault or channel is None:
            return {"error": fault or "channel_not_found"}
        self.ephemerals.append({**body, "channel": channel})
        return {"message_ts": f"{int(self._now())}.{len(self.ephemerals):06d}"}

    def _views_open(self, body: dict[str, Any]) -> dict[str, Any]:
        if not body.get("trigger_id"):
            return {"error": "invalid_trigger_id"}
        if not is_view(body.get("view")):
            return {"error": "invalid_arguments"}
        self.views.append(body["view"])
        return {"view": {"id": f"V{len(self.views):08d}", **body["view"]}}

    def _conversations_history(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["channel"] not in self._space.channels.values():
            return {"error": "channel_not_found"}
        mine = [m for m in self._space.messages if m.channel == body["channel"]]
        found = [m for m in mine if m.thread_ts is None or m.reply_broadcast]
        return _paged([_shown(m) for m in reversed(found)], body)

    def _conversations_replies(self, body: dict[str, Any]) -> dict[str, Any]:
        mine = [m for m in self._space.messages if m.channel == body["channel"]]
        found = [m for m in mine if body["ts"] in (m.ts, m.thread_ts)]
        return _paged([_shown(m) for m in found], body) if found else {"error": "thread_not_found"}

    def _channel(self, target: str) -> str | None:
        if target in self._space.channels.values():
            return target
        if any(user.id == target for user in self._space.users.values()):
            return self._space.channels.setdefault(target, f"D{len(self._space.channels) + 1:08d}")
        return self._space.channels.get(target)


def _shown(message: Posted) -> dict[str, Any]:
    thread = {"thread_ts": message.thread_ts} if message.thread_ts else {}
    kind = {"subtype": "thread_broadcast"} if message.reply_broadcast else {}
    return {"ts": message.ts, "text": message.text, "metadata": message.metadata, **thread, **kind}


def _paged(messages: list[dict[str, Any]], body: dict[str, Any]) -> dict[str, Any]:
    start = int(body.get("cursor") or 0)
    end = start + int(body.get("limit", 100))
    return {
        "messages": messages[start:end],
        "response_metadata": {"next_cursor": str(end) if end < len(messages) else ""},
    }
