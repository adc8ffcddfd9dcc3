"""What a reader can press, and how a press names its finding.

A press says which finding and episode it is about, and nothing else: who may do what is decided when it
arrives. Limits (docs.slack.dev/reference/block-kit): button text 75, option value 150, an overflow menu 5.
"""

from app.plan.notice import Notice
from app.sinks.slack.kit import Block, mrkdwn, plain_text
from app.sinks.texts import Texts

PREFIX = "keysteward_"
MORE = "keysteward_more"
MAX_LABEL = 75
MAX_CONFIRM = 300
_STYLES = {"rotated": "primary", "restore": "danger"}


def actions_of(notice: Notice) -> tuple[str, ...]:
    """Of rotated, snooze, not_mine and restore: what makes sense for this notice."""
    if notice.kind == "done":
        return ("restore",) if notice.act == "deactivate" else ()
    if notice.kind != "warning":
        return ()
    choices = {"rotated": True, "snooze": notice.snoozable, "not_mine": not notice.owner_is_fallback}
    return tuple(action for action, offered in choices.items() if offered)


def value_of(notice: Notice) -> str:
    return f"{notice.finding_id}/{notice.episode}"


def buttons(notice: Notice, block_id: str, texts: Texts) -> list[Block]:
    """A row of buttons, or nothing when there is nothing to press."""
    elements = [_button(notice, action, texts) for action in actions_of(notice)]
    return [{"type": "actions", "block_id": block_id, "elements": elements}] if elements else []


def _button(notice: Notice, action: str, texts: Texts) -> Block:
    button: Block = {
        "type": "button",
        "action_id": PREFIX + action,
        "text": plain_text(_label(notice, action, texts), MAX_LABEL),
        "value": value_of(notice),
    }
    if action in _STYLES:
        button["style"] = _STYLES[action]
    return button | (_confirm(notice, texts) if action == "restore" else {})


def _confirm(notice: Notice, texts: Texts) -> Block:
    question = texts.line("slack_confirm", notice=notice) or notice.headline
    label = plain_text(_label(notice, "restore", texts), 30)
    return {
        "confirm": {
            "title": plain_text(_label(notice, "confirm", texts), 100),
            "text": plain_text(question, MAX_CONFIRM),
            "confirm": label,
            "deny": plain_text(_label(notice, "cancel", texts), 30),
            "style": "danger",
        }
    }


def menu(notice: Notice, texts: Texts) -> Block:
    """The same behind three dots, for the lines of a list: to be added to a section."""
    options = [
        {
            "text": plain_text(_label(notice, action, texts), MAX_LABEL),
            "value": f"{action}:{value_of(notice)}",
        }
        for action in actions_of(notice)
    ]
    return {"accessory": {"type": "overflow", "action_id": MORE, "options": options}} if options else {}


def _label(notice: Notice, action: str, texts: Texts) -> str:
    return texts.line("slack_button", action=action, notice=notice) or action


def listed(line: str, notice: Notice, block_id: str, texts: Texts) -> Block:
    """One finding as one line with a menu."""
    return {"type": "section", "block_id": block_id, "text": mrkdwn(line), **menu(notice, texts)}
