"""What a ticket says, in the light markup of `markup.py`, and by what it is found again."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from app.plan.notice import Notice
from app.sinks import wording
from app.sinks.interface import Grouping, Message
from app.sinks.texts import Texts

MAX_SUMMARY = 255
# Jira takes 32,767 characters of text; in ADF a line of a list costs about three times its words.
MAX_BODY = 30_000
ROWS = 40  # of a list: what goes beyond is said in further comments
COMMON_LABEL = "keysteward"
MAX_LINE = 500
_GROUPS = (f"{COMMON_LABEL}-owner-", f"{COMMON_LABEL}-account-")
_FINDING_LABEL = re.compile(r"keysteward-ks-[a-z0-9]+")
_BETWEEN = " · "
_MARKER_START = "Keysteward "


def label(notice: Notice) -> str:
    """The label by which this finding's ticket is found again, even by an empty ledger."""
    return f"{COMMON_LABEL}-{notice.finding_id.lower()}"


def group_label(grouping: Grouping, message: Message) -> str:
    """The label of the ticket that ``message`` belongs on. An address is told by its hash only."""
    notice = message.notices[0]
    if grouping == "account":
        return f"{COMMON_LABEL}-account-{notice.account_id}"
    if grouping == "owner":
        digest = hashlib.sha256(message.recipient.casefold().encode()).hexdigest()[:12]
        return f"{COMMON_LABEL}-owner-{digest}"
    return label(notice)


def home_of(notice: Notice) -> str:
    """The label of the ticket that the finding was last told on."""
    return notice.refs.get("group") or label(notice)


def labels(home: str, notices: Iterable[Notice]) -> list[str]:
    """What a ticket is found by: all of ours, the group, and each finding."""
    return list(dict.fromkeys([COMMON_LABEL, home, *map(label, notices)]))


def is_group(labels: Iterable[str]) -> bool:
    """Whether a ticket with these labels is an owner's or an account's."""
    return any(label.startswith(_GROUPS) for label in labels)


def finding_labels(labels: Iterable[str]) -> frozenset[str]:
    """Those that stand for a finding each."""
    return frozenset(filter(_FINDING_LABEL.fullmatch, labels))


def marker(notice: Notice) -> str:
    """What identifies this very notice after a time-out."""
    step = "resolved" if notice.kind == "resolved" else f"{notice.stage}/{notice.occurrence}"
    return f"{episode_marker(notice)}{step}"


def episode_marker(notice: Notice) -> str:
    """What each marker of the notice's episode begins with."""
    return f"{notice.finding_id} e{notice.episode} "


def moved_marker(notice: Notice, to: str) -> str:
    return f"{episode_marker(notice)}moved to {to}"


def signed(text: str, markers: Iterable[str]) -> str:
    """``text`` with the line by which it is found again: no template can lose it."""
    return f"{text}\n\n{_MARKER_START}{_BETWEEN.join(markers)}"


def markers(lines: Iterable[str]) -> frozenset[str]:
    """Every marker in what a ticket says."""
    found = (line.removeprefix(_MARKER_START) for line in lines if line.startswith(_MARKER_START))
    return frozenset(marker for line in found for marker in line.split(_BETWEEN))


def parts(notices: Sequence[Notice]) -> list[tuple[Notice, ...]]:
    """What goes into one description or comment each."""
    return [tuple(notices[at : at + ROWS]) for at in range(0, len(notices), ROWS)]


def summary(grouping: Grouping, notices: Sequence[Notice], texts: Texts) -> str:
    """Without the date, which may move: the due date tells it."""
    line = texts.line("jira_summary", notice=notices[0], notices=notices, grouping=grouping)
    return wording.clip(line, MAX_SUMMARY)


def description(grouping: Grouping, notices: Sequence[Notice], texts: Texts) -> str:
    return _told("jira_description", grouping, notices, texts)


def comment(grouping: Grouping, notices: Sequence[Notice], texts: Texts) -> str:
    """What is new: the ticket has the rest already."""
    return _told("jira_comment", grouping, notices, texts)


def added(notices: Sequence[Notice], now: datetime, texts: Texts) -> str:
    """What is put behind a group's description when findings join it."""
    return _clipped(texts.render("jira_added", notices=notices, now=now))


def moved(notice: Notice, to: str, texts: Texts) -> str:
    """What the former owner's ticket is told; ``to``: the key of the new one."""
    return signed(texts.render("jira_moved", notice=notice, to=to), [moved_marker(notice, to)])


def _told(template: str, grouping: Grouping, notices: Sequence[Notice], texts: Texts) -> str:
    told = texts.render(template, notice=notices[0], notices=notices, grouping=grouping)
    return signed(_clipped(told), map(marker, notices))


def _clipped(text: str) -> str:
    return "\n".join(wording.clip(line, MAX_LINE) for line in text.splitlines())
