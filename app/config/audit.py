"""The `audit` section: where else the audit trail is kept."""

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from app.config.types import Duration, Section

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
# The safe characters of object keys: others would be wildcards or variables in the IAM policy.
_PREFIX = re.compile(r"(?!/)[A-Za-z0-9!_.'()/-]{0,200}", re.ASCII)
_SHORTEST = timedelta(days=1)


def _bucket(value: str) -> str:
    if not _BUCKET.fullmatch(value):
        raise ValueError("should be a bucket's name (3 to 63 characters: a-z 0-9 . -), not its ARN or URL")
    return value


def _prefix(value: str) -> str:
    if not _PREFIX.fullmatch(value):
        raise ValueError("should be a key's beginning such as keysteward/: letters, digits, ! _ . ' ( ) / -")
    return value


def _retain(value: timedelta) -> timedelta:
    if value < _SHORTEST:
        raise ValueError("should be a day at least")
    return value


class S3CopySettings(Section):
    """A copy in a bucket with Object Lock."""

    bucket: Annotated[str, AfterValidator(_bucket)] = Field(
        description="made with Object Lock", examples=["example-audit"]
    )
    prefix: Annotated[str, AfterValidator(_prefix)] = Field(
        "keysteward/", description="what each object's key begins with; every ledger needs its own"
    )
    retain: Annotated[Duration, AfterValidator(_retain)] = Field(
        timedelta(days=400), description="how long nobody can delete it", examples=["400d"]
    )
    lock: Literal["governance", "compliance"] = Field(
        "governance", description="compliance: not even the root user can delete it earlier"
    )
    region: str | None = Field(
        None, description="the bucket's; without it the SDK's own", examples=["eu-central-1"]
    )


class AuditSettings(Section):
    """The audit trail beyond the ledger."""

    s3: S3CopySettings | None = Field(None, description="a copy in S3 after each run, but not in observe")
