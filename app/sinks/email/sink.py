"""The mail sink: one mail an owner and run."""

import re
from collections.abc import Callable
from datetime import datetime
from email.message import EmailMessage

from app.errors import RecipientUnreachable
from app.plan.notice import Notice
from app.sinks.email.settings import EmailSettings
from app.sinks.email.text import compose
from app.sinks.email.transports import ses, smtp
from app.sinks.interface import Message, Receipt
from app.sinks.secrets import required

# One address and nothing else: owners come from tags, which anybody may write.
_ADDRESS = re.compile(r"[^@\s,;:<>]+@[^@\s,;:<>]+")


class EmailSink:
    """Delivered means: the mail server has taken it. A bounce that comes later is not seen."""

    digest = True

    def __init__(
        self, name: str, settings: EmailSettings, deliver: Callable[[EmailMessage], None] | None = None
    ) -> None:
        self.name = name
        self._settings = settings
        if settings.transport == "smtp" and settings.username:
            required(name, "password", settings.password)
        self._deliver = deliver or {"smtp": smtp, "ses": ses}[settings.transport](name, settings)

    @property
    def fallback(self) -> str | None:
        return None

    def send(self, message: Message) -> Receipt:
        """Mail can't be looked for: what may have been sent is sent once more, under the same Message-ID."""
        if not _ADDRESS.fullmatch(message.recipient):
            raise RecipientUnreachable(
                "mail: the owner has no single mail address; the fallback is told instead"
            )
        mail = compose(message, self._settings.from_)
        self._deliver(mail)
        return Receipt(message.recipient, self._settings.counts, {"message_id": mail["Message-ID"]})

    def resolve(self, notice: Notice, now: datetime) -> Receipt | None:
        """A mail has nothing to close."""
        return None
