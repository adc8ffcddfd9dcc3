"""A ticket as Jira shows it."""

from dataclasses import dataclass, field
from typing import Any

from app.sinks.jira import markup
from app.sinks.tree import optional, part

Json = dict[str, Any]


@dataclass
class Ticket:
    """One issue, and what was changed on it since it was read."""

    key: str
    fields: Json = field(default_factory=dict)
    number: int = 0  # Jira's own id: the older, the lower
    stays_closed: bool = False  # reopening was tried in vain

    @staticmethod
    def of(issue: Json) -> "Ticket":
        return Ticket(str(issue["key"]), dict(issue["fields"]), int(issue["id"]))

    @property
    def done(self) -> bool:
        return is_done(self.fields.get("status") or {})

    @property
    def labels(self) -> frozenset[str]:
        return frozenset(self.fields.get("labels") or ())

    @property
    def assignee(self) -> Json:
        """Empty when nobody has it."""
        return dict(self.fields.get("assignee") or {})

    @property
    def priority(self) -> str:
        return optional(self.fields, "priority", "name")

    @property
    def said(self) -> tuple[str, ...]:
        """The lines of its description."""
        return markup.lines(self.fields.get("description"))


def is_done(status: Json) -> bool:
    """By its category: the names of statuses are the project's own."""
    return bool(part(status, "statusCategory", "key") == "done")
