"""The few requests that the Jira sink makes.

Cloud: REST v3 (ADF bodies, search by page tokens). Data Center: REST v2 (wiki text, the old search), see
developer.atlassian.com. The library is left to sign and to reuse connections; where it retries, guesses or
sends a transition's id as a number, its session is used directly.
"""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

from jira import JIRA
from jira.exceptions import JIRAError
from requests import RequestException, Response

from app.errors import Transient
from app.sinks.jira import answers, markup
from app.sinks.jira.faults import Faults
from app.sinks.jira.settings import JiraSettings
from app.sinks.jira.text import COMMON_LABEL
from app.sinks.waits import Waits, patiently

Result = TypeVar("Result")
Json = dict[str, Any]

ISSUE_FIELDS = ["summary", "status", "assignee", "duedate", "description", "labels", "priority"]
CHANGED_WITHIN = timedelta(days=30)
PAGE = 100
MAX_PAGES = 500  # an answer that never ends must not hold a run


# What reading raises when something else than Jira answers, or Jira something else: a proxy's page, say.
UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


def _nothing(answer: Response) -> Any:
    if answer.text:
        answer.json()  # a proxy's page is no answer


class JiraApi:
    """One site. Connects at its first request, and retries nothing but a short Retry-After."""

    def __init__(self, name: str, token: str, settings: JiraSettings, waits: Waits) -> None:
        self._token = token
        self._settings = settings
        self._waits = waits
        self._faults = Faults(name, settings.project)
        self._lock = threading.Lock()
        self._connected: JIRA | None = None

    def close(self) -> None:
        with self._lock:
            if self._connected is not None:
                self._connected._session.close()

    @property
    def is_cloud(self) -> bool:
        return self._read(lambda client: bool(client._is_cloud))

    def body(self, text: str) -> Json | str:
        """Light markup in the form that this site takes."""
        return markup.to_adf(text) if self.is_cloud else markup.to_wiki(text)

    def issue(self, key: str) -> Json:
        """Raises `NotFound` when it was deleted."""
        fields = ",".join(ISSUE_FIELDS)
        return self._read(lambda client: answers.issue(_get(client, f"issue/{key}", fields=fields)))

    def labelled(self, label: str) -> list[Json]:
        """The issues with this very label, wherever they were moved to."""
        return self._search(f'labels = "{label}"', ISSUE_FIELDS, answers.issue)

    def closed(self, now: datetime) -> frozenset[str]:
        """Keys of our tickets in the project that are done, among those changed in the last 30 days."""
        # A bare date is read in the account's time zone: a day more or less does no harm.
        since = (now - CHANGED_WITHIN).date().isoformat()
        ours = f'project = "{self._settings.project}" AND labels = "{COMMON_LABEL}"'
        jql = f'{ours} AND statusCategory = Done AND updated >= "{since}"'
        return frozenset(self._search(jql, ["status"], answers.key_of))

    def users(self, email: str) -> list[Json]:
        """Whom the site finds by ``email``. `Forbidden` where people may not be looked up."""

        def search(client: JIRA) -> list[Json]:
            who: dict[str, str | int] = {"query" if client._is_cloud else "username": email}
            return answers.users(_get(client, "user/search", **who, maxResults=20))

        return self._read(search)

    def comments(self, key: str) -> list[str]:
        """The lines of the latest comments, newest first."""
        path = f"issue/{key}/comment"
        asked: dict[str, str | int] = {"orderBy": "-created", "maxResults": 100}
        bodies = self._read(lambda client: answers.comments(_get(client, path, **asked)))
        return [line for body in bodies for line in markup.lines(body)]

    def transitions(self, key: str) -> list[Json]:
        path = f"issue/{key}/transitions"
        return self._read(lambda client: answers.transitions(_get(client, path)))

    def create(self, fields: Json) -> str:
        """Returns the new issue's key."""
        body = {"fields": fields}
        return self._write("Create Issues", "POST", "issue", body, lambda told: answers.key_of(told.json()))

    def comment(self, key: str, text: str) -> None:
        said = {"body": self.body(text)}
        self._write("Add Comments", "POST", f"issue/{key}/comment", said, lambda told: told.json()["id"])

    def transition(self, key: str, transition_id: str) -> None:
        body = {"transition": {"id": str(transition_id)}}
        self._write("Transition Issues", "POST", f"issue/{key}/transitions", body)

    def update(self, key: str, fields: Json) -> None:
        self._write("Edit Issues", "PUT", f"issue/{key}", {"fields": fields})

    def relabel(self, key: str, *, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> None:
        """Leaves the other labels as they are: people add their own."""
        changes = [*({"add": label} for label in add), *({"remove": label} for label in remove)]
        self._write("Edit Issues", "PUT", f"issue/{key}", {"update": {"labels": changes}})

    def _search(self, jql: str, fields: list[str], read: Callable[[Any], Result]) -> list[Result]:
        pages = _pages_of_cloud if self.is_cloud else _pages_of_server
        return self._read(lambda client: [read(i) for page in pages(client, jql, fields) for i in page])

    def _read(self, request: Callable[[JIRA], Result]) -> Result:
        return patiently(lambda: self._call(request, ""), self._waits)

    def _write(
        self,
        permission: str,
        method: str,
        path: str,
        body: Json,
        read: Callable[[Response], Result] = _nothing,
    ) -> Result:
        """``permission``: what the account needs. `Ambiguous` when ``read`` can't read the answer."""

        def write(client: JIRA) -> Result:
            self._waits.before_sending()
            return read(client._session.request(method, client._get_url(path), json=body))

        return patiently(lambda: self._call(write, permission), self._waits)

    def _call(self, request: Callable[[JIRA], Result], permission: str) -> Result:
        try:
            return request(self._client())
        except JIRAError as error:
            raise self._faults.refusal(error, permission) from None
        except RequestException as error:
            raise self._faults.silence(error, writes=bool(permission)) from None
        except UNREADABLE:
            raise self._faults.unheard(bool(permission)) from None

    def _client(self) -> JIRA:
        with self._lock:
            if self._connected is None:
                self._connected = self._connect()
            return self._connected

    def _connect(self) -> JIRA:
        settings = self._settings
        auth: Json = {"token_auth": self._token}
        if settings.email:
            auth = {"basic_auth": (settings.email, self._token)}
        ask = settings.deployment == "auto" and not settings.is_atlassians_host
        client = JIRA(
            settings.server,
            options={"rest_api_version": "2"},  # the only one that both know, to ask which it is
            get_server_info=ask,
            max_retries=0,
            timeout=settings.timeout,
            logging=False,
            **auth,
        )
        client.deploymentType = client.deploymentType if ask else self._named_deployment()
        client._options["rest_api_version"] = "3" if client._is_cloud else "2"
        return client

    def _named_deployment(self) -> str:
        return "Server" if self._settings.deployment == "server" else "Cloud"


def _get(client: JIRA, path: str, **params: str | int) -> Any:
    return client._session.get(client._get_url(path), params=params).json()


def _pages_of_cloud(client: JIRA, jql: str, fields: list[str]) -> Iterator[list[Any]]:
    """`/search/jql`: developer.atlassian.com/changelog/#CHANGE-2046; the last page has no token."""
    body: Json = {"jql": jql, "fields": fields, "maxResults": PAGE}
    for _ in range(MAX_PAGES):
        answer = client._session.post(client._get_url("search/jql"), json=body).json()
        yield answers.page(answer)
        token = answers.next_page(answer)
        if not token:
            return
        body = {**body, "nextPageToken": token}
    raise Transient("Jira: a search without an end; tried again later")


def _pages_of_server(client: JIRA, jql: str, fields: list[str]) -> Iterator[list[Any]]:
    start = 0
    for _ in range(MAX_PAGES):
        answer = _get(client, "search", jql=jql, fields=",".join(fields), startAt=start, maxResults=PAGE)
        found = answers.page(answer)
        yield found
        start += len(found)
        if start >= answers.total(answer):
            return
        if not found:
            raise ValueError
    raise Transient("Jira: a search without an end; tried again later")
