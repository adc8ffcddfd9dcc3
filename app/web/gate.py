"""Who may ask for what, and the headers of every answer."""

import logging
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Request, Response, g

from app.telemetry import log_fields, redactor
from app.web.signin import CHALLENGE, SignIn, TooManyAtOnce, address_of

log = logging.getLogger(__name__)

OPEN_PATHS = frozenset({"/metrics", "/healthz", "/readyz"})
FORWARDED = ("forwarded", "via", "x-real-ip", "x-forwarded-")  # how the names of proxies' headers begin
HOW_TO_OPEN = (
    "The status page answers only to this machine. To open it to your network set `http.auth`, or "
    "`http.public_page: true`.\n"
)
BUSY = "Others are signing in just now: ask again in a second.\n"
TEXTS = ("text/html", "text/csv", "application/json")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Door:
    """Who may read the page and the API. Without either only this machine may."""

    public: bool = False
    sign_in: SignIn | None = None

    def refusal(self, request: Request) -> Response | None:
        """The answer to a request that is not allowed; None lets it through, with `g.reader` set."""
        if request.method not in ("GET", "HEAD"):
            return Response("Read-only: GET or HEAD.\n", 405, {"Allow": "GET, HEAD"}, mimetype="text/plain")
        if request.path in OPEN_PATHS:
            return None
        if self.sign_in:
            return _signed_in(request, self.sign_in)
        if self.public or _from_this_machine(request):
            return None
        return Response(HOW_TO_OPEN, 403, mimetype="text/plain")


def _signed_in(request: Request, sign_in: SignIn) -> Response | None:
    try:
        g.reader = sign_in.who(request)
    except TooManyAtOnce:
        return Response(BUSY, 503, {"Retry-After": "1"}, mimetype="text/plain")
    return None if g.reader else _unknown(request, sign_in)


def _unknown(request: Request, sign_in: SignIn) -> Response:
    """Of a refused password the log tells: whose it was to be is often a password typed too early."""
    if request.authorization is not None:
        log.warning("a sign-in was refused", **log_fields(peer=request.remote_addr))
    if sign_in.logins:
        return Response("Sign in.\n", 401, {"WWW-Authenticate": CHALLENGE}, mimetype="text/plain")
    return Response("Sign in by way of the proxy.\n", 403, mimetype="text/plain")


def _from_this_machine(request: Request) -> bool:
    """The peer is loopback, it speaks for itself (no proxy), and it asked for a loopback name.

    The last keeps out a web page whose own name was rebound to 127.0.0.1.
    """
    proxied = any(name.lower().startswith(FORWARDED) for name, _ in request.headers)
    return not proxied and _is_loopback(request.remote_addr or "") and _is_loopback(_host_name(request))


def _host_name(request: Request) -> str:
    try:
        return urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
    except ValueError:  # "[::1"
        return ""


def _is_loopback(name: str) -> bool:
    address = address_of(name)
    return name == "localhost" or (address is not None and address.is_loopback)


def harden(response: Response) -> Response:
    """Adds the headers, and redacts what is made of text: the last line of defence."""
    response.headers.update(HEADERS)
    if response.mimetype in TEXTS and not response.direct_passthrough:
        response.set_data(redactor(response.get_data(as_text=True)))
    return response
