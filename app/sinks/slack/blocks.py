"""A message in Block Kit: a page in the channel, and what doesn't fit as replies in its thread.

The worst findings are shown in full, the next ones as a line each with a menu, the rest as lines.
"""

from collections.abc import Iterator, Sequence

from app.plan.notice import Notice
from app.sinks.interface import Message
from app.sinks.slack.buttons import actions_of, buttons, listed
from app.sinks.slack.kit import (
    DIVIDER,
    MAX_FIELD,
    MAX_FIELDS,
    MAX_TEXT,
    Block,
    Page,
    Part,
    chunks,
    context,
    escape,
    header,
    joined,
    mrkdwn,
    pack,
    section,
    short,
)
from app.sinks.texts import Texts

DETAILED = 8  # findings shown in full; a reader of hundreds needs a list
WITH_MENU = 100  # and these many with a menu: a thread of more is no help
LINE = 500
CALLERS = 5

_MARKS = {"critical": ":red_circle:", "warning": ":large_orange_circle:", "info": ":white_circle:"}


def pages(message: Message, texts: Texts, *, pressable: bool = False) -> list[Page]:
    """The first page, and the replies; every notice is on exactly one of them.

    ``pressable``: somebody listens to presses, so buttons are offered.
    """
    notices = message.notices
    alone = len(notices) == 1
    details = [_detail(n, texts, number, alone, pressable) for number, n in enumerate(notices[:DETAILED])]
    tail = _tail(notices[DETAILED:], texts, pressable)
    packed = pack([_top(message, texts), *details, *_bottom(notices, texts), *tail])
    return [_page(message, texts, number, parts) for number, parts in enumerate(packed)]


def _page(message: Message, texts: Texts, number: int, parts: Sequence[Part]) -> Page:
    notices = [notice for part in parts for notice in part.notices]
    blocks = tuple(block for part in parts for block in part.blocks)
    text = joined(_plain(message, texts, number, notices), MAX_TEXT)
    return Page(text, blocks, tuple(n.finding_id for n in notices), any(map(_is_loud, notices)))


def _is_loud(notice: Notice) -> bool:
    return notice.urgency == "critical" or notice.kind == "done"


def _plain(message: Message, texts: Texts, number: int, notices: Sequence[Notice]) -> Iterator[str]:
    """The same facts without blocks: for notifications, screen readers and clients that show none."""
    title = short(_title(message, texts), LINE)
    yield f"{title} (continued)" if number else title
    if len(message.notices) > 1:
        yield from (f"• {_line(notice, texts)}" for notice in notices)
        return
    for notice in notices:
        facts = [f"{label}: {value}" if label else value for label, value in texts.facts(notice)]
        undo = texts.undo(notice)
        said = [*facts, *texts.callers(notice)[:CALLERS], texts.advice(notice), texts.reason(notice), undo]
        yield from (short(text, LINE) for text in said if text)
        yield notice.finding_id


def _top(message: Message, texts: Texts) -> Part:
    single = len(message.notices) == 1
    said = [texts.why_you(message), "" if single else texts.summary(message)]
    return Part((header(_title(message, texts)), *(context(escape(text)) for text in said if text)))


def _title(message: Message, texts: Texts) -> str:
    """Never empty, whatever the user's templates say: Slack refuses a message without a text."""
    return texts.title(message) or message.notices[0].headline


def _detail(notice: Notice, texts: Texts, number: int, alone: bool, pressable: bool) -> Part:
    facts = [f"*{escape(label)}*\n{escape(value)}" for label, value in texts.facts(notice)[:MAX_FIELDS]]
    main: Block = {"type": "section"}
    if facts:
        main["fields"] = [mrkdwn(fact.removeprefix("**\n"), MAX_FIELD) for fact in facts]
    if not (alone and facts):
        main["text"] = mrkdwn(f"{mark(notice)} *{short(texts.headline(notice), LINE)}*")
    blocks = [] if alone else [DIVIDER]
    blocks += [main, *_evidence(notice, texts), *_undo(notice, texts), context(_small_print(notice, texts))]
    if pressable:
        blocks += buttons(notice, _block_id(notice, number), texts)
    return Part(tuple(blocks), (notice,))


def _block_id(notice: Notice, number: int) -> str:
    """A finding may stand in a message twice (done, and the next warning): the number tells them apart."""
    return f"{notice.finding_id}-{number}"


def mark(notice: Notice) -> str:
    return ":heavy_check_mark:" if notice.kind in ("done", "resolved") else _MARKS[notice.urgency]


def _evidence(notice: Notice, texts: Texts) -> list[Block]:
    """Who uses the key, so that its owner knows what will break, and how to do without it."""
    callers = [f"•  {short(line, LINE)}" for line in texts.callers(notice)[:CALLERS]]
    advice = texts.advice(notice)
    lines = ["*Who uses it*", *callers] if callers else []
    lines += [f"*Better than a key:* {short(advice, LINE)}"] if advice else []
    return [section("\n".join(lines))] if lines else []


def _undo(notice: Notice, texts: Texts) -> list[Block]:
    undo = texts.undo(notice)
    return [section(f"*A mistake?* Undo it with `{escape(undo)}`")] if undo else []


def _small_print(notice: Notice, texts: Texts) -> str:
    ticket = f"ticket {escape(notice.ticket)}" if notice.ticket else ""
    known = f"`{escape(notice.finding_id)}`"
    rest = [short(texts.reason(notice), LINE), ticket, f"rule {escape(notice.rule)}", known]
    return "  ·  ".join(filter(None, rest))


def _bottom(notices: Sequence[Notice], texts: Texts) -> list[Part]:
    steps = texts.steps(notices)
    if not steps:
        return []
    numbered = "\n".join(f"{number}. {short(step, LINE)}" for number, step in enumerate(steps, start=1))
    return [Part((DIVIDER, section(f"*How to rotate*\n{numbered}")))]


def _tail(notices: Sequence[Notice], texts: Texts, pressable: bool) -> Iterator[Part]:
    """The long tail, one line a finding: with a menu each, then as many lines a section as fit."""
    lines = [(f"{mark(notice)} {_line(notice, texts, bold='*')}", notice) for notice in notices]
    shown = WITH_MENU - DETAILED if pressable else 0
    for number, (line, notice) in enumerate(lines[:shown], start=DETAILED):
        pressed = bool(actions_of(notice))
        block = listed(line, notice, _block_id(notice, number), texts) if pressed else section(line)
        yield Part((block,), (notice,))
    yield from chunks(lines[shown:])


def _line(notice: Notice, texts: Texts, bold: str = "") -> str:
    small = f"{notice.age_days} days old, last used {short(notice.last_used, LINE // 4)}"
    headline = short(texts.headline(notice), LINE // 2)  # only the names may be long
    return f"{bold}{headline}{bold} ({small}, {bold and '`'}{escape(notice.finding_id)}{bold and '`'})"
