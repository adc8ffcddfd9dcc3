"""The window that asks for a snooze's reason, and where its answer goes."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from app.sinks.presses import Button, Press, Presser

CALLBACK = "keysteward_snooze"
BLOCK, INPUT = "reason", "text"
LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Place:
    """The message whose button was pressed."""

    channel: str
    ts: str
    thread_ts: str = ""

    @staticmethod
    def of(payload: Mapping[str, Any]) -> "Place":
        where = payload["container"]
        return Place(str(where["channel_id"]), str(where["message_ts"]), str(where.get("thread_ts") or ""))

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


def fault(payload: Mapping[str, Any]) -> dict[str, Any] | None:
    """What Slack shows in the window instead of closing it; None: the reason will do."""
    if payload.get("type") != "view_submission" or _reason(payload):
        return None
    return {"response_action": "errors", "errors": {BLOCK: "Please say why."}}


def submitted(payload: Mapping[str, Any], presser: Presser) -> tuple[Press, Place]:
    """Raises KeyError, TypeError or ValueError on what no window of ours can have sent."""
    if payload["view"]["callback_id"] != CALLBACK:
        raise ValueError("another app's window")
    told = json.loads(payload["view"]["private_metadata"])
    place = Place(str(told["channel"]), str(told["ts"]), str(told["thread_ts"]))
    return Press(
        Button.SNOOZE, str(told["finding_id"]), int(told["episode"]), presser, _reason(payload)
    ), place


def _reason(payload: Mapping[str, Any]) -> str:
    values = payload.get("view", {}).get("state", {}).get("values", {})
    return str(values.get(BLOCK, {}).get(INPUT, {}).get("value") or "").strip()[:LONGEST_REASON]


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}
