"""The `http` section: where the service listens, and who may read its page."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    SecretStr,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from app.config.types import Flag, Listen, Section

_USER = re.compile(r"[^\s:\x00-\x1f\x7f]{1,64}")  # RFC 7617: no colon, no control character
_HEADER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}", re.ASCII)
# As werkzeug.security.generate_password_hash writes them.
_HASH = re.compile(
    r"(scrypt:(?P<cost>[1-9]\d{0,6}):[1-9]\d?:[1-9]\d?|pbkdf2:sha(256|512):[1-9]\d{0,7})\$[A-Za-z0-9]{8,64}\$[0-9a-f]{64,128}"
)
_SHORTEST_PASSWORD = 12
_REFERENCE = "secretsmanager:"
# Of the connection itself or of the credentials: nobody's identity.
_NO_IDENTITY = frozenset({"authorization", "host", "cookie", "forwarded", "x-forwarded-for", "x-real-ip"})

Network = IPv4Network | IPv6Network


def _user(value: str) -> str:
    if not _USER.fullmatch(value):
        raise ValueError("should be a name of up to 64 characters without spaces and colons")
    return value


def _header(value: str) -> str:
    if not _HEADER.fullmatch(value):
        raise ValueError("should be a header's name, such as X-Forwarded-User")
    if value.lower() in _NO_IDENTITY:
        raise ValueError("names nobody: take the header in which your proxy puts the user")
    return value


def _network(value: object) -> Network:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        network = ip_network(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError("should be an address or a network, such as 10.0.12.0/24") from None
    if network.prefixlen == 0:
        raise ValueError("would believe everybody: name your proxies' addresses")
    return network


def _password(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text.startswith(_REFERENCE) and len(text) < _SHORTEST_PASSWORD:
        raise ValueError(f"should have {_SHORTEST_PASSWORD} characters at least")
    return value


def _hash(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    found = _HASH.fullmatch(text)
    cost = int(found["cost"] or 2) if found else 0
    # Scrypt's cost is a power of two: with another, nobody could ever sign in.
    if not text.startswith(_REFERENCE) and (cost < 2 or cost & (cost - 1)):
        raise ValueError("should be a hash such as scrypt:32768:8:1$SALT$HASH (docs/status-page.md)")
    return value


Proxy = Annotated[
    Any,
    BeforeValidator(_network),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "examples": ["10.0.12.0/24"]}),
]


class LoginSettings(Section):
    """Somebody who may read the page."""

    user: Annotated[str, AfterValidator(_user)] = Field(description="the name", examples=["oncall"])
    password_hash: Annotated[SecretStr, AfterValidator(_hash)] | None = Field(
        None, description="of the password, by scrypt or PBKDF2 (docs/status-page.md)"
    )
    password: Annotated[SecretStr, AfterValidator(_password)] | None = Field(
        None, description="itself: from the environment, a secrets folder or Secrets Manager"
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.password is None) == (self.password_hash is None):
            raise ValueError("give either password_hash or password")
        return self


class TrustedHeaderSettings(Section):
    """A proxy signs people in, and says in a header who it is."""

    name: Annotated[str, AfterValidator(_header)] = Field(
        description="X-Forwarded-User (oauth2-proxy), X-Amzn-Oidc-Identity (an AWS load balancer)",
        examples=["X-Forwarded-User"],
    )
    proxies: tuple[Proxy, ...] = Field(
        description="believed from these addresses only, for nobody else may set it",
        examples=[["10.0.12.0/24"]],
    )

    @field_validator("proxies")
    @classmethod
    def _any(cls, proxies: tuple[Any, ...]) -> tuple[Any, ...]:
        if not proxies:
            raise ValueError("should not be empty")
        return proxies


class AuthSettings(Section):
    """Who may read the page: any of the ways that are given."""

    basic: tuple[LoginSettings, ...] = Field((), description="HTTP basic authentication")
    trusted_header: TrustedHeaderSettings | None = Field(
        None, description="a proxy that signs people in, such as oauth2-proxy or a load balancer"
    )

    @model_validator(mode="after")
    def _some(self) -> Self:
        if not self.basic and self.trusted_header is None:
            raise ValueError("give basic, trusted_header, or both")
        names = [login.user for login in self.basic]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f'basic: "{twice[0]}" is there twice')
        return self


class HttpSettings(Section):
    """One port: metrics and health answer everywhere."""

    listen: Listen = Field("0.0.0.0:8080", description="HOST:PORT")
    public_page: Flag = Field(
        False, description="true: the status page and the API answer everywhere, not on loopback only"
    )
    auth: AuthSettings | None = Field(
        None, description="then they answer everywhere, and only to those who sign in"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.auth and self.public_page:
            raise ValueError("public_page shows to everybody what auth would guard: leave one of them out")
        return self

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @property
    def secrets(self) -> list[str]:
        """What must never be shown."""
        logins = self.auth.basic if self.auth else ()
        given = (secret for login in logins for secret in (login.password, login.password_hash))
        return [secret.get_secret_value() for secret in given if secret]
