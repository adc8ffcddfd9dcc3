"""A small stateful Jira, Cloud (REST v3) or Data Center (REST v2), as strict as the real ones.

developer.atlassian.com: what only one of them knows the other refuses.
"""

import itertools
import re
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from tests.fakes import adf
from tests.fakes.http import Answer, HttpFake, Request

TOKEN = "jira-fake"
EMAIL = "bot@example.com"
STATUSES = {"To Do": "new", "In Progress": "indeterminate", "Done": "done"}
PRIORITIES = ("Highest", "High", "Medium", "Low", "Lowest")
MAX_TEXT = 32_767

_OWN_FIELDS = {"project", "issuetype", "summary", "description", "labels", "assignee", "duedate", "priority"}
_CLAUSES = {
    "project": r'project = "([^"]+)"',
    "label": r'labels = "([^"]+)"',
    "category": r"statusCategory = (Done)",
    "updated": r'updated >= "(\d{4}-\d\d-\d\d)"',
}
_ROUTES = (
    ("GET", r"serverInfo", "server_info"),
    ("POST", r"search/jql", "search_cloud"),
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
    bodies: list[Any] = field(default_factory=list)
    updated: str = "9999-12-31"  # just now, whatever the test's clock says

    @property
    def labels(self) -> list[str]:
        return list(self.fields.get("labels", ()))

    @property
    def assignee(self) -> str | None:
        """Its account id (Cloud) or name (Data Center)."""
        named = self.fields.get("assignee")
        return next(iter(named.values())) if named else None

    @property
    def comments(self) -> list[str]:
        return [_text(body) for body in self.bodies]

    @property
    def description(self) -> str:
        return _text(self.fields.get("description", ""))


class FakeJira(HttpFake):
    """One site. Fields in ``screenless`` are refused on create and update, as Jira refuses them.

    ``custom`` are the site's own fields, each "text", "textarea" or "any"; ``required`` ones must be there.
    Operations for `fail` and `calls`: create, comment, transition, update, read, search_cloud, …
    """

    def __init__(
        self,
        deployment: Literal["Cloud", "Server"] = "Cloud",
        project: str = "SEC",
        token: str = TOKEN,
        email: str | None = EMAIL,
        prefix: str = "",
    ) -> None:
        super().__init__()
        self.deployment = deployment
        self.project = project
        self.screenless: set[str] = set()
        self.custom: dict[str, str] = {"components": "any"}
        self.required: dict[str, str] = {}
        self.unassignable: set[str] = set()
        self.tickets: dict[str, Ticket] = {}
        self.unindexed: set[str] = set()  # keys that the search doesn't find yet
        self.page_size = 50
        self.transition_names = {"To Do": "Reopen", "In Progress": "Start", "Done": "Close"}
        self._prefix = prefix
        self._numbers = itertools.count(1)
        self._users: list[dict[str, Any]] = []
        basic = b64encode(f"{email}:{token}".encode()).decode()
        self._authorization = f"Basic {basic}" if email else f"Bearer {token}"

    @property
    def server(self) -> str:
        """What `sinks.jira.server` is to say."""
        return self.url + self._prefix

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
        number = next(self._numbers)
        key = f"{self.project}-{number}"
        self.tickets[key] = Ticket(str(10_000 + number), key, {**fields, "labels": list(labels)}, status)
        return self.tickets[key]

    def assign(self, key: str, user: str) -> None:
        """As a person does it by hand."""
        self.tickets[key].fields["assignee"] = {"accountId" if self._is_cloud else "name": user}

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
        version, _, path = request.path.removeprefix(f"{self._prefix}/rest/api/").partition("/")
        for method, pattern, operation in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method == request.method and self._knows(version, operation):
                return operation, next(iter(match.groups()), None)
        return "unknown", None

    def _knows(self, version: str, operation: str) -> bool:
        """Everybody knows v2's serverInfo, by which a client finds out."""
        if operation == "server_info":
            return version in ("2", "3" if self._is_cloud else "2")
        return version == ("3" if self._is_cloud else "2")

    def _server_info(self, _: Request) -> Answer:
        return Answer(body={"versionNumbers": [9, 12, 0], "deploymentType": self.deployment})

    def _search_cloud(self, request: Request) -> Answer:
        body = request.body
        if not self._is_cloud or body.keys() - {"jql", "fields", "maxResults", "nextPageToken"}:
            return _error(400, "Invalid request payload. Refer to the REST API documentation and try again.")
        start = int(body.get("nextPageToken", "page-0").removeprefix("page-"))
        found = self._matching(body["jql"])
        if isinstance(found, Answer):
            return found
        end = start + min(self.page_size, body["maxResults"])
        shown = [self._shown(ticket, body.get("fields", [])) for ticket in found[start:end]]
        more = {"nextPageToken": f"page-{end}"} if end < len(found) else {}
        return Answer(body={"issues": shown, "isLast": not more, **more})

    def _search_server(self, request: Request) -> Answer:
        if self._is_cloud:
            return _error(
                410, "The requested API has been removed. Please migrate to /rest/api/3/search/jql."
            )
        query = request.query
        start, size = int(query.get("startAt", 0)), min(self.page_size, int(query["maxResults"]))
        found = self._matching(query["jql"])
        if isinstance(found, Answer):
            return found
        shown = [self._shown(ticket, query["fields"].split(",")) for ticket in found[start : start + size]]
        return Answer(body={"issues": shown, "startAt": start, "maxResults": size, "total": len(found)})

    def _matching(self, jql: str) -> list[Ticket] | Answer:
        clauses = [_clause(part) for part in jql.split(" AND ")]
        if None in clauses:
            return _error(400, f"Error in the JQL Query: this fake does not know {jql}")
        indexed = [ticket for ticket in self.tickets.values() if ticket.key not in self.unindexed]
        return [t for t in indexed if all(self._fits(t, *clause) for clause in clauses if clause)]

    def _fits(self, ticket: Ticket, kind: str, value: str) -> bool:
        if kind == "project":
            return ticket.key.startswith(f"{value}-")
        if kind == "label":
            return value in ticket.labels
        if kind == "category":
            return STATUSES[ticket.status] == "done"
        return ticket.updated >= value

    def _user_search(self, request: Request) -> Answer:
        if request.query.keys() - {"query" if self._is_cloud else "username", "maxResults"}:
            return _error(400, "The query parameters are not those of this Jira.")
        words = request.query.get("query" if self._is_cloud else "username", "").casefold()
        # As the real one: a prefix of any attribute is a hit.
        return Answer(body=[u for u in self._users if u["emailAddress"].casefold().startswith(words[:4])])

    def _create(self, request: Request) -> Answer:
        if request.body.keys() != {"fields"}:
            return _error(400, "one of 'fields' or 'update' required")
        fields = request.body["fields"]
        faults = self._refusals(fields) | {k: v for k, v in self.required.items() if k not in fields}
        if fields.get("project", {}).get("key") != self.project:
            faults["project"] = "valid project is required"
        if faults:
            return _error(400, **faults)
        ticket = self.open(*fields["labels"], **{k: v for k, v in fields.items() if k != "labels"})
        return Answer(201, {"id": ticket.id, "key": ticket.key, "self": f"{self.url}/{ticket.id}"})

    def _read(self, request: Request, ticket: Ticket) -> Answer:
        return Answer(body=self._shown(ticket, request.query["fields"].split(",")))

    def _update(self, request: Request, ticket: Ticket) -> Answer:
        body = request.body
        if not body or body.keys() - {"fields", "update"} or not all(body.values()):
            return _error(400, "one of 'fields' or 'update' required")
        touched = [*body.get("fields", ()), *body.get("update", ())]
        faults = self._refusals(body.get("fields", {})) | self._off_screen(touched)
        if faults:
            return _error(400, **faults)
        ticket.fields |= body.get("fields", {})
        for change in body.get("update", {}).get("labels", ()):
            [(verb, label)] = change.items()
            kept = [known for known in ticket.labels if known != label]
            ticket.fields["labels"] = [*kept, label] if verb == "add" else kept
        return Answer(204, "")

    def _comments(self, _: Request, ticket: Ticket) -> Answer:
        bodies = [{"id": str(n), "body": body} for n, body in enumerate(ticket.bodies)]
        return Answer(body={"comments": list(reversed(bodies)), "total": len(bodies), "startAt": 0})

    def _comment(self, request: Request, ticket: Ticket) -> Answer:
        fault = self._rich_fault(request.body.get("body"))
        if fault or request.body.keys() != {"body"}:
            return _error(400, comment=fault or "unknown property")
        ticket.bodies.append(request.body["body"])
        return Answer(201, {"id": str(len(ticket.bodies)), "body": request.body["body"], "self": self.url})

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

    # --- what it refuses ---------------------------------------------------------------------------

    def _refusals(self, fields: dict[str, Any]) -> dict[str, str]:
        found = {name: self._fault(name, value) for name, value in fields.items()}
        return {name: fault for name, fault in found.items() if fault} | self._off_screen(list(fields))

    def _off_screen(self, names: list[str]) -> dict[str, str]:
        text = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."
        known = (_OWN_FIELDS | self.custom.keys()) - self.screenless
        return {name: text.format(name) for name in names if name not in known}

    def _fault(self, name: str, value: Any) -> str:
        if name == "description" or self.custom.get(name) == "textarea":
            return self._rich_fault(value)
        check = getattr(self, f"_{name}_fault", None)
        if check:
            return str(check(value))
        plain = name == "summary" or self.custom.get(name) == "text"
        return "Operation value must be a string" if plain and not isinstance(value, str) else ""

    def _rich_fault(self, value: Any) -> str:
        if not self._is_cloud:
            return "" if isinstance(value, str) else "Operation value must be a string"
        if not isinstance(value, dict):
            return "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
        if len(adf.text(value)) > MAX_TEXT:
            return "CONTENT_LIMIT_EXCEEDED"
        return "; ".join(adf.faults(value))

    def _assignee_fault(self, value: Any) -> str:
        known = [user for user in self._users if value.items() <= user.items()]
        by = "accountId" if self._is_cloud else "name"
        if set(value) != {by} or not known:
            return f"User {value} does not exist."
        return f"User '{value[by]}' cannot be assigned issues." if value[by] in self.unassignable else ""

    def _priority_fault(self, value: Any) -> str:
        return "" if value.get("name") in PRIORITIES else f"The priority selected is invalid: {value}"

    def _duedate_fault(self, value: Any) -> str:
        try:
            date.fromisoformat(value)
        except ValueError:
            return "Error parsing date string"
        return ""

    def _labels_fault(self, value: Any) -> str:
        spaced = [label for label in value if " " in label]
        return f"The label '{spaced[0]}' contains spaces which is invalid." if spaced else ""

    # --- what it shows -----------------------------------------------------------------------------

    def _shown(self, ticket: Ticket, names: list[str]) -> dict[str, Any]:
        named = ticket.fields.get("assignee") or {}
        user = next((u for u in self._users if named.items() <= u.items()), None) if named else None
        fields = {
            "priority": {"name": "Medium"},
            **ticket.fields,
            "status": _status(ticket.status),
            "assignee": user or named or None,
        }
        chosen = {name: fields.get(name) for name in names}
        return {"id": ticket.id, "key": ticket.key, "self": f"{self.url}/{ticket.id}", "fields": chosen}


def _clause(text: str) -> tuple[str, str] | None:
    for kind, pattern in _CLAUSES.items():
        match = re.fullmatch(pattern, text)
        if match:
            return kind, match[1]
    return None


def _text(body: Any) -> str:
    return adf.text(body) if isinstance(body, dict) else str(body)


def _status(name: str) -> dict[str, Any]:
    return {"name": name, "statusCategory": {"key": STATUSES[name]}}


def _error(status: int, *messages: str, **fields: str) -> Answer:
    return Answer(status, {"errorMessages": list(messages), "errors": fields})
