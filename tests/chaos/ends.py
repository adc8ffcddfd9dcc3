"""How a company comes to its end, seen from outside: who was told, whose key is gone, what is closed."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from tests.chaos import company
from tests.chaos.fronts import Town
from tests.chaos.witness import Seen
from tests.fakes.jira import Ticket

DONE = "Done"
RECENT = timedelta(hours=12)
FULL_ID = re.compile(r"A(?:KI|SI)A[A-Z0-9]{16}")


def unfinished(town: Town, mode: str, exempted: set[str]) -> list[str]:
    """What is still to come, or was lost. Empty: the end, the same as that of an undisturbed round."""
    if mode == "observe":
        return []
    return [
        *(fault for name in company.DELETED - exempted for fault in _deleted(town, name)),
        *(f"{name}'s key is still there" for name in company.ROTATES_ON if company.key_of(town.aws, name)),
        *_tickets(town, exempted),
        *_reminders(town),
    ]


def _deleted(town: Town, name: str) -> Iterator[str]:
    if company.key_of(town.aws, name):
        yield f"{name}'s key was not deleted"
    for sink in ("slack", "jira"):
        for stage in ("deactivate", "delete"):
            if not was_told(town, sink, name, stage):
                yield f"{name}'s {stage} was not told in {sink}"


def was_told(town: Town, channel: str, name: str, stage: str) -> bool:
    finding = company.PEOPLE[name].finding
    rows = (told for seen in town.witness.writes() if seen.channel == channel for told in seen.told)
    return any(told.finding == finding and told.stage == stage and told.kind == "done" for told in rows)


def tickets_of(town: Town, name: str) -> list[Ticket]:
    label = f"keysteward-{company.PEOPLE[name].finding.lower()}"
    return [ticket for ticket in town.jira.tickets.values() if label in ticket.labels]


def tickets(town: Town) -> dict[str, str]:
    """Key -> whose."""
    return {ticket.key: name for name in company.PEOPLE for ticket in tickets_of(town, name)}


def leaks(town: Town, folder: Path) -> list[str]:
    """Where a key's full id is readable."""
    texts = {f"the log {path.name}": path.read_text(errors="replace") for path in folder.glob("*.log")}
    texts["Slack"] = "\n".join(str((post.text, post.blocks)) for post in town.slack.messages)
    texts["Jira"] = "\n".join(str(ticket) for ticket in town.jira.tickets.values())
    return [where for where, text in texts.items() if FULL_ID.search(text)]


def _tickets(town: Town, exempted: set[str]) -> Iterator[str]:
    closed = company.DELETED | company.ROTATES_ON.keys() | exempted
    for name in sorted(company.PEOPLE):
        for ticket in tickets_of(town, name):
            is_closed = ticket.status == DONE
            if is_closed != (name in closed):
                yield f"{name}'s ticket {ticket.key} is {ticket.status}"
    if not tickets_of(town, "ivan"):
        yield "ivan has no ticket"


def _reminders(town: Town) -> Iterator[str]:
    """Where nothing is done, the last rung goes on reminding."""
    finding, now = company.PEOPLE["ivan"].finding, town.aws.clock()
    last = max((seen.at for seen in _about(town, finding)), default=None)
    if last is None or now - last > RECENT:
        yield "ivan was not reminded"


def _about(town: Town, finding: str) -> Iterator[Seen]:
    return (
        seen
        for seen in town.witness.writes()
        if seen.channel == "slack" and any(told.finding == finding for told in seen.told)
    )
