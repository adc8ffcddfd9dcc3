"""The hot, read-only calls without the SDK's client: its signing and its models, a quarter of its CPU.

docs/performance.md has the figures. Everything that a client knows of its endpoint (URL, region, user
agent) is asked of the client itself, so that whatever configures the SDK configures this.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import responses
from typing import Any
from urllib.parse import urlencode

from botocore import exceptions as sdk
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.client import BaseClient
from botocore.compat import ensure_bytes
from botocore.credentials import ReadOnlyCredentials
from botocore.model import OperationModel
from botocore.parsers import ResponseParserError
from botocore.serialize import create_serializer
from botocore.utils import get_environ_proxies

from app.inventory.answers import answer_reader, read_error
from app.inventory.line import Answer, Line
from app.inventory.wire import SdkWire, Wire

HOT = {
    "sts": ("AssumeRole",),
    "iam": (
        "GenerateCredentialReport",
        "GetCredentialReport",
        "GetAccountAuthorizationDetails",
        "ListAccessKeys",
        "GetAccessKeyLastUsed",
        "ListUsers",
        "GetUser",
        "ListUserTags",
        "ListGroupsForUser",
        "GetAccountSummary",
        "ListPolicies",
    ),
}
PROTOCOL = "query"
# What the SDK is asked to make for its outline; it needs no parameters, and never leaves.
PROBES = {"sts": "get_caller_identity", "iam": "get_account_summary"}
NOBODY = ReadOnlyCredentials("nobody", "nobody", None)
SCOPE = re.compile(r"AWS4-HMAC-SHA256 Credential=nobody/\d{8}/([^/]+)/([^/]+)/aws4_request,")


@dataclass(frozen=True, slots=True)
class Outline:
    """What all requests of one client have in common. ``region`` and ``service`` are what it signs for."""

    url: str
    user_agent: str
    region: str
    service: str


@dataclass(frozen=True, slots=True)
class Operation:
    model: OperationModel
    read: Callable[[bytes], dict[str, Any]]


class SignedWire:
    """`Wire` for the hot operations of one client; ``rest`` serves the others."""

    def __init__(self, client: BaseClient, outline: Outline, line: Line, rest: Wire) -> None:
        self._outline, self._line, self._rest = outline, line, rest
        self.service, self.endpoint, self.action = rest.service, rest.endpoint, rest.action
        self._serializer = create_serializer(PROTOCOL)
        models = [client.meta.service_model.operation_model(name) for name in HOT[rest.service]]
        self._operations = {it.name: Operation(it, answer_reader(it)) for it in models}

    def send(
        self, operation: str, params: Mapping[str, object], credentials: ReadOnlyCredentials
    ) -> Mapping[str, Any]:
        known = self._operations.get(self.action(operation))
        if known is None:
            return self._rest.send(operation, params, credentials)
        form = self._serializer.serialize_to_request(dict(params), known.model)["body"]
        body = urlencode(form).encode()
        answer = self._line.post(body, self._headers(body, credentials))
        if answer.status >= 300:
            raise _refusal(answer, known.model.name)
        return known.read(answer.body) | {"ResponseMetadata": _metadata(answer)}

    def close(self) -> None:
        self._line.close()
        self._rest.close()

    def _headers(self, body: bytes, credentials: ReadOnlyCredentials) -> dict[str, str]:
        content = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        request = AWSRequest("POST", self._outline.url, content, body)
        SigV4Auth(credentials, self._outline.service, self._outline.region).add_auth(request)
        return {**dict(request.headers.items()), "User-Agent": self._outline.user_agent}


def wire_over(client: BaseClient, ca_bundle: str | None) -> Wire:
    """`SignedWire` where it does all that the SDK would, else `SdkWire`: through a proxy, with another
    kind of signature, or when a newer SDK speaks another protocol.

    ``ca_bundle``: the SDK's setting of that name.
    """
    rest = SdkWire(client)
    if rest.service not in HOT or client.meta.service_model.resolved_protocol != PROTOCOL:
        return rest
    outline = outline_of(client, rest)
    if outline is None or get_environ_proxies(outline.url):
        return rest
    ca_bundle = ca_bundle or os.environ.get("REQUESTS_CA_BUNDLE")  # as botocore.endpoint does it
    return SignedWire(client, outline, Line(outline.url, client.meta.config, ca_bundle), rest)


class _Stopped(Exception):
    def __init__(self, request: AWSPreparedRequest) -> None:
        self.request = request


def outline_of(client: BaseClient, rest: SdkWire) -> Outline | None:
    """Of a request that the client itself made, stopped on its way out; None: its signature is another."""

    def stop(request: AWSPreparedRequest, **_: object) -> None:
        raise _Stopped(request)

    client.meta.events.register_first("before-send", stop)
    try:
        rest.send(PROBES[rest.service], {}, NOBODY)
    except _Stopped as stopped:
        request = stopped.request
    finally:
        client.meta.events.unregister("before-send", stop)
    headers = {name: ensure_bytes(value).decode() for name, value in request.headers.items()}
    scope = SCOPE.match(headers.get("Authorization", ""))
    return Outline(request.url, headers["User-Agent"], scope[1], scope[2]) if scope else None


def _refusal(answer: Answer, action: str) -> sdk.ClientError:
    """Raises `ResponseParserError` when it is not AWS that refuses, but who knows what on the way."""
    said: Mapping[str, str]
    try:
        said = read_error(answer.body)
    except ResponseParserError:
        if answer.status != 429 and answer.status < 500:
            raise
        said = {"Code": str(answer.status), "Message": responses.get(answer.status, "")}
    response: Any = {"Error": said, "ResponseMetadata": _metadata(answer)}
    return sdk.ClientError(response, action)


def _metadata(answer: Answer) -> dict[str, Any]:
    return {"HTTPStatusCode": answer.status, "HTTPHeaders": answer.headers}
