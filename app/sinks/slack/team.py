"""What one run did, for a team channel: the numbers, and what somebody may have to look at."""

from collections.abc import Iterator, Sequence

from app.plan.summary import Alert, RunSummary
from app.sinks.slack.kit import (
    DIVIDER,
    MAX_FIELD,
    MAX_FIELDS,
    MAX_TEXT,
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

SHOWN = 8  # lines a group in the channel; the rest is in the thread
MOST = 500  # lines of an alert in all: a post a second carries about 130
LINE = 300

_GROUPS = {
    "deactivated": ":no_entry: *Deactivated*",
    "deleted": ":wastebasket: *Deleted*",
    "held": ":double_vertical_bar: *Held back*",
}
_ALERT = ":rotating_light: "
_FAILED = ":warning: *Failed*"
_REMARKS = ":wrench: *To mend*"


def summary_pages(summary: RunSummary, texts: Texts) -> list[Page]:
    """The post, and the replies with what is too long for it."""
    title = texts.line("slack_report_title", summary=summary)
    groups = dict(_groups(summary, texts))
    run = short(texts.line("slack_report_run", summary=summary), LINE)
    first = [Part((header(title), *_numbers(summary, texts), context(run))), *_shown(groups)]
    rest = [part for head, lines in groups.items() for part in _rest(head, lines)]
    text = joined([short(title, LINE), run, *(line for lines in groups.values() for line in lines)], MAX_TEXT)
    packed = [*pack(first), *pack(rest)]
    return [Page(escape(title) if n else text, _blocks(parts)) for n, parts in enumerate(packed)]


def _blocks(parts: Sequence[Part]) -> tuple[dict[str, object], ...]:
    return tuple(block for part in parts for block in part.blocks)


def _groups(summary: RunSummary, texts: Texts) -> Iterator[tuple[str, list[str]]]:
    """Headings, each with its lines; only those that have some. The first are what somebody must look at."""
    for alert in summary.alerts:
        yield _ALERT + short(alert.text, LINE), _acts(alert, texts)
    for what, head in _GROUPS.items():
        rows = [texts.line("slack_report_row", row=row) for row in summary.of(what)]
        if rows:
            yield head, [f"•  {short(row, LINE)}" for row in rows]
    for head, said in ((_FAILED, summary.failures), (_REMARKS, summary.warnings)):
        if said:
            yield head, [f"•  {short(line, LINE)}" for line in said]


def _acts(alert: Alert, texts: Texts) -> list[str]:
    lines = [f"•  {short(texts.line('slack_report_row', row=row), LINE)}" for row in alert.rows[:MOST]]
    left = len(alert.rows) - len(lines)
    return [*lines, f"_and {left:,} more: see keysteward plan_"] if left else lines


def _numbers(summary: RunSummary, texts: Texts) -> list[dict[str, object]]:
    lines = texts.lines("slack_report_facts", summary=summary)[:MAX_FIELDS]
    pairs = (line.partition(": ") for line in lines)
    fields = [mrkdwn(f"*{escape(label)}*\n{escape(value) or '—'}", MAX_FIELD) for label, _, value in pairs]
    return [{"type": "section", "fields": fields}] if fields else []


def _shown(groups: dict[str, list[str]]) -> Iterator[Part]:
    for head, lines in groups.items():
        hidden = len(lines) - SHOWN
        more = [f"_and {hidden} more, in the thread_"] if hidden > 0 else []
        count = f"  ({len(lines)})" if lines else ""
        yield Part((DIVIDER, section("\n".join([head + count, *lines[:SHOWN], *more]))))


def _rest(head: str, lines: Sequence[str]) -> Iterator[Part]:
    left = lines[SHOWN:]
    if left:
        yield from chunks([(f"{head} (continued)", None), *((line, None) for line in left)])
