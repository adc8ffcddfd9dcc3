"""The few requests that the Jira sink makes, and what each failure means.

REST v2 everywhere: it takes plain text on Cloud and Data Center alike (developer.atlassian.com). The
library is left to sign, to reuse connections and to search; where it retries, guesses or sends a
transition's id as a number, its session is used directly.
"""

import json
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from jira import JIRA
from jira.exceptions import JIRAError
from requests import ConnectTimeout, RequestException
from requests.exceptions import SSLError
from urllib3.exceptions import NewConnectionError

from app.errors import Ambiguous, KeystewardError, Permanent, Transient
from app.model import redact
from app.sinks.jira.settings import JiraSettings
from app.sinks.waits import Waits, patiently, retry_after

Result = TypeVar("Result")
Json = dict[str, Any]

ISSUE_FIELDS = ["summary", "status", "assignee", "duedate", "description"]
_DEPLOYMENTS = {"cloud": "Cloud", "server": "Server"}
_MENDABLE = frozenset({"project", "issuetype"})  # an operator can mend the config


class NotFound(Transient):
    """HTTP 404: gone, or not ours to see."""


class Rejected(Permanent):
    """HTTP 400: ``fields`` are those that Jira complains about."""

    def __init__(self, message: str, fields: frozenset[str]) -> None:
        super().__init__(message)
        self.fields = fields


class JiraApi:
    """One site. Connects at its first request, and retries nothing but a short Retry-After."""

    def __init__(self, name: str, token: str, settings: JiraSettings, waits: Waits) -> None:
        self._name = name
        self._token = token
        self._settings = settings
        self._waits = waits
        self._lock = threading.Lock()
        self._connected: JIRA | None = None

    @property
    def is_cloud(self) -> bool:
        return self._read(lambda client: bool(client._is_cloud))

    def issue(self, key: str) -> Json:
        """Raises `NotFound` when it was deleted."""
        return self._read(lambda client: dict(client.issue(key, fields=",".join(ISSUE_FIELDS)).raw))

    def labelled(self, label: str) -> list[Json]:
        """The issues with this very label, wherever they were moved to."""
        fields = ",".join(ISSUE_FIELDS)
        params: dict[str, str | int] = {"jql": f'labels = "{label}"', "fields": fields, "maxResults": 20}

        def search(client: JIRA) -> list[Json]:
            # The library's own search first loads every field that the site has.
            path = "search/jql" if client._is_cloud else "search"
            return list(client._session.get(client._get_url(path), params=params).json()["issues"])

        return self._read(search)

    def users(self, email: str) -> list[Json]:
        """Nobody where people may not be looked up: a ticket without an assignee beats no ticket."""

        def search(client: JIRA) -> list[Json]:
            by = "query" if client._is_cloud else "user"
            try:
                found = client.search_users(**{by: email, "maxResults": 20})  # type: ignore[arg-type]
            except JIRAError as error:
                if error.status_code in (403, 404):
                    return []
                raise
            return [dict(user.raw) for user in found]

        return self._read(search)

    def comments(self, key: str) -> list[str]:
        """The latest comments, newest first."""
        params: dict[str, str | int] = {"orderBy": "-created", "maxResults": 100}

        def read(client: JIRA) -> list[str]:
            answer = client._session.get(client._get_url(f"issue/{key}/comment"), params=params).json()
            return [str(comment["body"]) for comment in answer["comments"]]

        return self._read(read)

    def transitions(self, key: str) -> list[Json]:
        return self._read(lambda client: list(client.transitions(key)))

    def create(self, fields: Json) -> str:
        """Returns the new issue's key."""
        return self._write(lambda client: str(client.create_issue(fields=fields, prefetch=False).key))

    def comment(self, key: str, text: str) -> None:
        self._write(lambda client: client.add_comment(key, text))

    def transition(self, key: str, transition_id: str) -> None:
        body = json.dumps({"transition": {"id": str(transition_id)}})
        self._write(
            lambda client: client._session.post(client._get_url(f"issue/{key}/transitions"), data=body)
        )

    def update(self, key: str, fields: Json) -> None:
        body = json.dumps({"fields": fields})
        self._write(lambda client: client._session.put(client._get_url(f"issue/{key}"), data=body))

    def _read(self, request: Callable[[JIRA], Result]) -> Result:
        return patiently(lambda: self._call(request, writes=False), self._waits)

    def _write(self, request: Callable[[JIRA], Result]) -> Result:
        return patiently(lambda: self._call(request, writes=True), self._waits)

    def _call(self, request: Callable[[JIRA], Result], *, writes: bool) -> Result:
        try:
            return request(self._client())
        except JIRAError as error:
            raise self._meaning(error, writes) from None
        except RequestException as error:
            raise self._unheard(writes and not _never_arrived(error)) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise self._unheard(writes) from None  # an answer, but not Jira's: a proxy's page

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
        client = JIRA(
            settings.server,
            options={"rest_api_version": "2"},
            get_server_info=settings.deployment == "auto",
            max_retries=0,
            timeout=settings.timeout,
            logging=False,
            **auth,
        )
        client.deploymentType = client.deploymentType or _DEPLOYMENTS.get(settings.deployment)
        return client

    def _unheard(self, uncertain: bool) -> Transient:
        if uncertain:
            return Ambiguous("Jira: no answer, it may have arrived; looked for before it is sent again")
        return Transient(f"Jira: no usable answer; check sinks.{self._name}.server and the network")

    def _meaning(self, error: JIRAError, writes: bool) -> KeystewardError:
        status = error.status_code or 0
        if status == 429:
            headers = error.response.headers if error.response is not None else {}
            wait = retry_after(headers.get("Retry-After"))
            return Transient("Jira: too many requests; tried again later", wait)
        if status in (401, 403):
            options = f"sinks.{self._name}.token and email, and the account's permissions"
            return Transient(f"Jira: HTTP {status}; check {options} in {self._settings.project}")
        if status == 404:
            return NotFound(f"Jira: HTTP 404; check sinks.{self._name}.server and project")
        if status >= 500:
            return Transient(f"Jira: HTTP {status}; tried again later")
        if status >= 400:
            return self._refusal(status, error)
        return self._unheard(writes)

    def _refusal(self, status: int, error: JIRAError) -> KeystewardError:
        fields, said = _complaints(error)
        if fields & _MENDABLE:
            return Transient(f"Jira: {said}; check sinks.{self._name}.project and issue_type")
        return Rejected(f"Jira: HTTP {status}: {said}", fields)


def _complaints(error: JIRAError) -> tuple[frozenset[str], str]:
    """The fields that Jira names, and its own words."""
    try:
        answer = error.response.json() if error.response is not None else {}
        by_field = {str(field): str(text) for field, text in (answer.get("errors") or {}).items()}
        words = [*answer.get("errorMessages", ()), *(f"{field}: {text}" for field, text in by_field.items())]
    except (ValueError, AttributeError, TypeError):
        return frozenset(), "no reason given"
    return frozenset(by_field), redact("; ".join(words))[:300]


def _never_arrived(error: RequestException) -> bool:
    if isinstance(error, ConnectTimeout | SSLError):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)
