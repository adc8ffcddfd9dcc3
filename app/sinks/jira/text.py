"""What a ticket says: wiki text, which Cloud and Data Center both take through REST v2."""

import re

from app.plan.notice import Notice
from app.sinks import wording

MAX_SUMMARY = 255
_MARKUP = re.compile(r"([\\{}\[\]|!*~^])")


def label(notice: Notice) -> str:
    """The label by which this finding's ticket is found again, even by an empty ledger."""
    return f"keysteward-{notice.finding_id.lower()}"


def marker(notice: Notice) -> str:
    """The line by which this very notice is found again after a time-out."""
    step = "resolved" if notice.kind == "resolved" else f"{notice.stage}/{notice.occurrence}"
    return f"Keysteward {notice.finding_id} e{notice.episode} {step}"


def escape(text: str) -> str:
    """Text that can't become a mention ([~user]), a macro or a link."""
    return _MARKUP.sub(r"\\\1", wording.plain(text))


def summary(notice: Notice) -> str:
    """Without the date, which may move: the due date tells it."""
    place = notice.account or notice.account_id
    text = f"Rotate AWS access key {notice.key_tail} of {notice.user} in {place}"
    return wording.clip(wording.plain(text), MAX_SUMMARY)


def description(notice: Notice) -> str:
    facts = "\n".join(f"* {name}: {escape(value)}" for name, value in wording.facts(notice))
    steps = "\n".join(f"# {escape(step)}" for step in notice.steps)
    how = f"How to rotate:\n{steps}" if steps else ""
    return _paragraphs(escape(notice.headline), escape(notice.reason), facts, how, marker(notice))


def comment(notice: Notice) -> str:
    """What is new: the ticket has the rest already."""
    used = f"Last used: {escape(notice.last_used)}" if notice.kind == "warning" else ""
    undo = wording.undo(notice)
    mistake = f"A mistake? Undo it with: {escape(undo)}" if undo else ""
    return _paragraphs(escape(notice.headline), escape(notice.reason), used, mistake, marker(notice))


def _paragraphs(*texts: str) -> str:
    return "\n\n".join(filter(None, texts))
