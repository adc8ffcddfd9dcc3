"""Mail over SMTP, and what each failure means (RFC 5321)."""

import smtplib
import ssl
from email.message import EmailMessage
from typing import NoReturn

from app.errors import Ambiguous, Permanent, RecipientUnreachable, Transient
from app.sinks.email.settings import EmailSettings
from app.sinks.waits import Waits

_NO_SUCH_MAILBOX = frozenset({550, 551, 553})


class Smtp:
    """A connection a mail: a digest is rare, and idle connections are dropped by servers."""

    def __init__(self, name: str, settings: EmailSettings, waits: Waits) -> None:
        self._name = name
        self._settings = settings
        self._waits = waits

    def check(self, address: str) -> tuple[str, ...]:
        """The server says it when it gets the mail."""
        return ()

    def deliver(self, mail: EmailMessage) -> None:
        try:
            server = self._connect()
        except (OSError, smtplib.SMTPException):
            options = f"sinks.{self._name}.host, port and tls"
            raise Transient(f"mail: no connection; check {options}") from None
        try:
            self._greet(server)
            self._waits.before_sending()
            _hand_over(server, mail)
        finally:
            server.close()

    def close(self) -> None:
        """No connection outlives its mail."""

    def _connect(self) -> smtplib.SMTP:
        host, port, timeout = self._settings.host, self._settings.port, self._settings.timeout
        if self._settings.tls == "implicit":
            return smtplib.SMTP_SSL(host, port, timeout=timeout, context=ssl.create_default_context())
        return smtplib.SMTP(host, port, timeout=timeout)

    def _greet(self, server: smtplib.SMTP) -> None:
        password = self._settings.password
        try:
            if self._settings.tls == "starttls":
                server.starttls(context=ssl.create_default_context())
            if self._settings.username:
                server.login(self._settings.username, password.get_secret_value() if password else "")
        except (OSError, smtplib.SMTPException):
            options = f"sinks.{self._name}.tls (starttls), username and password"
            raise Transient(f"mail: the server refused to encrypt or to log in; check {options}") from None


def _hand_over(server: smtplib.SMTP, mail: EmailMessage) -> None:
    try:
        refused = server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        _refused(next(iter(error.recipients.values()))[0])
    except smtplib.SMTPNotSupportedError:
        raise RecipientUnreachable("mail: the server can't write to an address beyond ASCII") from None
    except smtplib.SMTPResponseException as error:
        _refused(error.smtp_code)
    except (OSError, smtplib.SMTPException):
        text = "mail: no answer after it was handed over; it may have been sent"
        raise Ambiguous(text, findable=False) from None
    if refused:
        raise Permanent(f"mail: the server refused {len(refused)} of the addresses; the others have it")


def _refused(code: int) -> NoReturn:
    if code in _NO_SUCH_MAILBOX:
        raise RecipientUnreachable(f"mail: SMTP {code}: no such mailbox")
    if code < 500:
        raise Transient(f"mail: SMTP {code}; tried again later")
    raise Permanent(f"mail: SMTP {code}: the server refuses it; see its log")
