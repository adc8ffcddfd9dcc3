"""The SDK's errors as one clear line with a remedy: never an item, never a key id.

Codes: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
"""

from botocore import exceptions as sdk

from app.errors import LedgerError, NoLedger
from app.ledger.dynamodb.address import Address
from app.model import redact


class Refused(Exception):
    """The condition of a write did not hold: nothing was written."""


class Fault(LedgerError):
    """What AWS answered; ``code`` is its own."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


DENIALS = {"AccessDeniedException", "AccessDenied"}
BAD_CREDENTIALS = {
    "ExpiredTokenException",
    "ExpiredToken",
    "IncompleteSignature",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
}
THROTTLES = {
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
}
NO_CREDENTIALS = (sdk.NoCredentialsError, sdk.PartialCredentialsError, sdk.CredentialRetrievalError)


def translate(error: Exception, action: str, address: Address) -> Exception:
    """The error to raise instead of ``error``; ``action`` is like ``PutItem``."""
    where = address.where
    if isinstance(error, sdk.ClientError):
        return _answered(error, action, where)
    if isinstance(error, NO_CREDENTIALS):
        return LedgerError("the ledger: no usable AWS credentials: attach a role, or set AWS_PROFILE")
    if isinstance(error, sdk.NoRegionError):
        return LedgerError("the ledger's URL names no region: add ?region=…, or set AWS_REGION")
    if isinstance(error, sdk.EndpointConnectionError | sdk.ConnectTimeoutError | sdk.ProxyConnectionError):
        return LedgerError(
            f"the ledger ({where}) can't be reached: see the region, the network, a VPC endpoint"
        )
    return LedgerError(f"the ledger ({where}) gave no clear answer ({type(error).__name__})")


def _answered(error: sdk.ClientError, action: str, where: str) -> Exception:
    told = error.response.get("Error", {})
    code = str(told.get("Code", ""))
    if code == "ConditionalCheckFailedException":
        return Refused()
    if code == "ResourceNotFoundException":
        return NoLedger(
            f"there is no ledger in {where}: make it with `keysteward ledger migrate`, or mend the URL"
        )
    return Fault(f"the ledger ({where}) {_remedy(code, action, str(told.get('Message', '')))}", code)


def _remedy(code: str, action: str, message: str) -> str:
    if code in DENIALS:
        return f"is denied to the hub: grant it dynamodb:{action} (`keysteward iam-policy hub`)"
    if code in BAD_CREDENTIALS:
        return f"does not accept the AWS credentials ({code}): renew them, check the clock"
    if code in THROTTLES:
        return "is throttled: use on-demand capacity, or raise the table's and the account's ceilings"
    if code == "ValidationException" and "key element" in message:
        return "has other keys: it should have pk and sk, both text"
    return f"can't be used: {action}: {redact(code)}: {redact(message)[:200]}"
