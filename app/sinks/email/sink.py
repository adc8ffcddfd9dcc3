"""The mail sink: one mail an owner and run, and a report of the run to the admins."""

import re

from app.errors import RecipientUnreachable
from app.plan.summary import RunSummary
from app.sinks.base import TellingSink
from app.sinks.email.report import compose_report
from app.sinks.email.settings import EmailSettings
from app.sinks.email.text import compose
from app.sinks.email.transport import Transport
from app.sinks.interface import Message, Receipt
from app.sinks.secrets import required
from app.sinks.shapes import ONE_ADDRESS
from app.sinks.tools import Tools


class EmailSink(TellingSink):
    """Delivered means: the mail server has taken it. A bounce that comes later is seen where SES tells."""

    def __init__(
        self, name: str, settings: EmailSettings, tools: Tools, transport: Transport | None = None
    ) -> None:
        self.name = name
        self._settings = settings
        self._texts = tools.texts
        if settings.transport == "smtp" and settings.username:
            required(name, "password", settings.password)
        self._transport = transport or _transport(name, settings, tools)

    def send(self, message: Message) -> Receipt:
        """Mail can't be looked for: what may have been sent is sent once more, under the same Message-ID."""
        if not re.fullmatch(ONE_ADDRESS, message.recipient):  # owners come from tags, which anybody may write
            raise RecipientUnreachable("mail: the owner has no single mail address")
        remarks = self._transport.check(message.recipient)
        mail = compose(message, self._settings.from_, self._texts)
        self._transport.deliver(mail)
        refs = {"message_id": str(mail["Message-ID"])}
        return Receipt(message.recipient, self._settings.counts, refs, remarks)

    def close(self) -> None:
        self._transport.close()

    def report(self, summary: RunSummary) -> bool:
        """One mail to all of ``report_to``, with the run as JSON. An alert is wanted in any case."""
        wanted = {"always": True, "changes": summary.news, "never": False}[self._settings.reports]
        to = self._settings.report_to
        if not to or not (wanted or summary.alerts):
            return False
        self._transport.deliver(compose_report(summary, self._settings.from_, to, self._texts))
        return True


def _transport(name: str, settings: EmailSettings, tools: Tools) -> Transport:
    """The SDK of AWS is only loaded where it is used."""
    if settings.transport == "ses":
        from app.sinks.email.ses import Ses

        return Ses(name, settings, tools.waits)
    from app.sinks.email.smtp import Smtp

    return Smtp(name, settings, tools.waits)
