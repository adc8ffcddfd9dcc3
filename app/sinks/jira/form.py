"""The fields of a ticket: what is set on a new one, and what a later notice changes."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from app.errors import ConfigError, Transient
from app.plan.notice import Notice
from app.sinks.jira import text
from app.sinks.jira.api import JiraApi
from app.sinks.jira.faults import Rejected
from app.sinks.jira.settings import JiraSettings
from app.sinks.jira.ticket import Ticket
from app.sinks.texts import Texts

Result = TypeVar("Result")
Json = dict[str, Any]
Remarks = dict[str, None]

# Jira Cloud's words for a text area that was given plain text.
_WANTS_DOCUMENT = "Atlassian Document"
_MENDS = {
    "duedate": 'add it to the {screen} screen and give the account the permission "Schedule Issues"',
    "assignee": 'add it to the {screen} screen; the account needs "Assign Issues", they "Assignable User"',
    "priority": "add it to the {screen} screen or mend sinks.{name}.priority",
}
_CUSTOM = "add it to the {screen} screen or remove it from sinks.{name}.fields"
_ESSENTIAL = frozenset({"project", "issuetype", "summary", "description", "labels"})


class Form:
    """Fills in the fields for one sink, and writes them without those that Jira won't take."""

    def __init__(self, name: str, settings: JiraSettings, texts: Texts, api: JiraApi) -> None:
        self._name = name
        self._settings = settings
        self._texts = texts
        self._api = api
        self._documents: set[str] = set()  # custom text areas, as Jira has told

    def create(self, own: Json, notices: Sequence[Notice], remarks: Remarks) -> tuple[str, frozenset[str]]:
        """The new key, and the fields that Jira would not take, which ``remarks`` tell.

        ``own`` are the fields that every ticket has; those of the config are added.
        """
        settings = self._settings
        fields = {
            "project": {"key": settings.project},
            "issuetype": {"name": settings.issue_type},
            "summary": text.summary(settings.group_by, notices, self._texts),
            **own,
            **self._custom(notices, remarks),
        }
        try:
            return self._write(self._api.create, fields, "create", remarks)
        except Rejected as refusal:
            if refusal.fields and not refusal.fields.keys() & fields.keys():
                raise Transient(f"{refusal}; set it in sinks.{self._name}.fields") from None
            raise

    def update(self, ticket: Ticket, changes: Json, remarks: Remarks) -> None:
        """What Jira won't take is left as it was."""
        if changes:
            update = partial(self._update, ticket.key)
            _, refused = self._write(update, changes, "edit", remarks)
            ticket.fields |= {name: value for name, value in changes.items() if name not in refused}

    def _update(self, key: str, changes: Json) -> None:
        if changes:
            self._api.update(key, changes)

    def due(self, notices: Sequence[Notice], ticket: Ticket, now: datetime) -> Json:
        """The day of the next act, the earliest of a group's; nothing when it stands there already."""
        named = [n.act_at.date().isoformat() for n in notices if n.kind == "warning" and n.act_at]
        current = str(ticket.fields.get("duedate") or "")
        if self._settings.group_by != "finding" and current >= now.date().isoformat():
            named += [current] if named else []  # of a key that this message does not speak of
        day = min(named, default=current)
        return {"duedate": day} if day != current else {}

    def priority(self, notices: Sequence[Notice], ticket: Ticket, ours: str) -> Json:
        """The priority of the most severe stage. Never lowered, and left alone where a person changed it."""
        by_stage = self._settings.priority
        order = list(by_stage.values())
        wanted = max((by_stage[n.stage] for n in notices if n.stage in by_stage), key=order.index, default="")
        current = ticket.priority
        a_persons = ours and current != ours
        if not wanted or a_persons or current in order[order.index(wanted) :]:
            return {}
        return {"priority": {"name": wanted}}

    def _custom(self, notices: Sequence[Notice], remarks: Remarks) -> Json:
        values = {"notice": notices[0], "notices": notices, "grouping": self._settings.group_by}
        fields: Json = {}
        for name, value in self._settings.fields.items():
            try:
                rendered = self._rendered(value, values)
            except ConfigError as error:
                remarks[f"sinks.{self._name}.fields.{name} is left out: {error}"] = None
            else:
                fields[name] = self._api.body(rendered) if name in self._documents else rendered
        return fields

    def _rendered(self, value: Any, values: Json) -> Any:
        if isinstance(value, str):
            return self._texts.render_string(value, **values)
        if isinstance(value, dict):
            return {key: self._rendered(inner, values) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._rendered(inner, values) for inner in value]
        return value

    def _write(
        self, write: Callable[[Json], Result], fields: Json, screen: str, remarks: Remarks
    ) -> tuple[Result, frozenset[str]]:
        """Writes, again and again without what is refused: a ticket without a field beats none."""
        wanted = dict(fields)
        while True:
            try:
                return write(wanted), frozenset(fields.keys() - wanted.keys())
            except Rejected as refusal:
                before = dict(wanted)
                self._amend(wanted, refusal, screen, remarks)
                if wanted == before:
                    raise

    def _amend(self, fields: Json, refusal: Rejected, screen: str, remarks: Remarks) -> None:
        """Takes out what was refused, or says it as the document that Jira asked for."""
        for name, said in _dispensable(refusal, fields):
            if _WANTS_DOCUMENT in said and isinstance(fields[name], str):
                self._documents.add(name)
                fields[name] = self._api.body(fields[name])
            else:
                del fields[name]
                mend = _MENDS.get(name, _CUSTOM).format(screen=screen, name=self._name)
                remarks[f"Jira does not take field {name}: {said.rstrip('.')}; {mend}"] = None


def _dispensable(refusal: Rejected, fields: Json) -> Iterator[tuple[str, str]]:
    return ((n, said) for n, said in refusal.fields.items() if n in fields and n not in _ESSENTIAL)
