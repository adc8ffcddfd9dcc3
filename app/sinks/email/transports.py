"""The two ways to send a mail, and what each failure means (RFC 5321; the SES API reference)."""

import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any, NoReturn

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError, ReadTimeoutError

from app.errors import Ambiguous, ConfigError, Permanent, RecipientUnreachable, Transient
from app.sinks.email.settings import EmailSettings

Deliver = Callable[[EmailMessage], None]

_NO_SUCH_MAILBOX = frozenset({550, 551, 553})
_SES_LATER = frozenset({"Throttling", "ThrottlingException", "ServiceUnavailable", "InternalFailure"})
_SES_MENDABLE = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "MailFromDomainNotVerified",
        "MailFromDomainNotVerifiedException",
        "AccountSendingPaused",
        "AccountSendingPausedException",
        "InvalidClientTokenId",
        "ExpiredToken",
    }
)


def smtp(name: str, settings: EmailSettings) -> Deliver:
    """A connection a mail: a digest is rare, and idle connections are dropped by servers."""
    secret = settings.password.get_secret_value() if settings.password else ""

    def deliver(mail: EmailMessage) -> None:
        try:
            server = smtplib.SMTP(settings.host, settings.port, timeout=settings.timeout)
        except (OSError, smtplib.SMTPException):
            raise Transient(f"mail: no connection; check sinks.{name}.host and port") from None
        try:
            _greet(server, name, settings, secret)
            _hand_over(server, mail)
        finally:
            server.close()

    return deliver


def _greet(server: smtplib.SMTP, name: str, settings: EmailSettings, secret: str) -> None:
    try:
        if settings.starttls:
            server.starttls(context=ssl.create_default_context())
        if settings.username:
            server.login(settings.username, secret)
    except (OSError, smtplib.SMTPException):
        options = f"sinks.{name}.starttls, username and password"
        raise Transient(f"mail: the server refused to encrypt or to log in; check {options}") from None


def _hand_over(server: smtplib.SMTP, mail: EmailMessage) -> None:
    try:
        server.send_message(mail)
    except smtplib.SMTPRecipientsRefused as error:
        _refused(next(iter(error.recipients.values()))[0])
    except smtplib.SMTPResponseException as error:
        _refused(error.smtp_code)
    except (OSError, smtplib.SMTPException):
        raise Ambiguous("mail: no answer after it was handed over; it may have been sent") from None


def _refused(code: int) -> NoReturn:
    if code in _NO_SUCH_MAILBOX:
        raise RecipientUnreachable(f"mail: SMTP {code}: no such mailbox; the fallback is told instead")
    if code < 500:
        raise Transient(f"mail: SMTP {code}; tried again later")
    raise Permanent(f"mail: SMTP {code}: the server refuses it; see its log")


def ses(name: str, settings: EmailSettings) -> Deliver:
    """Amazon SES with the service's own AWS credentials (ses:SendRawEmail)."""
    config = Config(
        connect_timeout=settings.timeout,
        read_timeout=settings.timeout,
        # A repeat after a lost answer would send the mail twice.
        retries={"mode": "standard", "total_max_attempts": 1},
    )
    try:
        client: Any = boto3.client("ses", region_name=settings.region, config=config)
    except NoRegionError:
        raise ConfigError(f"sinks.{name}.region: missing: set it or AWS_DEFAULT_REGION") from None

    def deliver(mail: EmailMessage) -> None:
        try:
            client.send_raw_email(Destinations=[mail["To"]], RawMessage={"Data": mail.as_bytes()})
        except ClientError as error:
            _ses_refused(name, str(error.response.get("Error", {}).get("Code", "")))
        except ReadTimeoutError:
            raise Ambiguous("mail: SES gave no answer; it may have been sent") from None
        except BotoCoreError:
            raise Transient(
                f"mail: SES can't be reached; check sinks.{name}.region and the network"
            ) from None

    return deliver


def _ses_refused(name: str, code: str) -> NoReturn:
    if code in _SES_LATER:
        raise Transient(f"mail: SES {code}; tried again later")
    if code in _SES_MENDABLE:
        raise Transient(f"mail: SES {code}; check the permission ses:SendRawEmail and sinks.{name}.from")
    raise Permanent(f"mail: SES {code}; check that sinks.{name}.from and the recipient are allowed")
