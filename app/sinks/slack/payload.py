"""Reading Slack's payloads strictly: each value that counts has the type and the form that it should have."""

import re

from app.sinks.tree import LONGEST, part

_ANY = re.compile(r"[^\ud800-\udfff]*")  # half a character can't be written down, nor sent


class Malformed(Exception):
    """A payload that none of our messages can have caused."""


def text(tree: object, *path: str | int, form: re.Pattern[str] = _ANY) -> str:
    """The text that stands there, all of which has ``form``. Raises `Malformed`.

    Slack gives back no longer one (docs.slack.dev, Block Kit: 3,000 characters at the most).
    """
    found = part(tree, *path)
    if not isinstance(found, str) or len(found) > LONGEST or not form.fullmatch(found):
        raise Malformed
    return found
