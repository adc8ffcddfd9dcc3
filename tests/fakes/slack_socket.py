"""The other half of the fake Slack: Socket Mode, and people who press buttons (docs.slack.dev)."""

import json
import threading
from dataclasses import dataclass, field
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.fakes.slack import FakeSlack, Posted

APP_TOKEN = "xapp-fake"


@dataclass
class Opened:
    """A window that the app opened for a press."""

    trigger_id: str
    view: dict[str, Any]


@dataclass
class Whispered:
    """A message that one person alone can see."""

    channel: str
    user: str
    text: str


@dataclass
class _Line:
    """The websocket to the app."""

    socket: ServerConnection | None = None
    connected: threading.Event = field(default_factory=threading.Event)
    acks: dict[str, dict[str, Any]] = field(default_factory=dict)
    acked: threading.Condition = field(default_factory=threading.Condition)


class SocketSlack(FakeSlack):
    """`FakeSlack` with Socket Mode. Each `press` returns the app's acknowledgement of the envelope."""

    def __init__(self) -> None:
        super().__init__()
        self.windows: list[Opened] = []
        self.whispers: list[Whispered] = []
        self.heard = threading.Condition()
        self._line = _Line()
        self._numbers = 0
        self._websocket = serve(self._talk, "127.0.0.1", 0)

    def __enter__(self) -> Self:
        super().__enter__()
        threading.Thread(target=self._websocket.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._websocket.shutdown()
        super().__exit__(*error)

    # --- what the app asks for --------------------------------------------------------------------------

    def token_of(self, method: str) -> str:
        return APP_TOKEN if method == "apps.connections.open" else super().token_of(method)

    def _apps_connections_open(self, _: dict[str, Any]) -> dict[str, Any]:
        host, port = self._websocket.socket.getsockname()[:2]
        return {"url": f"ws://{host}:{port}/link"}

    def _views_open(self, body: dict[str, Any]) -> dict[str, Any]:
        with self.heard:
            self.windows.append(Opened(body["trigger_id"], body["view"]))
            self.heard.notify_all()
        return {"view": {"id": f"V{len(self.windows)}"}}

    def _chat_postEphemeral(self, body: dict[str, Any]) -> dict[str, Any]:
        with self.heard:
            self.whispers.append(Whispered(body["channel"], body["user"], body["text"]))
            self.heard.notify_all()
        return {"message_ts": "1.1"}

    def _talk(self, socket: ServerConnection) -> None:
        socket.send(json.dumps({"type": "hello", "num_connections": 1}))
        self._line.socket = socket
        self._line.connected.set()
        try:
            for text in socket:
                if text in ("ping", "pong"):
                    continue
                answer = json.loads(text)
                with self._line.acked:
                    self._line.acks[answer["envelope_id"]] = answer
                    self._line.acked.notify_all()
        except (ConnectionClosed, ValueError):
            return

    # --- what people do -----------------------------------------------------------------------------------

    def press(self, user_id: str, message: Posted, action: dict[str, Any], **forged: Any) -> dict[str, Any]:
        """A click; ``forged`` replaces parts of the payload. The same ``action_ts`` is the same click."""
        container = {"type": "message", "message_ts": message.ts, "channel_id": message.channel}
        if message.thread_ts:
            container["thread_ts"] = message.thread_ts
        self._numbers += 1
        payload = {
            "type": "block_actions",
            "user": {"id": user_id},
            "team": {"id": "T1"},
            "api_app_id": "A1",
            "trigger_id": f"trigger-{self._numbers}",
            "container": container,
            "actions": [{"action_ts": f"{self._numbers}.0", **action}],
            **forged,
        }
        return self.envelope(payload)

    def submit(self, user_id: str, window: Opened, reason: str, **forged: Any) -> dict[str, Any]:
        """Sends a window's form."""
        self._numbers += 1
        block = window.view["blocks"][0]
        values = {block["block_id"]: {block["element"]["action_id"]: {"value": reason}}}
        view = {**window.view, "id": f"V{self._numbers}", "state": {"values": values}}
        payload = {
            "type": "view_submission",
            "user": {"id": user_id},
            "team": {"id": "T1"},
            "view": view,
            **forged,
        }
        return self.envelope(payload)

    def envelope(self, payload: Any, kind: str = "interactive") -> dict[str, Any]:
        """Hands ``payload`` to the app and waits for its acknowledgement: Slack gives it 3 s."""
        assert self._line.connected.wait(5), "the app never connected"
        assert self._line.socket is not None
        self._numbers += 1
        envelope_id = f"envelope-{self._numbers}"
        told = {
            "envelope_id": envelope_id,
            "type": kind,
            "payload": payload,
            "accepts_response_payload": True,
        }
        self._line.socket.send(json.dumps(told))
        with self._line.acked:
            assert self._line.acked.wait_for(lambda: envelope_id in self._line.acks, 3), "no acknowledgement"
            return self._line.acks[envelope_id]

    def wait_for_whisper(self, number: int) -> Whispered:
        """The n-th message to one person alone."""
        with self.heard:
            assert self.heard.wait_for(lambda: len(self.whispers) >= number, 5), "no answer"
            return self.whispers[number - 1]

    def wait_for_window(self, number: int = 1) -> Opened:
        with self.heard:
            assert self.heard.wait_for(lambda: len(self.windows) >= number, 5), "no window"
            return self.windows[number - 1]
