"""Slack's Socket Mode: presses come in over a websocket that we opened, so no port is open to anybody.

An envelope is authentic because it came through a connection that Slack gave us for our app token. Slack
gives each payload to any one connection, waits 3 s for its acknowledgement and else sends it again
(docs.slack.dev, Socket Mode and Interactivity): it is acknowledged first. `clicks.py` reads what is inside.
"""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web import WebClient

from app.errors import KeystewardError
from app.model import redact
from app.sinks.presses import Handler
from app.sinks.slack import modal
from app.sinks.slack.api import SlackApi
from app.sinks.slack.clicks import Clicks
from app.telemetry import log_fields

log = logging.getLogger(__name__)

WORKERS = 4
FIRST_WAIT, LONGEST_WAIT = 5.0, 300.0  # seconds between attempts to connect


class SlackSocket:
    """Listens until it is closed. A connection that breaks is opened again, for ever."""

    def __init__(
        self, app_token: str, base_url: str, timeout: float, api: SlackApi, handler: Handler
    ) -> None:
        self._api, self._clicks = api, Clicks(api, handler)
        self._silent = logging.Logger("slack_sdk.socket_mode", logging.CRITICAL + 1)  # it would log payloads
        self._web = WebClient(
            token=app_token,
            base_url=base_url.rstrip("/") + "/",
            timeout=int(timeout) or 1,
            logger=self._silent,
        )
        self._app_token = app_token
        self._client: SocketModeClient | None = None
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="slack-press")
        self._closed = threading.Event()
        threading.Thread(target=self._connect, name="slack-socket", daemon=True).start()

    def close(self) -> None:
        with self._lock:
            self._closed.set()
            client, self._client = self._client, None
        if client:
            _abandon(client)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _connect(self) -> None:
        """A service without its buttons is still a service: it goes on, and tries again."""
        wait = FIRST_WAIT
        while not self._closed.is_set():
            try:
                self._clicks.team = str(self._api.read("auth.test").get("team_id", ""))
                self._open()
                return
            except Exception as error:  # whatever a proxy answers in Slack's place: it is tried again
                text = redact(str(error)) if isinstance(error, KeystewardError) else type(error).__name__
                log.warning("Slack's buttons don't work now: check app_token", **log_fields(error=text))
            self._closed.wait(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    def _open(self) -> None:
        client = SocketModeClient(app_token=self._app_token, web_client=self._web, logger=self._silent)
        client.socket_mode_request_listeners.append(self._received)
        try:
            client.connect()
        except Exception:
            _abandon(client)  # its threads run from the start, and would for ever
            raise
        with self._lock:
            if not self._closed.is_set():
                self._client = client
                log.info("listening for presses in Slack")
                return
        _abandon(client)  # closed while it connected

    def _received(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        """The acknowledgement must leave whatever the payload is; in a pool's thread it is then heard."""
        is_click = request.type == "interactive"
        refusal = modal.fault(request.payload) if is_click else None
        client.send_socket_mode_response(SocketModeResponse(request.envelope_id, refusal))
        if is_click and not refusal and not self._closed.is_set():
            self._pool.submit(self._clicks.hear, request.payload)


def _abandon(client: SocketModeClient) -> None:
    """The SDK joins its threads for seconds: nobody waits for that."""
    threading.Thread(target=client.close, daemon=True).start()
