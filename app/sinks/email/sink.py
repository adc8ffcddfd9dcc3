"""The mail sink: one mail an owner and run."""

import re
from collections.abc import Callable
from email.message import EmailMessage

from app.errors import RecipientUnreachable
from app.sinks.base import TellingSink
from app.sinks.email.settings import EmailSettings
from app.sinks.email.text import compose
from app.sinks.email.transports import ses, smtp
from app.sinks.interface import Message, Receipt
from app.sinks.secrets import required
from app.sinks.tools import Tools

# One address and nothing else: owners come from tags, which anybody may write.
_ADDRESS = re.compile(r"[^@\s,;:<>]+@[^@\s,;:<>]+")


class EmailSink(TellingSink):
    """Delivered means: the mail server has taken it. A bounce that comes later is not seen."""

    def __init__(
        self,
        name: str,
        settings: EmailSettings,
        tools: Tools,
        deliver: Callable[[EmailMessage], None] | None = None,
    ) -> None:
        self.name = name
        self._settings = settings
        self._texts = tools.texts
        if settings.transport == "smtp" and settings.username:
            required(name, "password", settings.password)
        self._deliver = deliver or {"smtp": smtp, "ses": ses}[settings.transport](name, settings)

    def send(self, message: Message) -> Receipt:
        """Mail can't be looked for: what may have been sent is sent once more, under the same Message-ID."""
        if not _ADDRESS.fullmatch(message.recipient):
            raise RecipientUnreachable(
                "mail: the owner has no single mail address; the fallback is told instead"
            )
        mail = compose(message, self._settings.from_, self._texts)
        self._deliver(mail)
        return Receipt(message.recipient, self._settings.counts, {"message_id": mail["Message-ID"]})
