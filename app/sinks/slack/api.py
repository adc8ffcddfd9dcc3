"""Calls of Slack's Web API, and what each failure means.

The codes follow each method's own page on docs.slack.dev. An HTTP 200 with ``ok: false`` is a failure.
"""

import logging
import re
from http.client import HTTPException
from socket import gaierror
from ssl import SSLError
from typing import Any
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from app.errors import Ambiguous, KeystewardError, Permanent, RecipientUnreachable, Transient
from app.sinks.slack.pace import Pace
from app.sinks.waits import Waits, patiently, retry_after

_UNREACHABLE = frozenset(
    {
        "users_not_found",
        "user_not_found",
        "user_disabled",
        "user_not_visible",
        "channel_not_found",
        "is_archived",
        "not_in_channel",
        "cannot_dm_bot",
        "messages_tab_disabled",
    }
)
# The message whose thread was meant is gone, or takes no replies.
_NO_THREAD = frozenset(
    {"thread_not_found", "message_not_found", "cannot_reply_to_message", "restricted_action_thread_locked"}
)
# An operator can mend these, and then the same message goes through.
_REMEDIES = {
    "invalid_auth": "check the bot token",
    "not_authed": "set the bot token",
    "token_revoked": "install the app again and set its new bot token",
    "token_expired": "set a fresh bot token",
    "account_inactive": "the bot was removed from the workspace: install the app again",
    "missing_scope": "add the scopes chat:write, users:read and users:read.email to the app",
    "not_allowed_token_type": "use a bot token (xoxb-…)",
    "ekm_access_denied": "ask the workspace's administrators to allow the app",
    "restricted_action": "ask the workspace's administrators to allow the app to post",
}
_LATER = frozenset({"ratelimited", "rate_limited", "service_unavailable", "request_timeout"})
# Slack says of these that a part of the operation may have succeeded.
_UNCERTAIN = frozenset({"internal_error", "fatal_error"})
# What the SDK raises when something else than Slack answers: a proxy, say.
UNREADABLE = (
    *(OSError, HTTPException, SlackClientError),
    *(ValueError, TypeError, LookupError, AttributeError, RecursionError),
)
NEVER_ARRIVED = (ConnectionRefusedError, gaierror, SSLError)
_POSTS = frozenset({"chat.postMessage", "chat.postEphemeral"})
# What whoever pressed a button gets, while the service is paused too: they asked.
_ANSWERS = frozenset({"chat.postEphemeral", "views.open"})
_CODE = re.compile(r"[a-z_]+")


class MissingScope(Transient):
    """The app may not call this method: an operator can add the scope."""


class ThreadGone(Permanent):
    """There is no such thread any more: a new one can be started."""


class SlackApi:
    """One workspace, as one bot; safe to share between threads. It keeps Slack's pace.

    Retries nothing but a short Retry-After: the service owns retries.
    """

    def __init__(self, token: str, base_url: str, timeout: float, waits: Waits) -> None:
        self._client = WebClient(
            token=token,
            base_url=base_url.rstrip("/") + "/",
            timeout=timeout,  # type: ignore[arg-type]  # handed on to urlopen, which takes fractions too
            retry_handlers=[],
            logger=silent(),
        )
        self._waits = waits
        self._pace = Pace(waits)

    def read(self, method: str, **params: Any) -> dict[str, Any]:
        """Calls a method that changes nothing. Raises `Transient`, `RecipientUnreachable`, `Permanent`."""
        return patiently(lambda: self._call(method, {"params": params}, writes=False), self._waits)

    def write(self, method: str, **body: Any) -> dict[str, Any]:
        """The same for one that posts, and `Ambiguous` when nobody knows whether it did.

        Raises `ThreadGone` when the thread to post to is no more.
        """
        return patiently(lambda: self._call(method, {"json": body}, writes=True), self._waits)

    def _call(self, method: str, arguments: dict[str, Any], *, writes: bool) -> dict[str, Any]:
        target = arguments.get("json", {}).get("channel", "") if method in _POSTS else ""
        self._pace.wait(method, target)
        if writes and method not in _ANSWERS:
            self._waits.before_sending()
        try:
            data = self._client.api_call(method, **arguments).data
        except SlackApiError as error:
            raise self._refused(method, error, writes) from None
        except URLError as error:
            raise _unheard(method, writes and not isinstance(error.reason, NEVER_ARRIVED)) from None
        except UNREADABLE:
            raise _unheard(method, writes) from None
        if not isinstance(data, dict) or data.get("ok") is not True:
            raise _unheard(method, writes)
        if target and isinstance(data.get("channel"), str):
            self._pace.reached(target, data["channel"])
        return data

    def _refused(self, method: str, error: SlackApiError, writes: bool) -> KeystewardError:
        meaning = _meaning(method, error, writes)
        if isinstance(meaning, Transient) and meaning.retry_after:
            self._pace.close(method, meaning.retry_after)
        return meaning


def unclear(method: str) -> Transient:
    """For a yes that lacks what was asked for."""
    return _unheard(method, uncertain=False)


def silent() -> logging.Logger:
    """For the SDK, which logs bodies and addresses: its words go nowhere, ours are in the errors."""
    return logging.Logger("slack_sdk", logging.CRITICAL + 1)


def _unheard(method: str, uncertain: bool) -> Transient:
    if uncertain:
        return Ambiguous(
            f"Slack {method}: no answer, it may have arrived; looked for before it is sent again"
        )
    return Transient(f"Slack {method}: no usable answer; check the network and status.slack.com")


def _meaning(method: str, error: SlackApiError, writes: bool) -> KeystewardError:
    status = error.response.status_code
    if status == 429:
        wait = retry_after(error.response.headers.get("Retry-After"))
        return Transient(f"Slack {method}: too many requests; tried again later", wait)
    if status >= 500 and status != 503 and writes:  # a gateway has lost the answer: it may be posted
        return _unheard(f"{method} (HTTP {status})", writes)
    if status >= 500:
        return Transient(f"Slack {method}: HTTP {status}; tried again later, see status.slack.com")
    data = error.response.data
    code = str(data.get("error", "")) if isinstance(data, dict) else ""
    return _meaning_of_code(method, code, writes) if _CODE.fullmatch(code) else _unheard(method, writes)


def _meaning_of_code(method: str, code: str, writes: bool) -> KeystewardError:
    text = f"Slack {method}: {code}"
    if code in _NO_THREAD:
        return ThreadGone(f"{text}; a new thread is started")
    if code in _UNREACHABLE:
        return RecipientUnreachable(text)
    if code in _REMEDIES:
        error = MissingScope if code == "missing_scope" else Transient
        return error(f"{text}; {_REMEDIES[code]}")
    if code in _UNCERTAIN:
        return _unheard(f"{method} ({code})", writes)
    if code in _LATER:
        return Transient(f"{text}; tried again later")
    return Permanent(f"{text}; see the method's page on docs.slack.dev")
