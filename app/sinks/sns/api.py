"""One call of SNS, and what each failure means (the SNS API reference, Publish)."""

from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from botocore.parsers import ResponseParserError

from app.errors import Ambiguous, KeystewardError, Permanent, Transient

_LATER = frozenset(
    {"Throttled", "Throttling", "ThrottlingException", "KMSThrottling", "RequestLimitExceeded"}
)
# An operator can mend these, and then the same publication goes through.
_REMEDIES = {
    "AuthorizationError": "grant sns:Publish to the hub (see `keysteward iam-policy hub`)",
    "AccessDenied": "grant sns:Publish to the hub (see `keysteward iam-policy hub`)",
    "InvalidClientTokenId": "check the service's AWS credentials",
    "ExpiredToken": "check the service's AWS credentials",
    "SignatureDoesNotMatch": "check the service's AWS credentials",
    "NotFound": "check topic_arn and region",
    "KMSAccessDenied": "allow kms:GenerateDataKey and kms:Decrypt on the topic's key",
    "KMSDisabled": "enable the topic's KMS key",
    "KMSNotFound": "check the topic's KMS key",
    "KMSOptInRequired": "check the topic's KMS key",
    "KMSInvalidState": "check the topic's KMS key",
}
_MAY_HAVE_ARRIVED = (ReadTimeoutError, ConnectionClosedError, ResponseStreamingError)
_NOT_OF_SNS = (ResponseParserError, KeyError, TypeError, ValueError)  # an answer, but a proxy's page


class SnsApi:
    """Publishes. ``name`` is the sink's, for its errors."""

    def __init__(self, name: str, client: Any) -> None:
        self._name = name
        self._client = client

    def publish(self, request: dict[str, Any]) -> None:
        """Raises `Transient`, `Ambiguous` or `Permanent`."""
        try:
            self._client.publish(**request)
        except ClientError as error:
            raise self._meaning(error) from None
        except (*_MAY_HAVE_ARRIVED, *_NOT_OF_SNS):
            raise _unheard() from None
        except BotoCoreError:
            options = f"sinks.{self._name}.region, the network and the AWS credentials"
            raise Transient(f"SNS: no connection; check {options}") from None

    def close(self) -> None:
        self._client.close()

    def _meaning(self, error: ClientError) -> KeystewardError:
        code = str(error.response.get("Error", {}).get("Code", ""))
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        if code in _REMEDIES:
            return Transient(f"SNS: {code}; {_REMEDIES[code]} (sinks.{self._name})")
        if code in _LATER or status in (429, 503):
            return Transient(f"SNS: {_word(code) or status}; tried again later")
        if status >= 500:
            return Ambiguous(f"SNS: HTTP {status}; it may have been published, sent again under the same id")
        return Permanent(f"SNS: {_word(code) or status}; check topic_arn, and the topic's type and limits")


def _word(code: str) -> str:
    """A code of AWS's is a word: anything else may be a proxy's page."""
    return code if code.isalnum() and len(code) < 60 else ""


def _unheard() -> Ambiguous:
    return Ambiguous("SNS: no usable answer, it may have been published; sent again under the same id")
