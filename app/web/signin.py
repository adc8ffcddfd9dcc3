"""Who reads the page: a name with a password, or whom a proxy vouches for."""

import hashlib
import hmac
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from flask import Request
from pydantic import SecretStr
from werkzeug.security import check_password_hash

from app.config.http import AuthSettings, LoginSettings, Network, TrustedHeaderSettings

CHALLENGE = 'Basic realm="Keysteward", charset="UTF-8"'
REMEMBERED = 64  # proofs: a hash takes tens of milliseconds, and browsers send the password each time
LONGEST_NAME = 256
AT_ONCE = 2  # of the web server's threads: the others answer metrics and health whoever tries passwords


class TooManyAtOnce(Exception):
    """Passwords are being checked for others: nobody can be told whether this one is right."""


@dataclass(frozen=True, slots=True)
class Login:
    """``secret`` is a password, or the hash of one."""

    user: str
    secret: str = field(repr=False)
    hashed: bool

    def opens(self, password: str) -> bool:
        if self.hashed:
            return check_password_hash(self.secret, password)
        # Digests have one length, so that not even the password's can be timed.
        pair = (hashlib.sha256(text.encode()).digest() for text in (self.secret, password))
        return hmac.compare_digest(*pair)


@dataclass(frozen=True, slots=True)
class TrustedHeader:
    name: str
    proxies: tuple[Network, ...]

    def who(self, request: Request) -> str | None:
        """The name, if a proxy sent it. More than one name may be one that the client brought along."""
        name = _as_sent(request.headers.get(self.name, "")).strip()
        known = name.isprintable() and "," not in name and 0 < len(name) <= LONGEST_NAME
        return name if known and self._believes(request.remote_addr or "") else None

    def _believes(self, peer: str) -> bool:
        address = address_of(peer)
        return address is not None and any(address in network for network in self.proxies)


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """None: it is no address. What IPv6 sockets show of an IPv4 peer is that peer."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _as_sent(value: str) -> str:
    """WSGI hands every byte over as a letter of its own; proxies send UTF-8."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


@dataclass(eq=False)
class SignIn:
    """Asks for a password where ``logins`` has any; else only a proxy can bring somebody in."""

    logins: Sequence[Login] = ()
    header: TrustedHeader | None = None
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _proven: dict[bytes, None] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _turns: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(AT_ONCE), repr=False
    )

    def who(self, request: Request) -> str | None:
        """The reader's name; None: nobody who may read. Raises `TooManyAtOnce`."""
        vouched = self.header.who(request) if self.header else None
        return vouched or self._by_password(request)

    def _by_password(self, request: Request) -> str | None:
        given = request.authorization
        if not self.logins or given is None or given.type != "basic":
            return None
        user, password = given.username or "", given.password or ""
        # An unknown name takes as long as a known one, so that names can't be told by time.
        login = next((one for one in self.logins if one.user == user), None)
        opens = self._opens(login or self.logins[0], password)
        return user if login and opens else None

    def _opens(self, login: Login, password: str) -> bool:
        proof = hmac.digest(self._key, f"{login.user}\0{password}".encode(), "sha256")
        with self._lock:
            if proof in self._proven:
                return True
        if not self._checked(login, password):
            return False
        with self._lock:
            if len(self._proven) >= REMEMBERED:
                self._proven.pop(next(iter(self._proven)))
            self._proven[proof] = None
        return True

    def _checked(self, login: Login, password: str) -> bool:
        if not self._turns.acquire(blocking=False):
            raise TooManyAtOnce
        try:
            return login.opens(password)
        finally:
            self._turns.release()


def sign_in(settings: AuthSettings | None) -> SignIn | None:
    """By the config; None: nobody signs in."""
    if settings is None:
        return None
    header = _header(settings.trusted_header) if settings.trusted_header else None
    return SignIn(tuple(map(_login, settings.basic)), header)


def _login(settings: LoginSettings) -> Login:
    secret = settings.password_hash or settings.password or SecretStr("")
    return Login(settings.user, secret.get_secret_value(), settings.password_hash is not None)


def _header(settings: TrustedHeaderSettings) -> TrustedHeader:
    return TrustedHeader(settings.name, settings.proxies)
