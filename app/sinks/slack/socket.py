"""Slack's Socket Mode: presses come in over a websocket that we opened, so no port is open to anybody.

An envelope is authentic because it came through a connection that Slack gave us for our app token. What is
inside it is the sender's word: who pressed is asked of Slack by user id, and what may be done is decided
behind `Handler`. Slack gives each payload to any one connection, waits 3 s for its acknowledgement and else
sends it again (docs.slack.dev, Socket Mode and Interactivity): it is acknowledged first, and a repeat is
recognised.
"""

import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from html import escape
from typing import Any

from slack_sdk.socket_mode import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse
from slack_sdk.web import WebClient

from app.errors import KeystewardError, PausedMeanwhile, Transient
from app.model import redact
from app.sinks.presses import Answer, Button, Handler, Press, Presser
from app.sinks.slack import modal
from app.sinks.slack.api import SlackApi
from app.sinks.slack.buttons import MORE, PREFIX
from app.telemetry import log_fields

log = logging.getLogger(__name__)

REMEMBERED = 1000  # presses that are recognised when Slack sends them again
WORKERS = 4
SOON = 2.0  # seconds: after that the presser is told that it takes longer
FIRST_WAIT, LONGEST_WAIT = 5.0, 300.0  # seconds between attempts to connect


class Malformed(Exception):
    """A payload that none of our messages can have caused."""


class SlackSocket:
    """Listens until it is closed. A connection that breaks is opened again, for ever."""

    def __init__(
        self, app_token: str, base_url: str, timeout: float, api: SlackApi, handler: Handler
    ) -> None:
        self._api, self._handle = api, handler
        self._silent = logging.Logger("slack_sdk.socket_mode", logging.CRITICAL + 1)  # it would log payloads
        self._web = WebClient(
            token=app_token,
            base_url=base_url.rstrip("/") + "/",
            timeout=int(timeout) or 1,
            logger=self._silent,
        )
        self._app_token = app_token
        self._client: SocketModeClient | None = None
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="slack-press")
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._team = ""
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
                self._team = str(self._api.read("auth.test").get("team_id", ""))
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

    # --- an envelope -----------------------------------------------------------------------------------

    def _received(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        refusal = _refusal(request)
        client.send_socket_mode_response(SocketModeResponse(request.envelope_id, refusal))
        if request.type == "interactive" and not refusal and not self._closed.is_set():
            self._pool.submit(self._guarded, request.payload)

    def _again(self, payload: Mapping[str, Any]) -> bool:
        """Whether this very press has come already: Slack repeats what it thinks unheard."""
        actions = payload.get("actions") or [{}]
        view = payload.get("view") or {}
        parts = (
            payload.get("user", {}).get("id"),
            actions[0].get("action_ts"),
            view.get("id"),
            payload.get("type"),
        )
        name = json.dumps(parts)
        with self._lock:
            known = name in self._seen
            self._seen[name] = None
            while len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        return known

    def _guarded(self, payload: Mapping[str, Any]) -> None:
        try:
            if not self._again(payload):
                self._dispatch(payload)
        except (Malformed, KeyError, TypeError, ValueError, AttributeError, IndexError):
            log.warning("a payload from Slack that no message of ours can have caused was ignored")
        except KeystewardError as error:
            log.warning("press not answered", **log_fields(error=redact(str(error))))

    def _is_foreign(self, team: str | None) -> bool:
        """Slack always tells our own workspace; a stand-in for it may not."""
        return bool(self._team) and team != self._team

    def _dispatch(self, payload: Mapping[str, Any]) -> None:
        if self._is_foreign(payload.get("team", {}).get("id")):
            raise Malformed
        if payload["type"] == "view_submission":
            press, place = modal.submitted(payload, Presser(_user(payload), ""))
            with self._excused(place, press.presser):
                press = replace(press, presser=self._presser(payload))
            self._answer(press, place)
        elif payload["type"] == "block_actions":
            self._pressed(payload)

    def _pressed(self, payload: Mapping[str, Any]) -> None:
        button, finding_id, episode = _meant(payload["actions"][0])
        place = modal.Place.of(payload)
        with self._excused(place, Presser(_user(payload), "")):
            if button is Button.SNOOZE:
                window = modal.view(finding_id, episode, place)
                self._api.write("views.open", trigger_id=payload["trigger_id"], view=window)
                return
            presser = self._presser(payload)
        self._answer(Press(button, finding_id, episode, presser), place)

    @contextmanager
    def _excused(self, place: modal.Place, presser: Presser) -> Iterator[None]:
        """What Slack refuses us before anything is done: silence would leave the presser waiting."""
        try:
            yield
        except Transient:
            self._whisper(place, presser, "Slack did not answer us. Nothing was changed: press again soon.")
            raise

    def _presser(self, payload: Mapping[str, Any]) -> Presser:
        """Who pressed, as Slack knows them: guests of other workspaces and bots have no address here."""
        user = self._api.read("users.info", user=str(payload["user"]["id"]))["user"]
        team = user.get("team_id", self._team)
        foreign = self._is_foreign(team) or user.get("is_stranger")
        unfit = (
            foreign or user.get("deleted") or user.get("is_bot") or user.get("is_email_confirmed") is False
        )
        email = "" if unfit else str(user.get("profile", {}).get("email", ""))
        return Presser(_user(payload), email)

    # --- the answer ------------------------------------------------------------------------------------

    def _answer(self, press: Press, place: modal.Place) -> None:
        timer = threading.Timer(SOON, self._reassure, (place, press.presser))
        timer.daemon = True
        timer.start()
        answer = self._handle(press)
        timer.cancel()
        self._whisper(place, press.presser, _escaped(answer.text))
        if answer.done:
            self._announce(place, press, answer)

    def _reassure(self, place: modal.Place, presser: Presser) -> None:
        try:
            self._whisper(place, presser, "Working on it…")
        except KeystewardError as error:
            log.warning("press not answered yet", **log_fields(error=redact(str(error))))

    def _whisper(self, place: modal.Place, presser: Presser, text: str) -> None:
        """To the presser alone. In a thread the answer belongs to the thread."""
        user = presser.id.removeprefix("slack:")
        self._api.write("chat.postEphemeral", channel=place.channel, user=user, text=text, **place.thread())

    def _announce(self, place: modal.Place, press: Press, answer: Answer) -> None:
        """Under the message, for everybody who can read it; not while the service is paused."""
        user = press.presser.id.removeprefix("slack:")
        text = f"<@{user}>: {_escaped(answer.text)}"
        with suppress(PausedMeanwhile):
            self._api.write(
                "chat.postMessage", channel=place.channel, text=text, thread_ts=place.thread_ts or place.ts
            )


def _abandon(client: SocketModeClient) -> None:
    """The SDK joins its threads for seconds: nobody waits for that."""
    threading.Thread(target=client.close, daemon=True).start()


def _escaped(text: str) -> str:
    """Names of accounts, and what AWS says, are other people's text: it can't become a mention or a link."""
    return escape(text, quote=False)


def _user(payload: Mapping[str, Any]) -> str:
    return f"slack:{payload['user']['id']}"


def _refusal(request: SocketModeRequest) -> dict[str, Any] | None:
    """What goes back with the acknowledgement, which must leave whatever the payload is."""
    try:
        return modal.fault(request.payload) if request.type == "interactive" else None
    except (AttributeError, TypeError, ValueError):
        return None


def _meant(action: Mapping[str, Any]) -> tuple[Button, str, int]:
    """The button, finding and episode of an action. Raises `Malformed` or ValueError."""
    name = str(action["action_id"])
    value = str(action["selected_option"]["value"] if name == MORE else action["value"])
    if name == MORE:  # a menu: the button's name is in the chosen value
        word, _, value = value.partition(":")
    elif name.startswith(PREFIX):
        word = name.removeprefix(PREFIX)
    else:
        raise Malformed
    finding_id, _, episode = value.partition("/")
    return Button(word), finding_id, int(episode)
