"""Where the audit trail is copied to, out of its writers' reach: S3, locked until a date (S3 Object Lock)."""

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

import botocore.session
from botocore import exceptions as sdk
from botocore.config import Config

from app import __version__
from app.errors import Ambiguous, KeystewardError, Permanent, Transient
from app.model import redact

CONNECT, READ = 5, 20  # seconds

_LATER = frozenset(
    {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "RequestTimeout"}
)
_REMEDIES = {
    "NoSuchBucket": "there is no such bucket: check audit.s3.bucket",
    "PermanentRedirect": "the bucket is in another region: set audit.s3.region",
    "AuthorizationHeaderMalformed": "the bucket is in another region: set audit.s3.region",
    "ExpiredToken": "check the service's AWS credentials",
    "InvalidAccessKeyId": "check the service's AWS credentials",
    "SignatureDoesNotMatch": "check the service's AWS credentials",
}
# The second: to say until when an object is locked.
_NEEDED = ("s3:PutObject", "s3:PutObjectRetention")
_NEVER_SENT = (sdk.EndpointConnectionError, sdk.ConnectTimeoutError, sdk.ProxyConnectionError)
_NO_CREDENTIALS = (sdk.NoCredentialsError, sdk.PartialCredentialsError, sdk.CredentialRetrievalError)


@dataclass(frozen=True)
class S3Archive:
    """`Archive` in a bucket with Object Lock. Errors follow the S3 API reference (PutObject, Errors).

    ``compliance``: nobody can delete an object before its time, not even the account's root user.
    """

    bucket: str
    prefix: str
    retain: timedelta
    lock: Literal["governance", "compliance"]
    region: str | None = None

    @property
    def target(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def put(self, name: str, content: bytes, now: datetime) -> bool:
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        try:
            self._client.put_object(
                Bucket=self.bucket,
                Key=f"{self.prefix}{name}",
                Body=content,
                ContentType="application/x-ndjson",
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=digest,
                IfNoneMatch="*",
                ObjectLockMode=self.lock.upper(),
                ObjectLockRetainUntilDate=now + self.retain,
            )
        except sdk.ClientError as error:
            if _status(error) == 412:
                return False
            raise self._meaning(error) from None
        except Exception as error:
            raise _unanswered(error) from None
        return True

    @cached_property
    def _client(self) -> Any:
        """Made when it is first wanted: that takes longer than a command may."""
        config = Config(
            connect_timeout=CONNECT,
            read_timeout=READ,
            # A repeat that nobody knows of would find its own object there, and take it for another's.
            retries={"mode": "standard", "total_max_attempts": 1},
            user_agent_extra=f"keysteward/{__version__}",
        )
        return botocore.session.Session().create_client("s3", region_name=self.region, config=config)

    def _meaning(self, error: sdk.ClientError) -> KeystewardError:
        told = error.response.get("Error", {})
        code, status = str(told.get("Code", "")), _status(error)
        said = redact(str(told.get("Message", "")))
        if code == "AccessDenied":
            return Permanent(f"{code}: {_lacking(said)}")
        if code in _REMEDIES:
            return Permanent(f"{code}: {_REMEDIES[code]}")
        if code in _LATER or status in (409, 429, 503):
            return Transient(f"{redact(code)}: tried again later")
        if status >= 500:
            return Ambiguous(f"HTTP {status}: it may have been written")
        lock = "; the bucket must be made with Object Lock" if "lock" in said.lower() else ""
        return Permanent(f"{redact(code)}: {said[:200]}{lock}")


def _lacking(said: str) -> str:
    """Whoever is of the bucket's own account is told the action (S3 User Guide, access denied messages)."""
    named = re.search(r"not authorized to perform: (\w+:\w+)", said)
    actions = named[1] if named else " and ".join(_NEEDED)
    unsaid = "" if named else ", and the use of the bucket's KMS key if it has one"
    return f"grant {actions} to the hub (see `keysteward iam-policy hub`){unsaid}"


def _status(error: sdk.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _unanswered(error: Exception) -> KeystewardError:
    name = type(error).__name__
    if isinstance(error, _NO_CREDENTIALS):
        return Permanent(f"no usable AWS credentials ({name})")
    if isinstance(error, _NEVER_SENT):
        return Transient(f"S3 could not be reached ({name})")
    return Ambiguous(f"no clear answer from S3 ({name}): it may have been written")
