"""The window that asks for a snooze's reason, and where its answer goes."""

import json
import re
from dataclasses import asdict, dataclass
from typing import Any

from app.sinks.presses import Button, Press, Presser
from app.sinks.slack.payload import Malformed, text
from app.sinks.tree import optional, part

CALLBACK = "keysteward_snooze"
BLOCK, INPUT = "reason", "text"
LONGEST_REASON = 300
_FINDING = re.compile(r"KS-[A-Z2-7]{10}", re.ASCII)  # `Finding.id_for`
_EPISODE = re.compile(r"[1-9]\d{0,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """The message whose button was pressed."""

    channel: str
    ts: str
    thread_ts: str = ""

    @staticmethod
    def of(payload: object) -> "Place":
        """Raises `Malformed`."""
        where = part(payload, "container")
        return Place(text(where, "channel_id"), text(where, "message_ts"), optional(where, "thread_ts"))

    def thread(self) -> dict[str, str]:
        return {"thread_ts": self.thread_ts} if self.thread_ts else {}


def view(finding_id: str, episode: int, place: Place) -> dict[str, Any]:
    """Slack hands ``private_metadata`` (3,000 characters at most) back with the submission."""
    told = {"finding_id": finding_id, "episode": episode, **asdict(place)}
    field = {
        "type": "plain_text_input",
        "action_id": INPUT,
        "multiline": True,
        "min_length": 3,
        "max_length": LONGEST_REASON,
    }
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": json.dumps(told),
        "title": _plain("Snooze for 7 days"),
        "submit": _plain("Snooze"),
        "close": _plain("Cancel"),
        "blocks": [
            {
                "type": "input",
                "block_id": BLOCK,
                "label": _plain("Why can't it be rotated now?"),
                "element": field,
            }
        ],
    }


def fault(payload: object) -> dict[str, Any] | None:
    """What Slack shows in the window instead of closing it; None: the reason will do."""
    if part(payload, "type") != "view_submission" or _reason(payload):
        return None
    return {"response_action": "errors", "errors": {BLOCK: "Please say why."}}


def submitted(payload: object, presser: Presser) -> tuple[Press, Place]:
    """Raises `Malformed` on what no window of ours can have sent."""
    if part(payload, "view", "callback_id") != CALLBACK:
        raise Malformed
    told = _told(text(payload, "view", "private_metadata"))
    place = Place(text(told, "channel"), text(told, "ts"), text(told, "thread_ts"))
    episode = part(told, "episode")
    finding_id, number = subject(part(told, "finding_id"), "" if isinstance(episode, bool) else str(episode))
    return Press(Button.SNOOZE, finding_id, number, presser, _reason(payload)), place


def _told(metadata: str) -> object:
    try:
        return json.loads(metadata)
    except (ValueError, RecursionError):
        raise Malformed from None


def button(word: str) -> Button:
    """Raises `Malformed`."""
    if word not in set(Button):
        raise Malformed
    return Button(word)


def subject(finding_id: object, episode: object) -> tuple[str, int]:
    """Which finding and episode a press is about. Raises `Malformed`."""
    return text(finding_id, form=_FINDING), int(text(episode, form=_EPISODE))


def _reason(payload: object) -> str:
    return optional(payload, "view", "state", "values", BLOCK, INPUT, "value")[:LONGEST_REASON]


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}
