"""What stands between the service and moto: it hears every call, and refuses what moto doesn't.

moto (5.2) enforces the actions of a role's policies, and the resource of `sts:AssumeRole`. It does not:

- look at any other statement's resources (it asks for ``*``, which no narrow resource matches): here the
  policies are attached with ``*`` in their place, and the gate compares the real ones;
- ask for the second permission of a request that needs two (to put an object that is locked until a date):
  the gate does;
- apply session policies: the gate does;
- check trust policies across accounts, nor know more than `*` in them: the gate does, by its `trusts`;
- know `cloudtrail:LookupEvents` and `ses:GetSuppressedDestination`: the gate checks and answers them;
- say no in the words of JSON services, nor name the missing action as S3 does: the gate does;
- make credential reports of today: the gate dates them, when told to (`report_at`).
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, unquote

from moto.sts.models import sts_backends

Document = Mapping[str, Any]
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
QUERY = {"iam", "sts", "sns", "ses"}  # of these, SES's second version is REST
PATHS = {
    "/getAlternateContact": "GetAlternateContact",
    "/v2/email/suppression/addresses/": "GetSuppressedDestination",
}
UNKNOWN_TO_MOTO: Mapping[str, tuple[str, bytes]] = {  # and what AWS answers
    "cloudtrail:LookupEvents": ("200 OK", b'{"Events": []}'),
    "ses:GetSuppressedDestination": (
        "404 Not Found",
        b'{"__type": "NotFoundException", "message": "not on the list"}',
    ),
}


@dataclass(frozen=True, slots=True)
class Request:
    """``also``: what has to be allowed besides its own action."""

    service: str
    operation: str
    region: str
    key_id: str
    params: Mapping[str, Any]
    also: tuple[str, ...] = ()

    @property
    def action(self) -> str:
        return f"{self.service}:{self.operation}"

    @property
    def actions(self) -> tuple[str, ...]:
        return (self.action, *self.also)


@dataclass(frozen=True, slots=True)
class Call:
    """``role`` is the ARN of the role whose session made it."""

    role: str
    action: str
    resource: str
    denied: bool = False


def actions_of(document: Document) -> set[str]:
    return {action for statement in document["Statement"] for action in statement["Action"]}


def allows(document: Document, action: str, resource: str) -> bool:
    """Of what these documents are made of: ``*`` and ``?`` in resources, no conditions, no denials."""
    return any(
        action in statement["Action"] and any(fnmatchcase(resource, one) for one in _listed(statement))
        for statement in document["Statement"]
    )


def trusts(trust: Document, role: str, external_id: str) -> bool:
    """Of trust policies that ask a principal for its account, and for equal values of two keys."""
    account = f"arn:aws:iam::{role.split(':')[4]}:root"
    known = {"aws:PrincipalArn": role, "sts:ExternalId": external_id}
    return any(
        statement["Principal"] == {"AWS": account}
        and all(
            known[key] == value for test in statement["Condition"].values() for key, value in test.items()
        )
        for statement in trust["Statement"]
    )


def without(document: Document, action: str) -> Document:
    """The document with that action taken away. A statement of no action is none."""
    statements = [
        {**statement, "Action": [one for one in statement["Action"] if one != action]}
        for statement in document["Statement"]
    ]
    return {**document, "Statement": [statement for statement in statements if statement["Action"]]}


def merged(one: Document, other: Document) -> Document:
    return {**one, "Statement": [*one["Statement"], *other["Statement"]]}


def widened(document: Document) -> Document:
    """As moto can judge it."""
    statements = [
        statement if "sts:AssumeRole" in statement["Action"] else {**statement, "Resource": "*"}
        for statement in document["Statement"]
    ]
    return {**document, "Statement": statements}


def _listed(statement: Mapping[str, Any]) -> list[str]:
    resource = statement["Resource"]
    return [resource] if isinstance(resource, str) else list(resource)


@dataclass
class Gate:
    """A WSGI application before moto's. ``documents``: role's ARN -> its policy, as it was printed.

    ``resource_of`` gives the ARN that AWS would ask for, for a request of that role.
    """

    moto: Wsgi
    resource_of: Callable[[Request, str], str]
    documents: dict[str, Document] = field(default_factory=dict)
    trusts: dict[str, Document] = field(default_factory=dict)  # role's ARN -> its trust policy
    calls: list[Call] = field(default_factory=list)
    report_at: datetime | None = None  # None: moto's, of 2015
    closed: bool = False  # while it is open, nobody is refused anything

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        request = _read(environ, body) if self.closed else None
        if request is None:
            return self.moto(environ, start_response)
        role, session_policy = _session(request.key_id)
        status, text = self._answer(request, role, session_policy, environ)
        resource, denied = self.resource_of(request, role), status.startswith("403")
        self.calls += [Call(role, action, resource, denied) for action in request.actions]
        kind = "text/xml" if text.startswith(b"<") else "application/json"
        start_response(status, [("Content-Type", kind), *_error_type(text)])
        return [text]

    def _answer(
        self, request: Request, role: str, session_policy: Document | None, environ: dict[str, Any]
    ) -> tuple[str, bytes]:
        if request.action == "sts:GetCallerIdentity":  # AWS lets everybody
            return self._by_moto(environ)
        why = self._objection(request, role, session_policy)
        if why:
            return _refusal(request, why)
        known = UNKNOWN_TO_MOTO.get(request.action)
        return known or self._translated(request, *self._by_moto(environ))

    def _objection(self, request: Request, role: str, session_policy: Document | None) -> str:
        """Why the gate refuses it; empty: it doesn't, also as moto can tell that it is granted nowhere."""
        document, resource = self.documents[role], self.resource_of(request, role)
        if session_policy and not allows(session_policy, request.action, resource):
            return f"no session policy allows the {request.action} action"
        if request.action == "sts:AssumeRole" and not self._is_trusted(request, role):
            return f"not authorized to perform: {request.action} on resource: {resource}"
        granted = actions_of(document)
        motos = () if request.action in UNKNOWN_TO_MOTO or request.action in granted else (request.action,)
        lacking = (a for a in request.actions if a not in motos and not allows(document, a, resource))
        return next(
            (f"not authorized to perform: {action} on resource: {resource}" for action in lacking), ""
        )

    def _is_trusted(self, request: Request, role: str) -> bool:
        trust = self.trusts.get(request.params["RoleArn"])
        return trust is None or trusts(trust, role, request.params.get("ExternalId", ""))

    def _by_moto(self, environ: dict[str, Any]) -> tuple[str, bytes]:
        seen: list[str] = []
        text = b"".join(self.moto(environ, lambda status, headers, *_: seen.append(status)))
        return seen[0], text

    def _translated(self, request: Request, status: str, text: bytes) -> tuple[str, bytes]:
        if status.startswith("403") and b"AccessDenied" in text:
            said = re.sub(r"<[^>]*>|\s+", " ", text.decode()).strip()
            return _refusal(request, f"not authorized to perform: {request.action} (moto: {said})")
        if request.action == "iam:GetCredentialReport" and self.report_at:
            date = self.report_at.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
            text = re.sub(rb"(<GeneratedTime>)[^<]*", rb"\g<1>" + date, text)
        return status, text


def _read(environ: Mapping[str, Any], body: bytes) -> Request | None:
    """None: it is not signed, so it is one of moto's own."""
    scope = re.search(r"Credential=(\w+)/\d+/([\w-]+)/([\w-]+)/", environ.get("HTTP_AUTHORIZATION", ""))
    if scope is None:
        return None
    key_id, region, service = scope.groups()
    if service == "s3":
        return _of_s3(environ, region, key_id)
    path, target = environ["PATH_INFO"], environ.get("HTTP_X_AMZ_TARGET", "")
    by_path = next((name for start, name in PATHS.items() if path.startswith(start)), None)
    if target or by_path:
        operation = by_path or target.rpartition(".")[2]
        return Request(service, operation, region, key_id, json.loads(body or b"{}"))
    form = dict(parse_qsl(body.decode()))
    return Request(service, form["Action"], region, key_id, form)


def _of_s3(environ: Mapping[str, Any], region: str, key_id: str) -> Request:
    """Its operations are methods on paths: of them all this service makes one. Others nobody is granted."""
    method, path = environ["REQUEST_METHOD"], unquote(environ["PATH_INFO"]).strip("/")
    whole = method == "PUT" and "/" in path and not environ.get("QUERY_STRING")
    locked = ("s3:PutObjectRetention",) if "HTTP_X_AMZ_OBJECT_LOCK_MODE" in environ else ()
    return Request("s3", "PutObject" if whole else f"{method} {path}", region, key_id, {"Path": path}, locked)


def _session(key_id: str) -> tuple[str, Document | None]:
    """The role behind a session's key, and the policy that the session was narrowed with."""
    for regions in sts_backends.values():
        for backend in regions.values():
            for session in backend.assumed_roles:
                if session.access_key_id == key_id:
                    return session.role_arn, json.loads(session.policy) if session.policy else None
    raise AssertionError(f"nobody assumed a role to get {key_id}")


def _refusal(request: Request, said: str) -> tuple[str, bytes]:
    error = f"<Code>AccessDenied</Code><Message>{said}</Message>"
    if request.service == "s3":
        return "403 Forbidden", f"<Error>{error}</Error>".encode()
    if request.service in QUERY and request.operation != "GetSuppressedDestination":
        body = f"<Error><Type>Sender</Type>{error}</Error><RequestId>r</RequestId>"
        return "403 Forbidden", f"<ErrorResponse>{body}</ErrorResponse>".encode()
    return "403 Forbidden", json.dumps({"__type": "AccessDeniedException", "message": said}).encode()


def _error_type(text: bytes) -> list[tuple[str, str]]:
    kind = re.match(rb'{"__type": "(\w+)"', text)
    return [("x-amzn-ErrorType", kind[1].decode())] if kind else []
