"""Who is behind an e-mail address in one workspace."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from app.errors import Permanent, RecipientLeft, RecipientUnreachable
from app.sinks.slack.api import MissingScope, SlackApi, unclear
from app.sinks.tree import listed, optional, part

USER_LIFETIME = timedelta(hours=24)
PAGE = 1000
MAX_PAGES = 500  # an answer that never ends must not hold a run


class People:
    """User ids by address, asked again after `USER_LIFETIME`.

    ``users.lookupByEmail`` allows 50 a minute and says "not found" of people who have left; Slack's page on
    it points to ``users.list`` for those, which is read at most once a `USER_LIFETIME`. With an id that an
    earlier message went to, ``users.info`` answers twice as often, and tells who has left.
    """

    def __init__(self, api: SlackApi) -> None:
        self._api = api
        self._known: dict[str, tuple[datetime, str]] = {}
        self._left: tuple[datetime, frozenset[str]] | None = None

    def find(self, email: str, earlier: str, now: datetime) -> str:
        """The user's id; ``earlier`` is the id that this address once had, or empty.

        Raises `RecipientLeft`, `RecipientUnreachable`, `Transient`.
        """
        at, user = self._known.get(email, (now, ""))
        if not user or now - at >= USER_LIFETIME:
            user = (earlier and self._still(email, earlier)) or self._look_up(email, now)
            self._known[email] = (now, user)
        return user

    def refused(self, email: str, user: str, now: datetime) -> None:
        """Slack took no message for ``user``: raises `RecipientLeft` when they have left since `find`."""
        self._known.pop(email, None)
        self.find(email, user, now)

    def _still(self, email: str, user: str) -> str:
        """The id again if it is still this address's, or empty."""
        try:
            found = part(self._api.read("users.info", user=user), "user")
        except (Permanent, MissingScope):  # gone, or not for us to ask: the address decides
            return ""
        if part(found, "deleted"):
            raise _has_left(email)
        return user if _address(found) == email.casefold() else ""

    def _look_up(self, email: str, now: datetime) -> str:
        try:
            found = part(self._api.read("users.lookupByEmail", email=email), "user")
        except RecipientUnreachable:
            if email.casefold() in self._all_who_left(now):
                raise _has_left(email) from None
            raise
        if part(found, "deleted"):
            raise _has_left(email)
        user = optional(found, "id")
        if not user:
            raise unclear("users.lookupByEmail")
        return user

    def _all_who_left(self, now: datetime) -> frozenset[str]:
        if self._left is None or now - self._left[0] >= USER_LIFETIME:
            gone = (_address(user) for user in self._everybody() if part(user, "deleted"))
            self._left = (now, frozenset(gone))
        return self._left[1]

    def _everybody(self) -> Iterator[object]:
        cursor = ""
        for _ in range(MAX_PAGES):
            more = {"cursor": cursor} if cursor else {}
            try:
                answer = self._api.read("users.list", limit=PAGE, **more)
            except (Permanent, MissingScope):  # then nobody is known to have left, and the fallback is told
                return
            yield from listed(answer, "members")
            cursor = optional(answer, "response_metadata", "next_cursor")
            if not cursor:
                return


def _address(user: object) -> str:
    return optional(user, "profile", "email").casefold()


def _has_left(email: str) -> RecipientLeft:
    return RecipientLeft(f"{email} is deactivated in Slack; the next owner is asked")
