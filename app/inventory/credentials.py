"""Whose credentials sign a call: the hub's own, or an assumed role's.

One SDK client serves every account: a client per account costs megabytes, milliseconds and a TLS
handshake each. The credentials are chosen per call through `CURRENT`, and a call without a choice
fails rather than falling back on the hub's.
"""

import json
import os
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal, Protocol

from botocore.credentials import Credentials, ReadOnlyCredentials

from app.errors import Ambiguous, Transient
from app.inventory.permissions import ACTOR_ACTIONS, CALLERS_ACTIONS, SPOKE_ACTIONS, PolicyKind
from app.model import RoleRef

CURRENT: ContextVar[ReadOnlyCredentials] = ContextVar("current AWS credentials")

Purpose = Literal["read", "callers", "act"]
LONG_LIVED_PREFIX = "AKIA"
SESSION_SECONDS = 3600  # the most that role chaining allows
REFRESH_BEFORE_SECONDS = 600

# A role's session can do what both its own policy and this one allow: reading stays reading even
# where the role may write. At most 2,048 characters.
SESSION_ACTIONS: dict[Purpose, tuple[str, ...]] = {
    "read": SPOKE_ACTIONS,
    "callers": CALLERS_ACTIONS,
    "act": ACTOR_ACTIONS,
}
DOCUMENTS: dict[Purpose, PolicyKind] = {"read": "spoke", "callers": "spoke", "act": "actor"}


def session_policy(purpose: Purpose) -> str:
    statement = {"Effect": "Allow", "Action": list(SESSION_ACTIONS[purpose]), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))


def source_key(hub: Any) -> str | None:
    """The long-lived key behind the role that the SDK session's profile assumes, if there is one.

    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html
    """
    profiles, last = dict(hub.full_config.get("profiles", {})), dict[str, str]()
    name = hub.get_config_variable("profile") or "default"
    while name in profiles:  # each once: a profile may be its own source
        last = profiles.pop(name)
        name = last.get("source_profile", "")
    by_env = last.get("credential_source") == "Environment"
    key = os.environ.get("AWS_ACCESS_KEY_ID") if by_env else last.get("aws_access_key_id")
    return key if key and key.startswith(LONG_LIVED_PREFIX) else None


class PerCall(Credentials):
    """The credentials object of the shared client: whatever `CURRENT` holds at the moment of signing."""

    def __init__(self) -> None:
        super().__init__("chosen-per-call", "chosen-per-call", None, method="keysteward")

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return CURRENT.get()


class PerCallProvider:
    """The `credential_provider` component of the session behind the shared client."""

    def load_credentials(self) -> Credentials:
        return PerCall()


class Scope(Protocol):
    """Raises `Transient` or `Permanent` when there are no credentials to be had."""

    @property
    def holder(self) -> str:
        """Whom a permission that is missing has to be given to, and what prints it."""

    def credentials(self) -> ReadOnlyCredentials: ...
    def forget(self) -> None: ...


def holder(who: str, document: PolicyKind) -> str:
    return f"{who} (see `keysteward iam-policy {document}`)"


@dataclass(frozen=True)
class HubScope:
    """The SDK's own default chain; it refreshes itself."""

    load: Callable[[], ReadOnlyCredentials]
    document: PolicyKind = "hub"

    @property
    def holder(self) -> str:
        return holder("the hub", self.document)

    def credentials(self) -> ReadOnlyCredentials:
        return self.load()

    def forget(self) -> None:
        """Nothing is cached here."""


class RoleScope:
    """An assumed role, kept until ten minutes before its end.

    ``assume`` is `sts:AssumeRole` with the hub's credentials, in one attempt: whoever asks repeats.
    """

    def __init__(
        self,
        assume: Callable[..., Mapping[str, Any]],
        role: RoleRef,
        purpose: Purpose,
        session_name: Callable[[], str],
        monotonic: Callable[[], float],
    ) -> None:
        self._assume, self._role, self._purpose = assume, role, purpose
        self._session_name, self._monotonic = session_name, monotonic
        self._lock = Lock()
        self._held: ReadOnlyCredentials | None = None
        self._until = 0.0
        self._asked_at = monotonic()

    @property
    def holder(self) -> str:
        return holder(self._role.arn, DOCUMENTS[self._purpose])

    def credentials(self) -> ReadOnlyCredentials:
        with self._lock:
            self._asked_at = self._monotonic()
            if self._held is None or self._monotonic() >= self._until:
                asked_at = self._monotonic()
                self._held = self._fresh()
                self._until = asked_at + SESSION_SECONDS - REFRESH_BEFORE_SECONDS
            return self._held

    def forget(self) -> None:
        with self._lock:
            self._held = None

    @property
    def idle(self) -> float:
        """Seconds since anybody asked."""
        return self._monotonic() - self._asked_at

    def _fresh(self) -> ReadOnlyCredentials:
        external = {"ExternalId": self._role.external_id} if self._role.external_id else {}
        try:
            given = self._assume(
                RoleArn=self._role.arn,
                RoleSessionName=self._session_name(),
                DurationSeconds=SESSION_SECONDS,
                Policy=session_policy(self._purpose),
                **external,
            )["Credentials"]
        except Ambiguous as error:  # no session was got: nothing else can have been sent
            raise Transient(str(error)) from None
        return ReadOnlyCredentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
