"""How messages look on a terminal, best of 100 columns. Everything is `Text`: a tag can't inject markup."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Literal

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from app.plan.notice import Notice
from app.plan.summary import Alert
from app.sinks import wording
from app.sinks.interface import Grouping, Message
from app.sinks.texts import Texts

SHOWN = 3  # findings shown in full; the rest one line each
MAX_WIDTH = 100
TWO_COLUMNS = 90  # what is left of a terminal of 96

_COLOURS = {"critical": "red", "warning": "dark_orange", "info": "bright_black"}
_EVENTS = {"closed": ("✔", "green"), "reopened": ("↺", "dark_orange"), "commented": ("✎", "blue")}


class Looks:
    """Draws with ``texts``."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def slack_message(self, message: Message) -> RenderableType:
        """A direct message, or a post in a channel, with its header, findings and steps."""
        notices = message.notices
        many = len(notices) > 1
        body: list[RenderableType] = [Text(self._texts.title(message), style="bold")]
        said = [self._texts.why_you(message), self._texts.summary(message) if many else ""]
        body += [Text(text, style="bright_black") for text in said if text]
        for notice in notices[:SHOWN]:
            body += [
                Rule(style="bright_black"),
                *([self._headline(notice)] if many else []),
                self._detail(notice),
            ]
        if many and len(notices) > SHOWN:
            body += [Rule(style="bright_black"), *map(self._headline, notices[SHOWN:])]
        body += self._how(message)
        where = Text.assemble(("# ", "magenta"), ("Slack", "bold magenta"), f"  to {_reader(message)}")
        return _panel(Group(*body), where, _colour(notices[0]), message.now)

    def alert(self, alert: Alert, now: datetime) -> RenderableType:
        """What somebody on call must look at, and the first of what it is about."""
        lines = [Text(self._texts.line("slack_report_row", row=row)) for row in alert.rows[:SHOWN]]
        more = len(alert.rows) - len(lines)
        rest = [Text(f"and {more:,} more: see keysteward plan", style="bright_black")] if more else []
        return _panel(Group(Text(alert.text, style="bold"), *lines, *rest), Text("On call"), "red", now)

    def ticket(
        self, key: str, notice: Notice, message: Message, grouping: Grouping = "finding"
    ) -> RenderableType:
        """A ticket that has just been opened."""
        told = {"notice": notice, "notices": message.notices, "grouping": grouping}
        heading = Text(self._texts.line("jira_summary", **told), style="bold")
        labels = _grid()
        labels.add_row(Text("Status", style="bright_black"), Text("TO DO", style="black on bright_blue"))
        labels.add_row(Text("Assignee", style="bright_black"), Text(_reader(message)))
        if notice.act_at:
            due = Text(wording.day(notice.act_at), style=f"bold {_colour(notice)}")
            labels.add_row(Text("Due", style="bright_black"), due)
        parts = [heading, labels, Rule(style="bright_black"), self._detail(notice), *self._how(message)]
        return _panel(Group(*parts), _ticket_title(key, "opened"), "blue", message.now)

    def ticket_event(
        self, key: str, event: Literal["closed", "reopened", "commented"], notice: Notice, now: datetime
    ) -> RenderableType:
        """What happens to a ticket later: one or two lines rather than the whole ticket."""
        mark, colour = _EVENTS[event]
        lines = [Text.assemble((f"{mark} ", colour), self._texts.headline(notice))]
        if event != "closed":  # there the headline ends with it
            lines += [Text(f"  {self._texts.reason(notice)}", style="bright_black")]
        lines += [self._undo(notice)] if self._texts.undo(notice) else []
        return _panel(Group(*lines), _ticket_title(key, event), colour, now)

    def _detail(self, notice: Notice) -> RenderableType:
        """The facts in columns, as Slack shows them, and under them what is too long for a column."""
        act = wording.act_line(notice)
        cells = [
            (
                Text(label, style="bright_black"),
                Text(value, style=f"bold {_colour(notice)}" if act and label == act[0] else ""),
            )
            for label, value in self._texts.facts(notice)
        ]
        ticket = f"ticket {wording.plain(notice.ticket)}" if notice.ticket else ""
        small = " · ".join(filter(None, [notice.finding_id, f"rule {wording.plain(notice.rule)}", ticket]))
        undo = [self._undo(notice)] if self._texts.undo(notice) else []
        use = self._use(notice)
        return Group(
            _Facts(cells), Text(self._texts.reason(notice)), *use, *undo, Text(small, style="bright_black")
        )

    def _use(self, notice: Notice) -> list[RenderableType]:
        """Who uses the key, and how to do without it, where that is known."""
        callers, advice = self._texts.callers(notice), self._texts.advice(notice)
        heading = [Text("Used by", style="bright_black")] if callers else []
        lines = [Padding(Text(caller), (0, 0, 0, 2)) for caller in callers]
        return [*heading, *lines, *([Text(advice, style="italic")] if advice else [])]

    def _undo(self, notice: Notice) -> Text:
        return Text.assemble("A mistake? Undo it: ", (self._texts.undo(notice), "bold cyan"))

    def _how(self, message: Message) -> list[RenderableType]:
        steps = self._texts.steps(message.notices)
        if not steps:
            return []
        lines = [Text(f"{number}. {step}") for number, step in enumerate(steps, start=1)]
        indented = Padding(Group(*lines), (0, 0, 0, 2))
        return [Rule(style="bright_black"), Text("How to rotate", style="bold"), indented]

    def _headline(self, notice: Notice) -> Text:
        return Text.assemble(("● ", _colour(notice)), (self._texts.headline(notice), "bold"))


def _colour(notice: Notice) -> str:
    return "green" if notice.kind in ("done", "resolved") else _COLOURS[notice.urgency]


def _reader(message: Message) -> str:
    suffix = " (fallback)" if message.is_fallback else ""
    return wording.plain(message.recipient) + suffix


def _ticket_title(key: str, event: str) -> Text:
    return Text.assemble(("◆ ", "blue"), ("Jira", "bold blue"), f"  {key}  {event}")


@dataclass(frozen=True, slots=True)
class _Facts:
    """Labels and values in two columns, or in one where two would break the values up."""

    cells: Sequence[tuple[Text, Text]]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = 2 if options.max_width >= TWO_COLUMNS else 1
        grid = _grid(columns)
        parts = (self.cells[at::columns] for at in range(columns))
        for row in zip_longest(*parts, fillvalue=(Text(), Text())):
            grid.add_row(*(cell for pair in row for cell in pair))
        yield grid


def _grid(columns: int = 1) -> Table:
    """So many columns of labels and values."""
    grid = Table.grid(padding=(0, 2))
    for _ in range(columns):
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
    return grid


def _panel(body: RenderableType, title: Text, colour: str, now: datetime) -> Panel:
    return Panel(
        body,
        title=title,
        title_align="left",
        subtitle=Text(f"{wording.day(now)}, {now:%H:%M} UTC", style="bright_black"),
        subtitle_align="right",
        border_style=colour,
        box=box.ROUNDED,
        padding=(0, 2),
        width=MAX_WIDTH,
    )
