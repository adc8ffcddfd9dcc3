"""What the URL of a ledger in DynamoDB says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

SHAPE = "dynamodb://TABLE?region=REGION"
OPTIONS = ("region", "audit_days")


@dataclass(frozen=True, slots=True)
class Address:
    """``region`` None: the one of the SDK's own settings. ``audit_days`` None: the audit trail is kept."""

    table: str
    region: str | None = None
    audit_days: int | None = None

    @staticmethod
    def parse(url: str) -> "Address":
        """``dynamodb://TABLE?region=REGION&audit_days=400``. Raises ValueError."""
        parts = urlsplit(url)
        if not re.fullmatch(r"[\w.-]{3,255}", parts.netloc, re.ASCII) or parts.path.strip("/"):
            raise ValueError(f"should name a table: {SHAPE}")
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        unknown = [name for name in options if name not in OPTIONS]
        if unknown:
            raise ValueError(f"has an unknown option: {SHAPE} takes {' and '.join(OPTIONS)}")
        return Address(parts.netloc, _region(options), _days(options))

    @property
    def where(self) -> str:
        """For messages."""
        return f"the table {self.table}" + (f" in {self.region}" if self.region else "")


def _region(options: Mapping[str, str]) -> str | None:
    region = options.get("region")
    if region is not None and not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", region):
        raise ValueError("should name a region such as eu-central-1")
    return region


def _days(options: Mapping[str, str]) -> int | None:
    days = options.get("audit_days")
    if days is None:
        return None
    if not re.fullmatch(r"[1-9]\d{0,4}", days, re.ASCII):
        raise ValueError("should give audit_days as a whole number of days, such as 400")
    return int(days)
