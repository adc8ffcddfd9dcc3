"""Whom a ticket is for, by exact address only, and when a ticket changes hands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.plan.notice import Notice
from app.sinks.interface import Grouping, Message
from app.sinks.jira.api import JiraApi
from app.sinks.jira.faults import Forbidden, NotFound
from app.sinks.jira.ticket import Ticket

Json = dict[str, Any]

USER_LIFETIME = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Person:
    """``address`` as the config or the policy names them; ``id``: an accountId (Cloud) or a name."""

    address: str
    id: str


class People:
    """Looks owners up, and remembers them for six hours."""

    def __init__(self, api: JiraApi, grouping: Grouping, fallback: str | None) -> None:
        self._api = api
        self._grouping = grouping
        self._fallback = fallback
        self.remark = ""  # what an operator should mend, as the last look-up showed
        self._known: dict[str, tuple[datetime, str]] = {}

    def look_up(self, message: Message) -> None:
        """Everybody whom the message is for, before anything is said that a failure would repeat."""
        self.wanted(message)
        if self._grouping == "account":
            for notice in message.notices:
                self._answering(notice.owner, message.now)

    def wanted(self, message: Message) -> Person | None:
        """Whom the message's ticket is for: of an account's, the owner of the most urgent key."""
        owner = message.notices[0].owner if self._grouping == "account" else message.recipient
        return self._answering(owner, message.now)

    def to_assign(self, ticket: Ticket, ours: str, message: Message) -> Person | None:
        """The new assignee; None to leave it as it is. Who a person chose is left alone.

        ``ours``: whom we assigned it to, as the ledger remembers; empty: nobody.
        """
        wanted = self.wanted(message)
        current = self.id_of(ticket.assignee)
        if wanted is None or wanted.id == current or current != ours:
            return None
        return wanted if not current or self._grouping != "account" else None

    def were_told(self, notices: Sequence[Notice], assignee: Json, now: datetime) -> bool:
        """Whether the assignee answers for each notice of an account's ticket, which has many owners."""
        if self._grouping != "account":
            return True
        owners = {notice.owner for notice in notices}
        answering = [self._answering(owner, now) for owner in owners]
        return all(person and person.id == self.id_of(assignee) for person in answering)

    def reference(self, person_id: str) -> Json:
        """How a request names them."""
        return {"accountId" if self._api.is_cloud else "name": person_id}

    def id_of(self, user: Json) -> str:
        return str(user.get("accountId" if self._api.is_cloud else "name") or "")

    def _answering(self, owner: str, now: datetime) -> Person | None:
        """The owner; where Jira doesn't know them the fallback, else nobody."""
        for who in filter(None, (owner, self._fallback)):
            found = self._id(who, now)
            if found:
                return Person(who, found)
        return None

    def _id(self, who: str, now: datetime) -> str:
        if "@" not in who:
            return who
        known = self._known.get(who)
        if known is None or now - known[0] >= USER_LIFETIME:
            known = self._known[who] = (now, self._lookup(who))
        return known[1]

    def _lookup(self, email: str) -> str:
        # The search matches parts of names too: only the very address will do.
        for user in self._found(email):
            exact = str(user.get("emailAddress", "")).casefold() == email.casefold()
            if exact and user.get("active", True):
                return self.id_of(user)
        return ""

    def _found(self, email: str) -> list[Json]:
        """Nobody where people may not be looked up: a ticket without an assignee beats no ticket."""
        try:
            found = self._api.users(email)
        except NotFound:
            return []
        except Forbidden as error:
            self.remark = (
                f"owners can't be looked up, so tickets have no assignee (HTTP {error.status}): give the "
                'account "Browse users and groups" and its token the scope read:jira-user'
            )
            return []
        self.remark = ""
        return found
