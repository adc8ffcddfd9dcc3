"""The SES account's own suppression list: addresses that have bounced or complained.

SES takes mail to them and drops it (its developer guide, "account-level suppression list"), so a notice would
count that nobody got.
"""

from datetime import timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from app.errors import RecipientLeft, RecipientUnreachable, Transient
from app.sinks.waits import Waits, patiently

KEPT = timedelta(hours=6)
# How long to wait when SES says that it was asked too fast: it doesn't say it itself.
PAUSE = timedelta(seconds=1)
REMARK = (
    "bounced addresses are not noticed: grant ses:GetSuppressedDestination to the hub "
    "(see `keysteward iam-policy hub`)"
)

_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})
_TOO_FAST = frozenset({"TooManyRequestsException", "Throttling", "ThrottlingException"})


class Suppressed:
    """Answers are kept for hours. A denial is remembered: nothing is asked any more."""

    def __init__(self, client: Any, waits: Waits) -> None:
        self._client = client
        self._waits = waits
        self._denied = False
        self._known: dict[str, tuple[float, str]] = {}  # address -> (when asked, why it is on the list)

    def check(self, address: str) -> tuple[str, ...]:
        """Raises `RecipientLeft` for an address that bounced, `RecipientUnreachable` for one whose owner
        complained of mail: he is there, and mail doesn't reach him. What can't be asked stops no notice."""
        if reason := self._reason(address):
            error = RecipientLeft if reason == "BOUNCE" else RecipientUnreachable
            raise error(f"mail: SES has the address on its suppression list ({reason})")
        return (REMARK,) if self._denied else ()

    def close(self) -> None:
        self._client.close()

    def _reason(self, address: str) -> str:
        now = self._waits.monotonic()
        asked, reason = self._known.get(address, (None, ""))
        if asked is not None and now - asked < KEPT.total_seconds():
            return reason
        return "" if self._denied else self._ask(address, now)

    def _ask(self, address: str, now: float) -> str:
        try:
            reason = patiently(lambda: self._listed(address), self._waits)
        except (Transient, BotoCoreError):
            return ""
        if not self._denied:
            self._known[address] = (now, reason)
        return reason

    def _listed(self, address: str) -> str:
        """BOUNCE or COMPLAINT; empty when it is not on the list, or can't be known."""
        try:
            found = self._client.get_suppressed_destination(EmailAddress=address)
        except ClientError as error:
            return self._refused(str(error.response.get("Error", {}).get("Code", "")))
        return str(found["SuppressedDestination"]["Reason"])

    def _refused(self, code: str) -> str:
        if code in _TOO_FAST:
            raise Transient(f"mail: SES {code}", PAUSE)
        if code not in _DENIED and code != "NotFoundException":
            raise Transient(f"mail: SES {code}")
        self._denied = code in _DENIED
        return ""
