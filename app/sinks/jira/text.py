"""What a ticket says: wiki text, which Cloud and Data Center both take through REST v2."""

import re

from app.plan.notice import Notice
from app.sinks import wording
from app.sinks.texts import Texts

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


def summary(notice: Notice, texts: Texts) -> str:
    """Without the date, which may move: the due date tells it."""
    return wording.clip(texts.line("jira_summary", notice=notice), MAX_SUMMARY)


def description(notice: Notice, texts: Texts) -> str:
    facts = "\n".join(f"* {name}: {escape(value)}" for name, value in texts.facts(notice))
    steps = "\n".join(f"# {escape(step)}" for step in texts.steps([notice]))
    how = f"How to rotate:\n{steps}" if steps else ""
    return _paragraphs(
        escape(texts.headline(notice)), escape(texts.reason(notice)), facts, how, marker(notice)
    )


def comment(notice: Notice, texts: Texts) -> str:
    """What is new: the ticket has the rest already."""
    used = f"Last used: {escape(notice.last_used)}" if notice.kind == "warning" else ""
    undo = texts.undo(notice)
    mistake = f"A mistake? Undo it with: {escape(undo)}" if undo else ""
    return _paragraphs(
        escape(texts.headline(notice)), escape(texts.reason(notice)), used, mistake, marker(notice)
    )


def _paragraphs(*texts: str) -> str:
    return "\n\n".join(filter(None, texts))
