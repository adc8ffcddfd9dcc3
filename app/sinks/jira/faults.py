"""What each failure of Jira means, and which option or permission mends it."""

from jira.exceptions import JIRAError
from requests import ConnectTimeout, RequestException
from requests.exceptions import SSLError
from urllib3.exceptions import NewConnectionError

from app.errors import Ambiguous, KeystewardError, Permanent, Transient
from app.model import redact
from app.sinks.tree import listed, part, shown
from app.sinks.waits import retry_after

_MENDABLE = frozenset({"project", "issuetype"})  # an operator can mend the config


class NotFound(Transient):
    """HTTP 404: gone, or not ours to see."""


class Forbidden(Transient):
    """HTTP 401 or 403: an operator can mend it. A token without the scope is answered by 401."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Rejected(Permanent):
    """HTTP 400: ``fields`` are those that Jira complains about, each in its own words."""

    def __init__(self, message: str, fields: dict[str, str]) -> None:
        super().__init__(message)
        self.fields = fields


class Faults:
    """Translates for one sink. ``name`` is the sink's in the config."""

    def __init__(self, name: str, project: str) -> None:
        self._name = name
        self._project = project

    def silence(self, error: RequestException, *, writes: bool) -> Transient:
        """No answer came."""
        return self.unheard(writes and not _never_arrived(error))

    def unheard(self, uncertain: bool) -> Transient:
        """``uncertain``: it may have been carried out."""
        if uncertain:
            return Ambiguous("Jira: no answer, it may have arrived; looked for before it is sent again")
        return Transient(f"Jira: no usable answer; check sinks.{self._name}.server and the network")

    def refusal(self, error: JIRAError, permission: str) -> KeystewardError:
        """An answer other than 2xx. ``permission``: what a write needs; empty for a read."""
        status = error.status_code or 0
        if status == 429:
            headers = error.response.headers if error.response is not None else {}
            wait = retry_after(headers.get("Retry-After"))
            return Transient("Jira: too many requests; tried again later", wait)
        if status in (401, 403):
            return self._forbidden(status, permission)
        if status == 404:
            return NotFound(f"Jira: HTTP 404; check sinks.{self._name}.server and project")
        if status >= 500 and status != 503 and permission:  # a gateway has lost the answer
            return self.unheard(uncertain=True)
        if status >= 500:
            return Transient(f"Jira: HTTP {status}; tried again later")
        return self._rejected(status, error) if status >= 400 else self.unheard(bool(permission))

    def _forbidden(self, status: int, permission: str) -> Forbidden:
        options = f"sinks.{self._name}.token and email"
        wanted = f'the permission "{permission}"' if permission else "the account's permissions"
        return Forbidden(f"Jira: HTTP {status}; check {options}, and {wanted} in {self._project}", status)

    def _rejected(self, status: int, error: JIRAError) -> KeystewardError:
        fields, said = _complaints(error)
        if fields.keys() & _MENDABLE:
            return Transient(f"Jira: {said}; check sinks.{self._name}.project and issue_type")
        return Rejected(f"Jira: HTTP {status}: {said}", fields)


def _complaints(error: JIRAError) -> tuple[dict[str, str], str]:
    """What Jira says of each field, and all its words together."""
    try:
        answer = error.response.json() if error.response is not None else {}
    except (ValueError, RecursionError):
        return {}, "no reason given"
    of_fields = part(answer, "errors")
    by_field = {shown(n): shown(str(t)) for n, t in of_fields.items()} if isinstance(of_fields, dict) else {}
    said = [shown(text) for text in listed(answer, "errorMessages") if isinstance(text, str)]
    words = "; ".join([*said, *(f"{field}: {text}" for field, text in by_field.items())])
    return by_field, redact(words)[:300] or "no reason given"


def _never_arrived(error: RequestException) -> bool:
    if isinstance(error, ConnectTimeout | SSLError):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)
