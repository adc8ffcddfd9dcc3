"""The Jira sink: one ticket a finding, opened once, commented, reopened and closed.

A ticket is found by its key, which the finding remembers, else by its label. An answer that was lost is
looked for by the notice's marker before anything is said again.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from app.errors import Permanent
from app.plan.notice import Notice
from app.sinks.base import TellingSink
from app.sinks.interface import Grouping, Message, Receipt
from app.sinks.jira import text
from app.sinks.jira.api import JiraApi, NotFound, Rejected
from app.sinks.jira.settings import JiraSettings
from app.sinks.secrets import required
from app.sinks.tools import Tools

Json = dict[str, Any]

USER_LIFETIME = timedelta(hours=6)
# Many projects keep these off the create screen; a ticket without them is better than none.
_OPTIONAL = frozenset({"duedate", "assignee"})


class JiraSink(TellingSink):
    """One project of one site."""

    grouping: Grouping = "finding"
    tickets = True
    insists = True

    def __init__(self, name: str, settings: JiraSettings, tools: Tools) -> None:
        self.name = name
        self._settings = settings
        self._texts = tools.texts
        self._api = JiraApi(name, required(name, "token", settings.token), settings, tools.waits)
        self._users: dict[str, tuple[datetime, Json | None]] = {}

    def send(self, message: Message) -> Receipt:
        """Opens the finding's ticket, or says in it what is new. Raises as `Sink` says."""
        notice = message.notices[0]
        issue = self._find(notice)
        if issue is None:
            return self._open(notice, message)
        if not (message.maybe_sent and self._said(issue, notice)):
            self._follow_up(issue, notice, message)
        return self._receipt(issue, message)

    def resolve(self, notice: Notice, now: datetime) -> Receipt | None:
        """Says why, and closes the ticket. `Permanent` when its workflow has no way to be done."""
        notice = replace(notice, kind="resolved")
        issue = self._find(notice)
        if issue is None:
            return None
        key = issue["key"]
        if not _is_done(issue["fields"]["status"]):
            if not self._said(issue, notice):
                self._api.comment(key, text.comment(notice, self._texts))
            if not self._move(key, self._settings.done_transition, done=True):
                raise Permanent(f"Jira: {key} has no transition that closes it; set done_transition")
        return Receipt(notice.owner, False, self._refs(key))

    def _find(self, notice: Notice) -> Json | None:
        key = notice.refs.get("key")
        if key:
            try:
                return self._api.issue(key)
            except NotFound:
                pass  # deleted, or moved out of sight: its label may still lead to it
        found = self._api.labelled(text.label(notice))
        return min(
            found, key=lambda issue: (_is_done(issue["fields"]["status"]), int(issue["id"])), default=None
        )

    def _open(self, notice: Notice, message: Message) -> Receipt:
        who, assignee = self._assignee(message)
        fields: Json = {
            "project": {"key": self._settings.project},
            "issuetype": {"name": self._settings.issue_type},
            "summary": text.summary(notice, self._texts),
            "description": text.description(notice, self._texts),
            "labels": ["keysteward", text.label(notice), *self._settings.labels],
            **({"assignee": assignee} if assignee else {}),
            **_due(notice),
        }
        key, missing = self._create(fields)
        if assignee is None or "assignee" in missing:
            return Receipt(f"{self._settings.project} (unassigned)", False, self._refs(key))
        return Receipt(who, self._settings.counts, self._refs(key))

    def _create(self, fields: Json) -> tuple[str, frozenset[str]]:
        """The new key, and the optional fields that Jira would not take."""
        try:
            return self._api.create(fields), frozenset()
        except Rejected as refusal:
            refused = refusal.fields & _OPTIONAL & fields.keys()
            if not refused:
                raise
        return self._api.create(
            {name: value for name, value in fields.items() if name not in refused}
        ), refused

    def _follow_up(self, issue: Json, notice: Notice, message: Message) -> None:
        """The comment comes last: what precedes it can be done twice without harm."""
        key, fields = issue["key"], issue["fields"]
        if _is_done(fields["status"]):
            self._move(key, self._settings.reopen_transition, done=False)
        changes = {k: v for k, v in _due(notice).items() if fields.get(k) != v}
        if not fields.get("assignee"):
            _, assignee = self._assignee(message)
            changes |= {"assignee": assignee} if assignee else {}
        self._update(issue, changes)
        self._api.comment(key, text.comment(notice, self._texts))

    def _update(self, issue: Json, changes: Json) -> None:
        if not changes:
            return
        try:
            self._api.update(issue["key"], changes)
        except Rejected:
            return  # a field that is not on the edit screen: the comment tells the same
        issue["fields"] |= changes

    def _said(self, issue: Json, notice: Notice) -> bool:
        line = text.marker(notice)
        described = issue["fields"].get("description") or ""
        return any(line in said.splitlines() for said in (described, *self._api.comments(issue["key"])))

    def _move(self, key: str, name: str, *, done: bool) -> bool:
        """Takes the transition of this name, else any that leads to the wanted side of done."""
        options = self._api.transitions(key)
        fitting = [option for option in options if _is_done(option["to"]) is done]
        chosen = next(iter([*_named(options, name), *fitting]), None)
        if chosen:
            self._api.transition(key, chosen["id"])
        return chosen is not None

    def _assignee(self, message: Message) -> tuple[str, Json | None]:
        """Whom the ticket is for, by exact address, and how Jira names them; the fallback, else nobody."""
        for who in filter(None, (message.recipient, self._settings.fallback_assignee)):
            user = self._user(who, message.now)
            if user:
                return who, user
        return "", None

    def _user(self, who: str, now: datetime) -> Json | None:
        if "@" not in who:
            return self._named_user(who)
        known = self._users.get(who)
        if known is None or now - known[0] >= USER_LIFETIME:
            known = self._users[who] = (now, self._lookup(who))
        return known[1]

    def _lookup(self, email: str) -> Json | None:
        # The search matches parts of names too: only the very address will do.
        for user in self._api.users(email):
            exact = str(user.get("emailAddress", "")).casefold() == email.casefold()
            if exact and user.get("active", True):
                return self._named_user(user["accountId"] if self._api.is_cloud else user["name"])
        return None

    def _named_user(self, identifier: str) -> Json:
        return {"accountId" if self._api.is_cloud else "name": identifier}

    def _receipt(self, issue: Json, message: Message) -> Receipt:
        assignee = issue["fields"].get("assignee")
        refs = self._refs(issue["key"])
        if not assignee:
            return Receipt(f"{self._settings.project} (unassigned)", False, refs)
        who, wanted = self._assignee(message)
        theirs = wanted is not None and wanted.items() <= assignee.items()
        told = who if theirs else assignee.get("emailAddress") or assignee.get("displayName", "its assignee")
        return Receipt(told, self._settings.counts, refs)

    def _refs(self, key: str) -> dict[str, str]:
        return {"key": key, "url": f"{self._settings.server.rstrip('/')}/browse/{key}"}


def _due(notice: Notice) -> Json:
    named = notice.act_at if notice.kind == "warning" else None
    return {"duedate": named.date().isoformat()} if named else {}


def _is_done(status: Json) -> bool:
    return bool(status.get("statusCategory", {}).get("key") == "done")


def _named(options: Sequence[Json], name: str) -> list[Json]:
    wanted = name.casefold()
    return [o for o in options if wanted in (o["name"].casefold(), o["to"]["name"].casefold())]
