"""What the walk looks like: a line an event, the messages as panels, and a closing table."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.demo.mailbox import Heard
from app.model import Event, Finding
from app.plan.actions import HeldAct, Judged
from app.service.run_once import RunReport

COLOURS = {
    "warn": "yellow",
    "ticket": "dark_orange",
    "final": "red",
    "deactivated": "bold red",
    "deleted": "bold red",
    "restored": "bold cyan",
    "resolved": "bold green",
    "held": "magenta",
    "can't read": "magenta",
    "person": "bold blue",
}
ACTS = ("deactivated", "deleted", "restored")
QUIET_GUARDS = ("notices", "snooze")  # every reminder already names the day


@dataclass
class Timeline:
    """Prints each day's events as they come, and keeps every key's journey."""

    console: Console
    start: datetime
    journeys: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    users: dict[str, str] = field(default_factory=dict)  # finding id -> user
    totals: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _day: int = 0
    _headed: bool = False
    _told: set[tuple[str, str]] = field(default_factory=set)

    def begin(self, day: int) -> None:
        self._day, self._headed = day, False

    def line(self, word: str, text: str) -> None:
        """One event; the day's heading comes with its first."""
        self.heading()
        line = Table.grid()
        line.add_column(width=14)
        line.add_column(overflow="fold")
        line.add_row(Text(f"  {word}", COLOURS.get(word, "")), Text(text))
        self.console.print(line)

    def heading(self) -> None:
        if not self._headed:
            date = self.start + timedelta(days=self._day)
            heading = Text(f"Day {self._day} · {date:%a %d %b}", style="bold")
            self.console.rule(heading, align="left", style="bright_black")
            self._headed = True

    def people(self, text: str) -> None:
        self.line("person", text)

    def heard(self, items: Iterable[Heard]) -> None:
        """What was delivered: the first notice of each stage by name, its reminders as a number."""
        firsts: dict[tuple[str, str], list[Heard]] = defaultdict(list)
        reminders = 0
        for item in items:
            self.totals["tickets closed" if item.what == "closed" else "messages delivered"] += 1
            reminders += item.notice.occurrence > 1
            if item.notice.kind == "warning" and item.notice.occurrence == 1:
                firsts[item.notice.finding_id, item.what].append(item)
        for told in firsts.values():
            self._first(told)
        if reminders:
            self.line("reminded", f"{reminders} {'owner' if reminders == 1 else 'owners'} again, as agreed")

    def _first(self, told: list[Heard]) -> None:
        notice = told[0].notice
        where = " and ".join(f"{item.sink} {item.ticket}".strip() for item in told)
        until = f", acts on {notice.act_at:%d %b}" if notice.act_at else ""
        self.line(told[0].what, f"{notice.key_tail} {notice.user} in {notice.account}: {where}{until}")
        self.journeys[notice.finding_id].append(f"{told[0].what} d{self._day}")

    def events(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.what in ACTS:
                self._event(event, event.what, event.detail)
            elif event.what == "finding_resolved":
                self._event(event, "resolved", event.detail)

    def _event(self, event: Event, word: str, detail: str) -> None:
        self.totals[word] += 1
        self.journeys[event.finding_id].append(f"{word} d{self._day}")
        self.line(word, f"{event.key} {self.users.get(event.finding_id, '')}: {detail.split(': ')[-1]}")

    def report(self, report: RunReport) -> None:
        for held in report.plan.held:
            if held.guard not in QUIET_GUARDS:
                self._held(held)
        for failure in report.failures:
            cause = failure.split(": check")[0].split(" of arn:")[0]
            self._once("can't read", f"{cause} is denied: nothing is concluded about it")

    def _held(self, held: HeldAct) -> None:
        self.totals["acts held back"] += 1
        self._once("held", f"{held.verb} {held.key} of {held.user}: {held.text}")

    def _once(self, word: str, text: str) -> None:
        if (word, text) not in self._told:
            self._told.add((word, text))
            self.line(word, text)

    def close(self, judged: Iterable[Judged], findings: Iterable[Finding]) -> None:
        """Each key's journey, and the sums."""
        table = Table(title="\nEvery key's journey", title_style="bold", title_justify="left", box=None)
        for name in ("Account", "User", "Key", "What happened (d = day of the walk)"):
            table.add_column(name, overflow="fold")
        for finding in sorted(findings, key=lambda f: (f.account, f.user)):
            journey = " → ".join(self.journeys[finding.id]) or finding.reason
            table.add_row(finding.account, finding.user, finding.masked, journey)
        for j in judged:
            if j.state == "exempt" and j.decision:
                table.add_row(j.account.label, j.credential.user, j.credential.masked, j.decision.reason.text)
        self.console.print(table)
        sums = Text("\n").join(Text(f"  {number:>4} {name}") for name, number in self.totals.items())
        self.console.print(Text("\nIn all", style="bold"), sums, sep="\n")
