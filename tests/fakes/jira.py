"""A small stateful Jira, Cloud or Data Center (REST v2, developer.atlassian.com)."""

import re
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.fakes.http import Answer, HttpFake, Request

TOKEN = "jira-fake"
EMAIL = "bot@example.com"
STATUSES = {"To Do": "new", "In Progress": "indeterminate", "Done": "done"}

_LABEL = re.compile(r'labels = "([^"]+)"')
_ROUTES = (
    ("GET", r"serverInfo", "server_info"),
    ("GET", r"search/jql", "search_cloud"),
    ("GET", r"search", "search_server"),
    ("GET", r"user/search", "user_search"),
    ("POST", r"issue", "create"),
    ("GET", r"issue/([^/]+)", "read"),
    ("PUT", r"issue/([^/]+)", "update"),
    ("GET", r"issue/([^/]+)/comment", "comments"),
    ("POST", r"issue/([^/]+)/comment", "comment"),
    ("GET", r"issue/([^/]+)/transitions", "transitions"),
    ("POST", r"issue/([^/]+)/transitions", "transition"),
)


@dataclass
class Ticket:
    """An issue as it stands."""

    id: str
    key: str
    fields: dict[str, Any]
    status: str = "To Do"
    comments: list[str] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        return list(self.fields.get("labels", ()))

    @property
    def assignee(self) -> str | None:
        """Its account id (Cloud) or name (Data Center)."""
        named = self.fields.get("assignee")
        return next(iter(named.values())) if named else None


class FakeJira(HttpFake):
    """One site. Fields in ``screenless`` are refused on create and update, as Jira refuses them.

    Operations for `fail` and `calls`: create, comment, transition, update, read, search_cloud, …
    """

    def __init__(
        self,
        deployment: Literal["Cloud", "Server"] = "Cloud",
        project: str = "SEC",
        token: str = TOKEN,
        email: str | None = EMAIL,
    ) -> None:
        super().__init__()
        self.deployment = deployment
        self.project = project
        self.screenless: set[str] = set()
        self.tickets: dict[str, Ticket] = {}
        self.transition_names = {"To Do": "Reopen", "In Progress": "Start", "Done": "Close"}
        self._users: list[dict[str, Any]] = []
        basic = b64encode(f"{email}:{token}".encode()).decode()
        self._authorization = f"Basic {basic}" if email else f"Bearer {token}"

    def add_user(self, email: str, active: bool = True) -> str:
        """Returns how tickets name the user."""
        number = len(self._users) + 1
        id_field, value = ("accountId", f"acc-{number}") if self._is_cloud else ("name", f"user{number}")
        self._users.append(
            {id_field: value, "emailAddress": email, "active": active, "displayName": email, "self": self.url}
        )
        return value

    def open(self, *labels: str, status: str = "To Do", **fields: Any) -> Ticket:
        """A ticket that is there already."""
        number = len(self.tickets) + 1
        key = f"{self.project}-{number}"
        self.tickets[key] = Ticket(str(10_000 + number), key, {**fields, "labels": list(labels)}, status)
        return self.tickets[key]

    @property
    def _is_cloud(self) -> bool:
        return self.deployment == "Cloud"

    def operation(self, request: Request) -> str:
        return self._route(request)[0]

    def answer(self, request: Request) -> Answer:
        if request.headers.get("Authorization") != self._authorization:
            return _error(401, "Client must be authenticated to access this resource.")
        operation, key = self._route(request)
        act = getattr(self, f"_{operation}", None)
        if act is None:
            return _error(404, "null for uri")
        if key is None:
            return act(request)  # type: ignore[no-any-return]
        ticket = self.tickets.get(key)
        if ticket is None:
            return _error(404, "Issue does not exist or you do not have permission to see it.")
        return act(request, ticket)  # type: ignore[no-any-return]

    def _route(self, request: Request) -> tuple[str, str | None]:
        path = request.path.removeprefix("/rest/api/2/")
        for method, pattern, operation in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method == request.method:
                return operation, next(iter(match.groups()), None)
        return "unknown", None

    def _server_info(self, _: Request) -> Answer:
        return Answer(body={"versionNumbers": [9, 12, 0], "deploymentType": self.deployment})

    def _search_cloud(self, request: Request) -> Answer:
        return self._search(request) if self._is_cloud else _error(404, "null for uri")

    def _search_server(self, request: Request) -> Answer:
        if self._is_cloud:
            return _error(
                410, "The requested API has been removed. Please migrate to /rest/api/3/search/jql."
            )
        return self._search(request)

    def _search(self, request: Request) -> Answer:
        match = _LABEL.fullmatch(request.query["jql"])
        if not match:
            return _error(400, 'This fake only knows: labels = "x"')
        found = [self._shown(t) for t in self.tickets.values() if match[1] in t.labels]
        return Answer(body={"issues": found, "isLast": True})

    def _user_search(self, request: Request) -> Answer:
        words = request.query.get("query" if self._is_cloud else "username", "").casefold()
        # As the real one: a prefix of any attribute is a hit.
        return Answer(body=[u for u in self._users if u["emailAddress"].casefold().startswith(words[:4])])

    def _create(self, request: Request) -> Answer:
        fields = request.body["fields"]
        if fields["project"].get("key") != self.project:
            return _error(400, project="valid project is required")
        refused = self._refused(fields)
        if refused:
            return refused
        ticket = self.open(*fields["labels"], **{k: v for k, v in fields.items() if k != "labels"})
        return Answer(
            201, {"id": ticket.id, "key": ticket.key, "self": f"{self.url}/rest/api/2/issue/{ticket.id}"}
        )

    def _read(self, _: Request, ticket: Ticket) -> Answer:
        return Answer(body=self._shown(ticket))

    def _update(self, request: Request, ticket: Ticket) -> Answer:
        refused = self._refused(request.body["fields"])
        if refused:
            return refused
        ticket.fields |= request.body["fields"]
        return Answer(204, "")

    def _comments(self, _: Request, ticket: Ticket) -> Answer:
        return Answer(body={"comments": [{"body": text} for text in reversed(ticket.comments)]})

    def _comment(self, request: Request, ticket: Ticket) -> Answer:
        ticket.comments.append(request.body["body"])
        return Answer(201, {"id": str(len(ticket.comments)), "body": request.body["body"], "self": self.url})

    def _transitions(self, _: Request, ticket: Ticket) -> Answer:
        options = [
            {"id": str(number), "name": self.transition_names[name], "to": _status(name)}
            for number, name in enumerate(STATUSES, start=1)
            if name != ticket.status and name in self.transition_names
        ]
        return Answer(body={"transitions": options})

    def _transition(self, request: Request, ticket: Ticket) -> Answer:
        number = request.body["transition"]["id"]
        if not isinstance(number, str):
            return _error(400, "transition identifier must be a string")
        ticket.status = list(STATUSES)[int(number) - 1]
        return Answer(204, "")

    def _refused(self, fields: dict[str, Any]) -> Answer | None:
        off = self.screenless & fields.keys()
        text = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."
        return _error(400, **{name: text.format(name) for name in off}) if off else None

    def _shown(self, ticket: Ticket) -> dict[str, Any]:
        named = ticket.fields.get("assignee") or {}
        user = next((u for u in self._users if named.items() <= u.items()), None) if named else None
        fields = {**ticket.fields, "status": _status(ticket.status), "assignee": user or named or None}
        return {
            "id": ticket.id,
            "key": ticket.key,
            "self": f"{self.url}/rest/api/2/issue/{ticket.id}",
            "fields": fields,
        }


def _status(name: str) -> dict[str, Any]:
    return {"name": name, "statusCategory": {"key": STATUSES[name]}}


def _error(status: int, *messages: str, **fields: str) -> Answer:
    return Answer(status, {"errorMessages": list(messages), "errors": fields})
