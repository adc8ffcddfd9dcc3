"""The options of a webhook sink."""

import base64
import binascii
import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

Format = Literal["keysteward", "pagerduty", "opsgenie", "teams"]

# Where a preset posts when no URL is given (the vendors' US regions).
DEFAULT_URLS: Mapping[Format, str] = {
    "pagerduty": "https://events.pagerduty.com/v2/enqueue",
    "opsgenie": "https://api.opsgenie.com/v2/alerts",
}
ALERTING = frozenset(DEFAULT_URLS)  # one alert a finding, opened and closed by its id
SIGNING_PREFIX = "whsec_"  # Standard Webhooks: what follows is the key in base64

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_OURS = frozenset(
    {"content-type", "content-length", "host", "webhook-id", "webhook-timestamp", "webhook-signature"}
)
_REFERENCE = "secretsmanager:"  # not resolved yet: nothing can be said of its value


class WebhookSettings(BaseModel):
    """A receiver of JSON over HTTPS (docs/webhooks.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    type: Literal["webhook"] = Field(description="The kind of sink.")
    format: Format = Field(
        default="keysteward", description="Keysteward's own JSON, or what PagerDuty, Opsgenie or Teams take."
    )
    url: SecretStr | None = Field(
        default=None,
        description="Where to post; best given by the environment. PagerDuty and Opsgenie have a default.",
    )
    api_key: SecretStr | None = Field(
        default=None, description="PagerDuty's integration (routing) key, or Opsgenie's API key."
    )
    secret: SecretStr | None = Field(
        default=None, description="Signs each request (Standard Webhooks): whsec_… or any other text."
    )
    headers: dict[str, SecretStr] = Field(
        default={}, description="Headers to send along, such as Authorization."
    )
    group_by: Literal["finding", "owner"] = Field(
        default="finding", description="One request a finding, or one an owner and run."
    )
    runs: bool = Field(default=False, description="true: what each run did is posted too.")
    timeout: float = Field(default=10, gt=0, le=60, description="Seconds to wait for an answer.")

    @field_validator("url")
    @classmethod
    def _url(cls, url: SecretStr | None) -> SecretStr | None:
        text = url.get_secret_value() if url else ""
        if text and not text.startswith(_REFERENCE) and not _is_safe(text):
            raise ValueError("should be an https:// URL (http:// only for this machine itself)")
        return url

    @field_validator("secret")
    @classmethod
    def _secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret:
            signing_key(secret.get_secret_value())
        return secret

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            if not _HEADER.fullmatch(name) or name.lower() in _OURS:
                raise ValueError("has a name that is not a header's, or one that is set already")
            text = value.get_secret_value()
            if not (text.isascii() and text.isprintable() and text == text.strip()):
                raise ValueError("has a value that is not plain ASCII text on one line")
        return headers

    @model_validator(mode="after")
    def _one_alert_a_finding(self) -> Self:
        if self.format in ALERTING and (self.runs or self.group_by != "finding"):
            raise ValueError(f"{self.format} has one alert a finding: leave out runs and group_by")
        return self


def signing_key(secret: str) -> bytes:
    """The HMAC's key. Raises ValueError when what follows ``whsec_`` is not base64."""
    if not secret.startswith(SIGNING_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(SIGNING_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("should be base64 behind whsec_") from None


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port  # raises when it is not a port
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url
    return bool(plain and host and (parts.scheme == "https" or (parts.scheme == "http" and _is_local(host))))


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
