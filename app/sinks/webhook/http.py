"""One POST, and what each outcome means."""

from collections.abc import Mapping
from datetime import timedelta

import requests
from requests import PreparedRequest, RequestException
from requests.exceptions import ConnectTimeout, InvalidHeader, InvalidURL, ProxyError, SSLError
from urllib3.exceptions import NewConnectionError

from app.errors import Ambiguous, KeystewardError, Permanent, Transient
from app.sinks.waits import retry_after

_LATER = frozenset({408, 429, 503})  # the receiver says itself that it did nothing
_NEVER_ARRIVED = (ConnectTimeout, SSLError, ProxyError, InvalidURL, InvalidHeader)
_REMEDIES = {
    400: "it doesn't understand the body: check format and your own template",
    401: "check api_key, headers and secret",
    403: "check api_key, headers and secret",
    404: "check url",
    410: "check url: the receiver is gone",
    413: "the message is too large for it: set group_by to finding",
}


def post(sink: str, url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> None:
    """Returns once the receiver has said 2xx. The body of its answer is not read.

    Raises `Transient`, `Ambiguous` or `Permanent`; no message holds the URL, which may be a secret.
    """
    try:
        with requests.post(
            url,
            data=body,
            headers=dict(headers),
            timeout=timeout,
            allow_redirects=False,
            stream=True,
            auth=_as_it_is,
        ) as response:
            status, wait = response.status_code, retry_after(response.headers.get("Retry-After"))
    except RequestException as error:
        raise _unheard(sink, error) from None
    if not 200 <= status < 300:
        raise _refused(sink, status, wait)


def _as_it_is(request: PreparedRequest) -> PreparedRequest:
    """Keeps requests from putting a login of ~/.netrc in the place of the given headers."""
    return request


def _unheard(sink: str, error: RequestException) -> Transient:
    cause = error.args[0] if error.args else None
    refused = isinstance(getattr(cause, "reason", None), NewConnectionError)
    if refused or isinstance(error, _NEVER_ARRIVED):
        return Transient(f"webhook: no connection; check sinks.{sink}.url, its certificate and the network")
    return Ambiguous("webhook: no answer, it may have arrived; sent again under the same webhook-id")


def _refused(sink: str, status: int, wait: timedelta | None) -> KeystewardError:
    if status in _LATER:
        return Transient(f"webhook: HTTP {status}; tried again later", wait)
    if status >= 500:
        return Ambiguous(f"webhook: HTTP {status}; sent again under the same webhook-id", wait)
    if status < 400:
        return Permanent(f"webhook: HTTP {status}: it leads elsewhere; set sinks.{sink}.url to that")
    return Permanent(f"webhook: HTTP {status}; {_REMEDIES.get(status, 'see the log of the receiver')}")
