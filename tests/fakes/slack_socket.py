"""The other half of the fake Slack: Socket Mode, and people who press buttons (docs.slack.dev)."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from tests.fakes.http import Answer, Request
from tests.fakes.slack import TEAM, FakeSlack, Posted

APP_TOKEN = "xapp-fake"


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
        self.app_token = APP_TOKEN
        self.connections = 0
        self.open_sockets: set[ServerConnection] = set()
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

    def _called(self, method: str, body: dict[str, Any], request: Request) -> Answer:
        if method == "apps.connections.open":
            return Answer(body=self._connection(request))
        answer = super()._called(method, body, request)
        with self.heard:
            self.heard.notify_all()
        return answer

    def _connection(self, request: Request) -> dict[str, Any]:
        self.connections += 1
        if request.headers.get("Authorization") != f"Bearer {self.app_token}":
            return {"ok": False, "error": "invalid_auth"}
        host, port = self._websocket.socket.getsockname()[:2]
        return {"ok": True, "url": f"ws://{host}:{port}/link"}

    def _talk(self, socket: ServerConnection) -> None:
        self.open_sockets.add(socket)
        try:
            socket.send(json.dumps({"type": "hello", "num_connections": 1}))
            self._line.socket = socket
            self._line.connected.set()
            for text in socket:
                if text in ("ping", "pong"):
                    continue
                answer = json.loads(text)
                with self._line.acked:
                    self._line.acks[answer["envelope_id"]] = answer
                    self._line.acked.notify_all()
        except (ConnectionClosed, ValueError):
            return
        finally:
            self.open_sockets.discard(socket)

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
            "team": {"id": TEAM},
            "api_app_id": "A1",
            "trigger_id": f"trigger-{self._numbers}",
            "container": container,
            "actions": [{"action_ts": f"{self._numbers}.0", **action}],
            **forged,
        }
        return self.envelope(payload)

    def submit(self, user_id: str, window: dict[str, Any], reason: str, **forged: Any) -> dict[str, Any]:
        """Sends a window's form."""
        self._numbers += 1
        block = window["blocks"][0]
        values = {block["block_id"]: {block["element"]["action_id"]: {"value": reason}}}
        view = {**window, "id": f"V{self._numbers}", "state": {"values": values}}
        payload = {
            "type": "view_submission",
            "user": {"id": user_id},
            "team": {"id": TEAM},
            "view": view,
            **forged,
        }
        return self.envelope(payload)

    def envelope(self, payload: Any, kind: str = "interactive") -> dict[str, Any]:
        """Hands ``payload`` to the app and waits for its acknowledgement: Slack gives it 3 s."""
        assert self._line.connected.wait(60), "the app never connected"
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

    def until(self, holds: Callable[[], bool]) -> None:
        """Waits for the app's threads: what they say to Slack wakes this."""
        with self.heard:
            assert self.heard.wait_for(holds, 5), "the app said nothing"

    def whispers(self, number: int) -> list[str]:
        """The first ``number`` messages to one person alone."""
        self.until(lambda: len(self.ephemerals) >= number)
        return [whisper["text"] for whisper in self.ephemerals]

    def window(self) -> dict[str, Any]:
        """The window that was opened last."""
        self.until(lambda: bool(self.views))
        return self.views[-1]
