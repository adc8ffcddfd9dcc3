"""The Jira sink: one ticket a finding, an owner or an account: opened once, commented, reopened and closed.

A ticket is found by its key, which the finding remembers, else by its label. An answer that was lost is
looked for by the notice's marker before anything is said again.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from app.errors import Permanent
from app.plan.notice import Notice
from app.sinks.base import TellingSink
from app.sinks.interface import Message, Receipt
from app.sinks.jira import text
from app.sinks.jira.api import JiraApi
from app.sinks.jira.faults import Forbidden
from app.sinks.jira.form import Form, Remarks
from app.sinks.jira.people import People
from app.sinks.jira.registrar import Registrar
from app.sinks.jira.settings import JiraSettings
from app.sinks.jira.ticket import Ticket
from app.sinks.jira.workflow import Workflow
from app.sinks.secrets import required
from app.sinks.tools import Tools


class JiraSink(TellingSink):
    """One project of one site."""

    tickets = True

    def __init__(self, name: str, settings: JiraSettings, tools: Tools) -> None:
        self.name = name
        self.grouping = settings.group_by
        self.insists = settings.when_closed == "reopen"
        self._settings = settings
        self._texts = tools.texts
        self._api = JiraApi(name, required(name, "token", settings.token), settings, tools.waits)
        self._people = People(self._api, settings.group_by, settings.fallback_assignee)
        self._form = Form(name, settings, tools.texts, self._api)
        self._workflow = Workflow(name, settings, self._api)
        self._registrar = Registrar(settings.group_by, tools.texts, self._api, self._workflow)

    def send(self, message: Message) -> Receipt:
        """Opens the ticket, or says in it what is new. Raises as `Sink` says."""
        remarks: Remarks = {}
        home = text.group_label(self.grouping, message)
        self._people.look_up(message)
        ticket = self._registrar.find(home, message.notices, remarks)
        memory = self._memory(home, message.notices) if ticket else {}
        found = False
        if ticket is None:
            ticket = self._open(home, message, remarks)
            self._say(ticket, message.notices[text.ROWS :])
        else:
            found = self._follow_up(ticket, home, message, memory, remarks)
        self._registrar.move_in(ticket, home, message.notices, remarks)
        receipt = self._receipt(ticket, home, message, memory, remarks)
        # On which day that was said is not known: told today, it would be another notice than that day's.
        return replace(receipt, counts=receipt.counts and not found)

    def resolve(self, notice: Notice, now: datetime) -> Receipt | None:
        """Says why, and closes the ticket behind its last finding. `Permanent` when its workflow can't."""
        remarks: Remarks = {}
        notice = replace(notice, kind="resolved")
        ticket = self._registrar.find_of(notice)
        if ticket is None:
            return None
        grouped = self._registrar.is_grouped(ticket)
        if (grouped or not ticket.done) and text.marker(notice) not in self._told(ticket):
            self._say(ticket, [notice])
        if not ticket.done and self._registrar.is_last(ticket, notice):
            self._close(ticket, remarks)
        if grouped:
            self._registrar.strike(ticket, notice, remarks)
        return Receipt(notice.owner, False, {**notice.refs, **self._refs(ticket)}, tuple(remarks))

    def closed(self, now: datetime) -> frozenset[str]:
        return self._api.closed(now)

    def close(self) -> None:
        self._api.close()

    def _open(self, home: str, message: Message, remarks: Remarks) -> Ticket:
        notices = message.notices
        wanted = self._people.wanted(message)
        own = {
            "description": self._api.body(text.description(self.grouping, notices[: text.ROWS], self._texts)),
            "labels": [*text.labels(home, notices), *self._settings.labels],
            **({"assignee": self._people.reference(wanted.id)} if wanted else {}),
            **self._form.due(notices, Ticket(""), message.now),
            **self._form.priority(notices, Ticket(""), ""),
        }
        key, refused = self._form.create(own, notices, remarks)
        self._registrar.remember(home, key)
        return Ticket(key, {name: value for name, value in own.items() if name not in refused})

    def _follow_up(
        self, ticket: Ticket, home: str, message: Message, memory: dict[str, str], remarks: Remarks
    ) -> bool:
        """The comment comes last: what precedes it can be done twice without harm.

        Returns whether some of it was said before.
        """
        told = self._told(ticket) if self._must_look(ticket, message) else frozenset()
        fresh = [notice for notice in message.notices if text.marker(notice) not in told]
        if ticket.done and fresh and (self.insists or self._is_new(fresh, told)):
            self._workflow.reopen(ticket, remarks)
        self._change(ticket, message, memory, remarks)
        self._registrar.enroll(ticket, home, message, remarks)
        self._say(ticket, fresh)
        return len(fresh) < len(message.notices)

    def _change(self, ticket: Ticket, message: Message, memory: dict[str, str], remarks: Remarks) -> None:
        assignee = self._people.to_assign(ticket, memory.get("assignee", ""), message)
        changes = {
            **self._form.due(message.notices, ticket, message.now),
            **self._form.priority(message.notices, ticket, memory.get("priority", "")),
            **({"assignee": self._people.reference(assignee.id)} if assignee else {}),
        }
        try:
            self._form.update(ticket, changes, remarks)
        except (Permanent, Forbidden) as error:  # the comment tells the same
            remarks[f"a ticket was commented, but not changed: {error}"] = None

    def _must_look(self, ticket: Ticket, message: Message) -> bool:
        """Whether what was said before decides what is said and done now."""
        broken_off = len(message.notices) > text.ROWS  # maybe between two comments
        return message.maybe_sent or broken_off or (ticket.done and not self.insists)

    def _is_new(self, notices: Sequence[Notice], told: frozenset[str]) -> bool:
        """Whether one of them is of an episode that the ticket has never heard of."""
        return any(not any(said.startswith(text.episode_marker(n)) for said in told) for n in notices)

    def _told(self, ticket: Ticket) -> frozenset[str]:
        return text.markers([*ticket.said, *self._api.comments(ticket.key)])

    def _say(self, ticket: Ticket, notices: Sequence[Notice]) -> None:
        for part in text.parts(notices):
            self._api.comment(ticket.key, text.comment(self.grouping, part, self._texts))

    def _close(self, ticket: Ticket, remarks: Remarks) -> None:
        if not self._workflow.close(ticket, remarks):
            raise Permanent(
                f"Jira: {ticket.key} has no transition that closes it; set sinks.{self.name}.done_transition"
            )

    def _memory(self, home: str, notices: Sequence[Notice]) -> dict[str, str]:
        """What the ledger knows of this very ticket."""
        known = (n.refs for n in notices if "key" in n.refs and text.home_of(n) == home)
        return dict(next(known, {}))

    def _receipt(
        self, ticket: Ticket, home: str, message: Message, memory: dict[str, str], remarks: Remarks
    ) -> Receipt:
        refs = {**self._refs(ticket), **self._kept(ticket, home, message, memory)}
        if self._people.remark:
            remarks[self._people.remark] = None
        if not ticket.assignee:
            return Receipt(f"{self._settings.project} (unassigned)", False, refs, tuple(remarks))
        counts = self._people.were_told(message.notices, ticket.assignee, message.now)
        told = self._name_of(ticket, message)
        return Receipt(told, counts and self._settings.counts, refs, tuple(remarks))

    def _name_of(self, ticket: Ticket, message: Message) -> str:
        wanted, assignee = self._people.wanted(message), ticket.assignee
        if wanted and wanted.id == self._people.id_of(assignee):
            return wanted.address
        return str(assignee.get("emailAddress") or assignee.get("displayName") or "its assignee")

    def _refs(self, ticket: Ticket) -> dict[str, str]:
        return {"key": ticket.key, "url": self._settings.browse(ticket.key)}

    def _kept(self, ticket: Ticket, home: str, message: Message, memory: dict[str, str]) -> dict[str, str]:
        """What a later notice must know: whom we assigned it to and which priority we set."""
        wanted = self._people.wanted(message)
        ours = wanted is not None and wanted.id == self._people.id_of(ticket.assignee)
        kept = {
            "group": home if self.grouping != "finding" else "",
            "stays_closed": "yes" if ticket.stays_closed else "",  # once is enough to say so
            "assignee": wanted.id if wanted and ours else memory.get("assignee", ""),
            "priority": ticket.priority
            if ticket.priority in self._settings.priority.values()
            else memory.get("priority", ""),
        }
        return {name: value for name, value in kept.items() if value}
