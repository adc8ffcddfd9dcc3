"""A small threaded fake AWS: what moto lacks (pages, throttling, slow reports, denials, call counts).

STS and IAM speak the query protocol (XML), Organizations and CloudTrail JSON 1.1, as their API references
have it. The fleet is plain dataclasses; tests may change them between calls and read `calls` in-process.
"""

import base64
import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import pytest

from tests.fakes.aws_fleet import (
    STAMP,
    FakeAccount,
    FakeKey,
    FakeUnit,
    FakeUser,
    Refusal,
    describe,
    detail,
    managed_policy,
    report_csv,
)
from tests.fakes.aws_trail import look_up

HUB = "999900001111"
LARGEST_PAGE = 1000  # IAM's; a listing that asks for nothing gets 100


@dataclass(frozen=True)
class Session:
    account: str
    policy: str | None
    params: Mapping[str, str]

    def allows(self, action: str) -> bool:
        if self.policy is None:
            return True
        actions = json.loads(self.policy)["Statement"][0]["Action"]
        return any(fnmatchcase(action, allowed) for allowed in actions)


class Bucket:
    """So many calls a second, by account and, unless told otherwise, by action."""

    def __init__(self, rate: float, burst: int, by_action: bool = True) -> None:
        self.rate, self.burst, self.by_action = rate, burst, by_action
        self.limited: set[str] = set()  # accounts; empty: all
        self._levels: dict[tuple[str, str], tuple[float, float]] = {}

    def take(self, account: str, action: str) -> bool:
        if self.limited and account not in self.limited:
            return True
        now, key = time.monotonic(), (account, action if self.by_action else "")
        level, at = self._levels.get(key, (float(self.burst), now))
        level = min(self.burst, level + (now - at) * self.rate)
        allowed = level >= 1
        self._levels[key] = (level - allowed, now)
        return allowed


class FakeAws:
    """Use as ``with FakeAws(accounts) as aws: aws.url``."""

    def __init__(
        self,
        accounts: list[FakeAccount],
        units: list[FakeUnit] | None = None,
        page_size: int = LARGEST_PAGE,
        bucket: Bucket | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.accounts = {account.id: account for account in accounts}
        self.units = units or []
        self.page_size, self.bucket, self.clock = page_size, bucket, clock
        self.calls: Counter[tuple[str, str]] = Counter()
        self.sessions: list[Session] = []
        self.user_agents: set[str] = set()
        self.empty_pages = False  # Organizations: each listing begins with an empty page
        self.lock = threading.RLock()
        self._faults: dict[tuple[str, str], deque[Refusal]] = {}
        self._by_key: dict[str, Session] = {}
        self._polls: Counter[str] = Counter()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fail(
        self, account: str, action: str, code: str, times: int = 1, status: int = 400, message: str = ""
    ) -> None:
        """The next ``times`` calls of the action in that account are refused with ``code``."""
        refusal = Refusal(code, message or f"{code} on {action}", status)
        self._faults.setdefault((account, action), deque()).extend([refusal] * times)

    def count(self, account: str, action: str = "*") -> int:
        return sum(n for (a, b), n in self.calls.items() if a == account and fnmatchcase(b, action))

    # --- one request ---

    def handle(
        self, service: str, action: str, params: Mapping[str, Any], key_id: str, region: str = ""
    ) -> dict[str, Any]:
        with self.lock:
            session = self._by_key.get(key_id)
            account_id = session.account if session else HUB
            self.calls[account_id, f"{service}:{action}"] += 1
            self._refuse_first(account_id, f"{service}:{action}", session)
            if (service, action) == ("cloudtrail", "LookupEvents"):
                return look_up(self.accounts[account_id].events, params, region)
            answer = getattr(self, f"_{service}_{action}")
            if service == "iam":
                found: dict[str, Any] = answer(self.accounts[account_id], params)
                return found
            other: dict[str, Any] = answer(params)
            return other

    def _refuse_first(self, account_id: str, action: str, session: Session | None) -> None:
        account = self.accounts.get(account_id)
        queue = self._faults.get((account_id, action))
        if queue:
            raise queue.popleft()
        if self.bucket and not self.bucket.take(account_id, action):
            raise Refusal("Throttling", "Rate exceeded")
        if account and any(fnmatchcase(action, glob) for glob in account.denied):
            raise Refusal("AccessDenied", f"User: x is not authorized to perform: {action}", 403)
        if session and not session.allows(action):
            raise Refusal("AccessDenied", f"no session policy allows the {action} action", 403)

    # --- STS ---

    def _sts_GetCallerIdentity(self, params: Mapping[str, str]) -> dict[str, Any]:
        return {"Account": HUB, "Arn": f"arn:aws:sts::{HUB}:assumed-role/hub role/i-0abc", "UserId": "X"}

    def _sts_AssumeRole(self, params: Mapping[str, str]) -> dict[str, Any]:
        account_id = params["RoleArn"].split(":")[4]
        account = self.accounts.get(account_id)
        wrong = account is None or account.external_id not in (None, params.get("ExternalId"))
        if wrong or (account and "sts:AssumeRole" in account.denied):
            raise Refusal("AccessDenied", f"not authorized to perform: sts:AssumeRole on {account_id}", 403)
        session = Session(account_id, params.get("Policy"), dict(params))
        self.sessions.append(session)
        key_id = f"ASIA{len(self.sessions):016d}"
        self._by_key[key_id] = session
        ends = (datetime.now(UTC) + timedelta(seconds=int(params["DurationSeconds"]))).strftime(STAMP)
        given = {"AccessKeyId": key_id, "SecretAccessKey": "s", "SessionToken": "t", "Expiration": ends}
        return {"Credentials": given}

    # --- IAM ---

    def _iam_ListUsers(self, account: FakeAccount, params: Mapping[str, str]) -> dict[str, Any]:
        return self._page(params, "Users", [describe(account, user) for user in account.users])

    def _iam_GetUser(self, account: FakeAccount, params: Mapping[str, str]) -> dict[str, Any]:
        return {"User": describe(account, account.user(params["UserName"]))}

    def _iam_ListAccessKeys(self, account: FakeAccount, params: Mapping[str, str]) -> dict[str, Any]:
        user = account.user(params["UserName"])
        keys = [
            {
                "UserName": user.name,
                "AccessKeyId": key.id,
                "Status": key.status,
                "CreateDate": key.created.strftime(STAMP),
            }
            for key in user.keys
        ]
        return self._page(params, "AccessKeyMetadata", keys)

    def _iam_GetAccessKeyLastUsed(self, account: FakeAccount, params: Mapping[str, str]) -> dict[str, Any]:
        user, key = self._key(account, params["AccessKeyId"])
        used: dict[str, Any] = {"Region": "N/A", "ServiceName": "N/A"}
        if key.last_used:
            used = {
                "Region": key.region,
                "ServiceName": key.service,
                "LastUsedDate": key.last_used.strftime(STAMP),
            }
        return {"UserName": user.name, "AccessKeyLastUsed": used}

    def _iam_ListUserTags(self, account: FakeAccount, params: Mapping[str, str]) -> dict[str, Any]:
        tags = account.user(params["UserName"]).tags.items()
        return self._page(params, "Tags", [{"Key": key, "Value": value} for key, value in tags])

    def _iam_ListGroupsForUser(self, account: FakeAccount, params: Mapping[str, str]) -> dict[str, Any]:
        groups = [
            {
                "GroupName": name,
                "GroupId": "AGPA1",
                "Path": "/",
                "Arn": f"arn:aws:iam::{account.id}:group/{name}",
                "CreateDate": "2020-01-01T00:00:00Z",
            }
            for name in account.user(params["UserName"]).groups
        ]
        return self._page(params, "Groups", groups)

    def _iam_GetAccountSummary(self, account: FakeAccount, params: Mapping[str, str]) -> dict[str, Any]:
        entry = {"key": "AccountAccessKeysPresent", "value": str(account.root_keys)}
        return {"SummaryMap": _Entries([entry])}

    def _iam_ListPolicies(self, account: FakeAccount, params: Mapping[str, str]) -> dict[str, Any]:
        """Asked for AWS's own that are attached: nearly every account has some."""
        attached = sorted({"ReadOnlyAccess", *(user.quarantine for user in account.users)} - {""})
        return self._page(params, "Policies", [managed_policy(name) for name in attached])

    def _iam_ListEntitiesForPolicy(self, account: FakeAccount, params: Mapping[str, str]) -> dict[str, Any]:
        name = params["PolicyArn"].rpartition("/")[2]
        users = [{"UserName": u.name, "UserId": "AIDA1"} for u in account.users if u.quarantine == name]
        return {**self._page(params, "PolicyUsers", users), "PolicyGroups": [], "PolicyRoles": []}

    def _iam_GenerateCredentialReport(self, account: FakeAccount, _: Mapping[str, str]) -> dict[str, Any]:
        done = self._polls[account.id] >= account.report_polls
        self._polls[account.id] += 1
        return {"State": "COMPLETE" if done else "STARTED" if self._polls[account.id] == 1 else "INPROGRESS"}

    def _iam_GetCredentialReport(self, account: FakeAccount, _: Mapping[str, str]) -> dict[str, Any]:
        if not self._polls[account.id]:
            raise Refusal("ReportNotPresent", "no report", 410)
        if account.report_expired:
            account.report_expired = False
            raise Refusal("ReportExpired", "too old", 410)
        if self._polls[account.id] <= account.report_polls:
            self._polls[account.id] += 1
            raise Refusal("ReportInProgress", "in the making", 404)
        content = account.report if account.report is not None else report_csv(account).encode()
        made = account.report_at or self.clock()
        encoded = base64.b64encode(content).decode()
        return {"Content": encoded, "ReportFormat": "text/csv", "GeneratedTime": made.strftime(STAMP)}

    def _iam_GetAccountAuthorizationDetails(
        self, account: FakeAccount, params: Mapping[str, str]
    ) -> dict[str, Any]:
        wanted = {value for name, value in params.items() if name.startswith("Filter.member.")}
        users = account.users if not wanted or "User" in wanted else []
        found = self._page(params, "UserDetailList", [detail(account, user) for user in users])
        return {**found, "GroupDetailList": [], "RoleDetailList": [], "Policies": []}

    def _iam_UpdateAccessKey(self, account: FakeAccount, params: Mapping[str, str]) -> dict[str, Any]:
        _, key = self._key(account, params["AccessKeyId"], params["UserName"])
        key.status, key.rotated = params["Status"], self.clock()
        return {}

    def _iam_DeleteAccessKey(self, account: FakeAccount, params: Mapping[str, str]) -> dict[str, Any]:
        user, key = self._key(account, params["AccessKeyId"], params["UserName"])
        user.keys.remove(key)
        return {}

    def _key(self, account: FakeAccount, key_id: str, name: str = "") -> tuple[FakeUser, FakeKey]:
        for user in account.users:
            for key in user.keys:
                if key.id == key_id and name in ("", user.name):
                    return user, key
        raise Refusal("NoSuchEntity", f"The Access Key with id {key_id} cannot be found.", 404)

    def _page(self, params: Mapping[str, str], name: str, items: list[dict[str, Any]]) -> dict[str, Any]:
        """Like IAM: it may return fewer than asked, so only IsTruncated tells."""
        start, asked = int(params.get("Marker", 0)), int(params.get("MaxItems", 100))
        if not 1 <= asked <= LARGEST_PAGE:
            raise Refusal("ValidationError", f"Value '{asked}' at 'maxItems' must be 1 to {LARGEST_PAGE}")
        end = start + min(asked, self.page_size)
        more = {"IsTruncated": "true", "Marker": str(end)} if end < len(items) else {"IsTruncated": "false"}
        return {name: items[start:end], **more}

    # --- Organizations ---

    def _organizations_ListRoots(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return self._tokens(params, "Roots", [{"Id": "r-root", "Name": "Root"}])

    def _organizations_ListOrganizationalUnitsForParent(self, params: Mapping[str, Any]) -> dict[str, Any]:
        units = [{"Id": u.id, "Name": u.name} for u in self.units if u.parent == params["ParentId"]]
        return self._tokens(params, "OrganizationalUnits", units)

    def _organizations_ListAccounts(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return self._tokens(params, "Accounts", [_listed(a) for a in self.accounts.values()])

    def _organizations_ListAccountsForParent(self, params: Mapping[str, Any]) -> dict[str, Any]:
        found = [_listed(a) for a in self.accounts.values() if a.parent == params["ParentId"]]
        return self._tokens(params, "Accounts", found)

    def _organizations_ListTagsForResource(self, params: Mapping[str, Any]) -> dict[str, Any]:
        tags = self.accounts[params["ResourceId"]].tags.items()
        return self._tokens(params, "Tags", [{"Key": key, "Value": value} for key, value in tags])

    def _tokens(self, params: Mapping[str, Any], name: str, items: list[dict[str, Any]]) -> dict[str, Any]:
        if self.empty_pages and "NextToken" not in params:
            return {name: [], "NextToken": "0"}
        start = int(params.get("NextToken", 0))
        end = start + min(20, self.page_size)
        return {name: items[start:end], **({"NextToken": str(end)} if end < len(items) else {})}


def _listed(account: FakeAccount) -> dict[str, Any]:
    return {"Id": account.id, "Name": account.name, "State": account.state, "Status": "ACTIVE"}


class _Entries(list[dict[str, Any]]):
    """A map of the query protocol."""


def _xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(f"<{name}>{_xml(inner)}</{name}>" for name, inner in value.items())
    if isinstance(value, list):
        tag = "entry" if isinstance(value, _Entries) else "member"
        return "".join(f"<{tag}>{_xml(inner)}</{tag}>" for inner in value)
    return escape(str(value))


def _handler(aws: FakeAws) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            scope = self.headers["Authorization"].split("Credential=")[1].split("/")
            key_id, region, service = scope[0], scope[2], scope[3]
            aws.user_agents.add(self.headers.get("User-Agent", ""))
            target = self.headers.get("X-Amz-Target")
            params = json.loads(body) if target else dict(parse_qsl(body))
            action = target.rpartition(".")[2] if target else params["Action"]
            self._answer(service, action, params, (key_id, region), bool(target))

        def _answer(
            self, service: str, action: str, params: dict[str, Any], signer: tuple[str, str], as_json: bool
        ) -> None:
            try:
                found, status = aws.handle(service, action, params, *signer), 200
                inner = f"<{action}Result>{_xml(found)}</{action}Result>"
                text = json.dumps(found) if as_json else _wrap(f"{action}Response", service, inner)
            except Refusal as error:
                status, said = error.status, {"Code": error.code, "Message": str(error)}
                inner = f"<Error><Type>Sender</Type>{_xml(said)}</Error>"
                refused = {"__type": error.code, "message": str(error)}
                text = json.dumps(refused) if as_json else _wrap("ErrorResponse", service, inner)
            self._send(status, text, "application/x-amz-json-1.1" if as_json else "text/xml")

        def _send(self, status: int, text: str, content_type: str) -> None:
            data = text.encode()
            self.send_response_only(status)
            self.send_header("Date", format_datetime(aws.clock(), usegmt=True))
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Quiet."""

    return Handler


def _wrap(name: str, service: str, inner: str) -> str:
    version = "iam.amazonaws.com/doc/2010-05-08" if service == "iam" else "sts.amazonaws.com/doc/2011-06-15"
    request = "<ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata>"
    return f'<{name} xmlns="https://{version}/">{inner}{request}</{name}>'


def point_sdk_at(url: str, env: pytest.MonkeyPatch) -> None:
    """The SDK's own variables, and nothing of the machine's own configuration."""
    env.setenv("AWS_ENDPOINT_URL", url)
    env.setenv("AWS_ACCESS_KEY_ID", "AKIAHUBHUBHUBHUBHUBH")
    env.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
    env.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    env.setenv("AWS_EC2_METADATA_DISABLED", "true")
    env.setenv("AWS_CONFIG_FILE", "/nonexistent")
    env.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_STS"):
        env.delenv(name, raising=False)
