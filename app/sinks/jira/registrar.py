"""Which ticket is a finding's: found by key or label, joined, left, struck off."""

import json
from collections.abc import Iterable, Sequence

from app.errors import Ambiguous, KeystewardError, PausedMeanwhile, Permanent
from app.plan.notice import Notice
from app.sinks.interface import Grouping, Message
from app.sinks.jira import markup, text
from app.sinks.jira.api import JiraApi
from app.sinks.jira.faults import Forbidden, NotFound
from app.sinks.jira.form import Remarks
from app.sinks.jira.ticket import Ticket
from app.sinks.jira.workflow import Workflow
from app.sinks.texts import Texts


class Registrar:
    """Keeps findings and tickets together by labels, which outlive the ledger."""

    def __init__(self, grouping: Grouping, texts: Texts, api: JiraApi, workflow: Workflow) -> None:
        self._grouping = grouping
        self._texts = texts
        self._api = api
        self._workflow = workflow
        self._opened: dict[str, str] = {}  # label -> key: the search of Cloud lags behind what was written

    def remember(self, home: str, key: str) -> None:
        self._opened[home] = key

    def find(self, home: str, notices: Sequence[Notice], remarks: Remarks) -> Ticket | None:
        """The ticket of this label; ``remarks`` tell when a known one is gone."""
        known = [n.refs["key"] for n in notices if "key" in n.refs and text.home_of(n) == home]
        for key in dict.fromkeys([*known, *filter(None, [self._opened.get(home)])]):
            ticket = self._read(key)
            if ticket:
                return ticket
        found = self._labelled(home)
        if known and not found:
            remarks[f"{known[0]} is gone (deleted, or hidden from the account): a new ticket was opened"] = (
                None
            )
        return found

    def find_of(self, notice: Notice) -> Ticket | None:
        """The ticket that the finding is on, of whatever kind."""
        ticket = self._read(notice.refs["key"]) if "key" in notice.refs else None
        return ticket or _best(map(Ticket.of, self._api.labelled(text.label(notice))))

    def is_grouped(self, ticket: Ticket) -> bool:
        return text.is_group(ticket.labels)

    def is_last(self, ticket: Ticket, notice: Notice) -> bool:
        """Whether no other open finding is on the ticket: by the ledger, or by labels if it forgot."""
        if "key" in notice.refs:
            return notice.siblings == 0
        return not text.finding_labels(ticket.labels) - {text.label(notice)}

    def enroll(self, ticket: Ticket, home: str, message: Message, remarks: Remarks) -> None:
        """Puts findings that are new to the ticket onto it: labels, and its description's list."""
        missing = [label for label in text.labels(home, message.notices) if label not in ticket.labels]
        try:
            if missing:
                self._api.relabel(ticket.key, add=tuple(missing))
            if self.is_grouped(ticket):
                self._list(ticket, message)
        except (Permanent, Forbidden) as error:
            remarks[f"labels and lists of tickets can't be kept up to date: {error}"] = None

    def strike(self, ticket: Ticket, notice: Notice, remarks: Remarks) -> None:
        """Takes a finding's label off a ticket of many."""
        try:
            if text.label(notice) in ticket.labels:
                self._api.relabel(ticket.key, remove=(text.label(notice),))
        except (Permanent, Forbidden) as error:
            remarks[f"labels of tickets can't be kept up to date: {error}"] = None

    def move_in(self, ticket: Ticket, home: str, notices: Sequence[Notice], remarks: Remarks) -> None:
        """Leaves the tickets that findings were on before: a former owner's, say."""
        for notice in notices:
            old = notice.refs.get("key", "")
            if old and old != ticket.key and text.home_of(notice) != home:
                try:
                    self._leave(old, notice, ticket.key, remarks)
                except PausedMeanwhile as pause:
                    raise Ambiguous(str(pause)) from None  # the rest of this is to come, and nothing twice
                except KeystewardError as error:  # the new ticket stands: nothing is to be said twice there
                    remarks[f"{old} could not be told that {notice.finding_id} has moved: {error}"] = None

    def _leave(self, key: str, notice: Notice, to: str, remarks: Remarks) -> None:
        """The label goes last: it tells whether all that was done."""
        old = self._read(key)
        if old is None or text.label(notice) not in old.labels:
            return
        said = text.markers(self._api.comments(old.key))
        if text.moved_marker(notice, to) not in said:
            self._api.comment(old.key, text.moved(notice, to, self._texts))
        if not old.done and not text.finding_labels(old.labels) - {text.label(notice)}:
            self._workflow.close(old, remarks)
        self._api.relabel(old.key, remove=(text.label(notice),))

    def _list(self, ticket: Ticket, message: Message) -> None:
        listed = "\n".join(ticket.said)
        new = [notice for notice in message.notices if notice.finding_id not in listed]
        if not new:
            return
        rows = text.added(new, message.now, self._texts)
        body = markup.appended(ticket.fields.get("description"), rows, self._api.is_cloud)
        if len(json.dumps(body, ensure_ascii=False)) <= text.MAX_BODY:  # the comment lists them too
            self._api.update(ticket.key, {"description": body})

    def _read(self, key: str) -> Ticket | None:
        try:
            return Ticket.of(self._api.issue(key))
        except NotFound:
            return None  # deleted, or moved out of sight: its label may still lead to it

    def _labelled(self, home: str) -> Ticket | None:
        found = map(Ticket.of, self._api.labelled(home))
        alone = self._grouping == "finding"  # each finding's label is on its group's ticket too
        return _best(ticket for ticket in found if text.is_group(ticket.labels) is not alone)


def _best(tickets: Iterable[Ticket]) -> Ticket | None:
    """An open one before a closed one, then the oldest."""
    return min(tickets, key=lambda ticket: (ticket.done, ticket.number), default=None)
