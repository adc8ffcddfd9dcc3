"""What people press, as Slack's payloads tell it, and what they hear of it.

A payload is authentic because Slack sent it (see `socket.py`). What is inside it is the sender's word: who
pressed is asked of Slack by user id, and what may be done is decided behind `Handler`. Slack sends again what
it thinks unheard (docs.slack.dev, Interactivity): a repeat is recognised.
"""

import json
import logging
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from html import escape
from typing import Any

from app.errors import KeystewardError, PausedMeanwhile, Transient
from app.model import redact
from app.sinks.presses import Answer, Button, Handler, Press, Presser
from app.sinks.slack import modal
from app.sinks.slack.api import SlackApi
from app.sinks.slack.buttons import MORE, PREFIX
from app.sinks.slack.payload import Malformed, text
from app.sinks.tree import optional, part
from app.telemetry import log_fields

log = logging.getLogger(__name__)

REMEMBERED = 1000  # presses that are recognised when Slack sends them again
SOON = 2.0  # seconds: after that the presser is told that it takes longer
_USER = re.compile(r"\w{1,50}", re.ASCII)


class Clicks:
    """Hears one workspace's payloads; safe to share between threads.

    ``team``: the workspace's id, once it is known; what comes from another one is not heard.
    """

    def __init__(self, api: SlackApi, handler: Handler) -> None:
        self.team = ""
        self._api, self._handle = api, handler
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def hear(self, payload: object) -> None:
        """Answers a press. It never raises: what no message of ours can have caused is passed over."""
        try:
            if not self._again(payload):
                self._dispatch(payload)
        except Malformed:
            log.warning("a payload from Slack that no message of ours can have caused was ignored")
        except KeystewardError as error:
            log.warning("press not answered", **log_fields(error=redact(str(error))))

    def _again(self, payload: object) -> bool:
        """Whether this very press has come already: Slack repeats what it thinks unheard."""
        paths = (("user", "id"), ("actions", 0, "action_ts"), ("view", "id"), ("type",))
        name = json.dumps([optional(payload, *path) for path in paths])
        with self._lock:
            known = name in self._seen
            self._seen[name] = None
            while len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        return known

    def _is_foreign(self, team: object) -> bool:
        """Slack always tells our own workspace; a stand-in for it may not."""
        return bool(self.team) and team != self.team

    def _dispatch(self, payload: object) -> None:
        if self._is_foreign(part(payload, "team", "id")):
            raise Malformed
        kind = part(payload, "type")
        if kind == "view_submission":
            press, place = modal.submitted(payload, Presser(_user(payload), ""))
            with self._excused(place, press.presser):
                press = replace(press, presser=self._presser(payload))
            self._answer(press, place)
        elif kind == "block_actions":
            self._pressed(payload)

    def _pressed(self, payload: object) -> None:
        button, finding_id, episode = _meant(part(payload, "actions", 0))
        place = modal.Place.of(payload)
        with self._excused(place, Presser(_user(payload), "")):
            if button is Button.SNOOZE:
                window = modal.view(finding_id, episode, place)
                self._api.write("views.open", trigger_id=text(payload, "trigger_id"), view=window)
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

    def _presser(self, payload: object) -> Presser:
        """Who pressed, as Slack knows them: guests of other workspaces and bots have no address here."""
        asked = text(payload, "user", "id", form=_USER)
        found = part(self._api.read("users.info", user=asked), "user")
        if part(found, "id") != asked:
            raise Transient("Slack users.info: no usable answer; check the network and status.slack.com")
        return Presser(_user(payload), "" if self._is_unfit(found) else optional(found, "profile", "email"))

    def _is_unfit(self, user: dict[str, Any]) -> bool:
        foreign = self._is_foreign(user.get("team_id", self.team)) or user.get("is_stranger")
        gone = user.get("deleted") or user.get("is_bot")
        return bool(foreign or gone or user.get("is_email_confirmed") is False)

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

    def _whisper(self, place: modal.Place, presser: Presser, words: str) -> None:
        """To the presser alone. In a thread the answer belongs to the thread."""
        user = presser.id.removeprefix("slack:")
        self._api.write("chat.postEphemeral", channel=place.channel, user=user, text=words, **place.thread())

    def _announce(self, place: modal.Place, press: Press, answer: Answer) -> None:
        """Under the message, for everybody who can read it; not while the service is paused."""
        user = press.presser.id.removeprefix("slack:")
        words = f"<@{user}>: {_escaped(answer.text)}"
        thread = place.thread_ts or place.ts
        with suppress(PausedMeanwhile):
            self._api.write("chat.postMessage", channel=place.channel, text=words, thread_ts=thread)


def _escaped(words: str) -> str:
    """Names of accounts, and what AWS says, are other people's text: it can't become a mention or a link."""
    return escape(words, quote=False)


def _user(payload: object) -> str:
    return f"slack:{text(payload, 'user', 'id', form=_USER)}"


def _meant(action: object) -> tuple[Button, str, int]:
    """The button, finding and episode of an action. Raises `Malformed`."""
    name = text(action, "action_id")
    value = text(action, "selected_option", "value") if name == MORE else text(action, "value")
    if name == MORE:  # a menu: the button's name is in the chosen value
        word, _, value = value.partition(":")
    else:
        word = name.removeprefix(PREFIX) if name.startswith(PREFIX) else ""
    finding_id, _, episode = value.partition("/")
    return modal.button(word), *modal.subject(finding_id, episode)
