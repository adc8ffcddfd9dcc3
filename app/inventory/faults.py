"""botocore's exceptions become this service's own: here and nowhere else.

Messages name the missing permission or the remedy, and are redacted: AWS quotes key ids in some.
Error codes follow the IAM, STS and Organizations API references.
"""

from botocore import exceptions as sdk

from app.errors import Ambiguous, KeystewardError, Permanent, Transient
from app.model import redact


class Throttled(Transient):
    """AWS asked to slow down: the same call will do later."""


class Denied(Permanent):
    """A permission is missing, or a service control policy forbids the call."""


class Gone(Permanent):
    """The named user or key no longer exists."""


class NotReady(Transient):
    """No credential report yet; ``code`` tells whether one is in the making."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the credential report is not ready ({code})")
        self.code = code


class ExpiredSession(Transient):
    """The temporary credentials ran out: assume the role again."""


class OutOfTime(Transient):
    """The time allowed for an account or an act is over."""


THROTTLES = {
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "PriorRequestNotComplete",
    "SlowDown",
}
DENIALS = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}
EXPIRIES = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
BAD_CREDENTIALS = {"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch"}
REPORT_STATES = {"ReportNotPresent", "ReportInProgress", "ReportExpired"}

NEVER_SENT = (
    sdk.EndpointConnectionError,
    sdk.ConnectTimeoutError,
    sdk.ProxyConnectionError,
    sdk.CredentialRetrievalError,
    sdk.MetadataRetrievalError,
)
NO_CREDENTIALS = (
    sdk.NoCredentialsError,
    sdk.PartialCredentialsError,
    sdk.ProfileNotFound,
    sdk.SSOError,
    sdk.TokenRetrievalError,
)


def translate(error: Exception, action: str, where: str, holder: str) -> KeystewardError:
    """The error to raise instead of ``error``. ``action`` is like ``iam:ListUsers``, and ``holder`` who
    needs that permission (`Scope.holder`)."""
    if isinstance(error, KeystewardError):
        return error
    if isinstance(error, sdk.ClientError):
        return _answered(error, action, where, holder)
    if isinstance(error, NO_CREDENTIALS):
        return Permanent(
            f"{action}: no usable AWS credentials: attach a role, set AWS_PROFILE or log in again"
        )
    if isinstance(error, sdk.ParamValidationError):
        return Permanent(f"{action} {where}: the request is not valid; check ids and role ARNs in the config")
    if isinstance(error, NEVER_SENT):
        return Transient(f"{action} {where}: AWS could not be reached ({type(error).__name__})")
    return Ambiguous(f"{action} {where}: no clear answer from AWS ({type(error).__name__})")


def _answered(error: sdk.ClientError, action: str, where: str, holder: str) -> KeystewardError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    name = code.removesuffix("Exception")
    if name in REPORT_STATES or (name == "LimitExceeded" and "CredentialReport" in action):
        return NotReady(name)
    if code in THROTTLES or status == 429:
        return Throttled(f"{action} {where}: throttled by AWS")
    if code in DENIALS:
        return Denied(_denial(error, action, where, holder))
    if name == "NoSuchEntity":
        return Gone(f"{action} {where}: the user or key is gone")
    return _failure(error, code, status, action, where)


def _failure(error: sdk.ClientError, code: str, status: int, action: str, where: str) -> KeystewardError:
    if code in EXPIRIES:
        return ExpiredSession(f"{action} {where}: the session has expired")
    if code in BAD_CREDENTIALS:
        return Permanent(f"{action} {where}: AWS does not accept the credentials ({code}); renew them")
    said = redact(str(error.response.get("Error", {}).get("Message", "")))[:300]
    text = f"{action} {where}: {redact(code)}: {said}"
    if status >= 500:
        return Ambiguous(text)
    return Permanent(text)


def _denial(error: sdk.ClientError, action: str, where: str, holder: str) -> str:
    said = str(error.response.get("Error", {}).get("Message", ""))
    if action == "sts:AssumeRole":
        return (
            f"{action} {where} is denied: check that the role exists, that it trusts this service, "
            f"that the ExternalId is the same, and that the policy of {holder} allows it"
        )
    if "service control policy" in said:
        return (
            f"{action} {where} is denied by a service control policy: exclude the account or allow the action"
        )
    return f"{action} {where} is denied: grant {action} to {holder}"
