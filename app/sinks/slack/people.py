"""Who is behind an e-mail address in one workspace."""

from datetime import datetime, timedelta

from app.errors import RecipientLeft, RecipientUnreachable
from app.sinks.slack.api import SlackApi

USER_LIFETIME = timedelta(hours=24)


class People:
    """User ids by address, asked again after `USER_LIFETIME`.

    ``users.lookupByEmail`` allows 50 a minute and says "not found" of people who have left. With an id that
    an earlier message went to, ``users.info`` answers twice as often, and tells who has left.
    """

    def __init__(self, api: SlackApi) -> None:
        self._api = api
        self._known: dict[str, tuple[datetime, str]] = {}

    def find(self, email: str, earlier: str, now: datetime) -> str:
        """The user's id; ``earlier`` is the id that this address once had, or empty.

        Raises `RecipientLeft`, `RecipientUnreachable`, `Transient`.
        """
        at, user = self._known.get(email, (now, ""))
        if not user or now - at >= USER_LIFETIME:
            user = (earlier and self._still(email, earlier)) or self._look_up(email)
            self._known[email] = (now, user)
        return user

    def _still(self, email: str, user: str) -> str:
        """The id again if it is still this address's, or empty."""
        try:
            found = self._api.read("users.info", user=user).get("user", {})
        except RecipientUnreachable:
            return ""
        if found.get("deleted"):
            raise RecipientLeft(f"{email} is deactivated in Slack; the next owner is asked")
        same = str(found.get("profile", {}).get("email", "")).casefold() == email.casefold()
        return user if same else ""

    def _look_up(self, email: str) -> str:
        found = self._api.read("users.lookupByEmail", email=email).get("user", {})
        if found.get("deleted"):
            raise RecipientLeft(f"{email} is deactivated in Slack; the next owner is asked")
        return str(found["id"])
