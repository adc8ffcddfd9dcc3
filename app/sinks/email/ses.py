"""Mail over Amazon SES with the service's own AWS credentials, and what each failure means (the SES API
references: v1 SendRawEmail, v2 GetSuppressedDestination)."""

from email.message import EmailMessage
from typing import Any, NoReturn

from botocore.exceptions import BotoCoreError, ClientError, NoRegionError, ReadTimeoutError

from app.errors import Ambiguous, ConfigError, Permanent, Transient
from app.sinks import aws
from app.sinks.email.settings import EmailSettings
from app.sinks.email.suppressed import Suppressed
from app.sinks.waits import Waits

_LATER = frozenset({"Throttling", "ThrottlingException", "ServiceUnavailable", "InternalFailure"})
_MENDABLE = frozenset(
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


class Ses:
    """Raises `ConfigError` when no region is set."""

    def __init__(self, name: str, settings: EmailSettings, waits: Waits) -> None:
        self._name = name
        self._waits = waits
        self._client = _client("ses", name, settings)
        self._suppressed = Suppressed(_client("sesv2", name, settings), waits)

    def check(self, address: str) -> tuple[str, ...]:
        return self._suppressed.check(address)

    def deliver(self, mail: EmailMessage) -> None:
        to = [address.addr_spec for address in mail["To"].addresses]
        self._waits.before_sending()
        try:
            self._client.send_raw_email(Destinations=to, RawMessage={"Data": mail.as_bytes()})
        except ClientError as error:
            self._refused(str(error.response.get("Error", {}).get("Code", "")))
        except ReadTimeoutError:
            raise Ambiguous("mail: SES gave no answer; it may have been sent", findable=False) from None
        except BotoCoreError:
            where = f"sinks.{self._name}.region and the network"
            raise Transient(f"mail: SES can't be reached; check {where}") from None

    def close(self) -> None:
        self._client.close()
        self._suppressed.close()

    def _refused(self, code: str) -> NoReturn:
        sender = f"sinks.{self._name}.from"
        if code in _LATER:
            raise Transient(f"mail: SES {code}; tried again later")
        if code in _MENDABLE:
            may = "the hub may ses:SendRawEmail (see `keysteward iam-policy hub`)"
            raise Transient(f"mail: SES {code}; check {sender}, and that {may}")
        raise Permanent(f"mail: SES {code}; check that {sender} and the recipient are allowed")


def _client(service: str, name: str, settings: EmailSettings) -> Any:
    try:
        return aws.client(service, settings.region, settings.timeout)
    except NoRegionError:
        raise ConfigError(f"sinks.{name}.region: missing: set it or AWS_DEFAULT_REGION") from None
