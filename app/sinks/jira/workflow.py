"""Closing and reopening: transitions by name, else by where they lead."""

from collections.abc import Sequence
from typing import Any, Literal

from app.errors import Permanent
from app.sinks.jira.api import JiraApi
from app.sinks.jira.faults import Forbidden, Rejected
from app.sinks.jira.form import Remarks
from app.sinks.jira.settings import JiraSettings
from app.sinks.jira.ticket import Ticket, is_done

Json = dict[str, Any]
Option = Literal["done_transition", "reopen_transition"]


class Workflow:
    """The ways that a project's workflow offers from a ticket's present status."""

    def __init__(self, name: str, settings: JiraSettings, api: JiraApi) -> None:
        self._name = name
        self._settings = settings
        self._api = api

    def close(self, ticket: Ticket, remarks: Remarks) -> bool:
        """Whether there was a way. `Permanent` names the option when Jira refuses to take it."""
        try:
            return self._move(ticket, "done_transition", remarks)
        except Rejected as refusal:
            raise Permanent(f"{refusal}; choose another sinks.{self._name}.done_transition") from None

    def reopen(self, ticket: Ticket, remarks: Remarks) -> None:
        """What can't be reopened is commented all the same."""
        option = f"sinks.{self._name}.reopen_transition"
        try:
            ticket.stays_closed = not self._move(ticket, "reopen_transition", remarks)
            if ticket.stays_closed:
                remarks[f"{ticket.key} stays closed: no transition leads out of it; check {option}"] = None
        except (Rejected, Forbidden) as refusal:
            ticket.stays_closed = True
            remarks[f"{ticket.key} stays closed: {refusal}; check {option}"] = None

    def _move(self, ticket: Ticket, option: Option, remarks: Remarks) -> bool:
        """Takes the transition of the configured name, else any that leads to the wanted side of done."""
        name = str(getattr(self._settings, option))
        offered = self._api.transitions(ticket.key)
        fitting = [way for way in offered if is_done(way["to"]) is (option == "done_transition")]
        chosen = next(iter([*_named(offered, name), *fitting]), None)
        if chosen is None:
            return False
        if not _named([chosen], name) and option in self._settings.model_fields_set:
            names = ", ".join(sorted(str(way["name"]) for way in fitting))
            remarks[f'there is no transition "{name}"; set sinks.{self._name}.{option} to one of {names}'] = (
                None
            )
        self._api.transition(ticket.key, chosen["id"])
        return True


def _named(options: Sequence[Json], name: str) -> list[Json]:
    wanted = name.casefold()
    return [o for o in options if wanted in (o["name"].casefold(), o["to"]["name"].casefold())]
