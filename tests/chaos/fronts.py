"""A port of its own for each replica and service: by it who asks is known, and here things go wrong."""

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from tests.chaos.board import REFUSED, Board, Dropped, strike
from tests.chaos.schedule import Event
from tests.chaos.witness import Witness, told_in_jira, told_in_slack
from tests.fakes import aws as fake_aws
from tests.fakes.aws import FakeAws
from tests.fakes.aws_fleet import Refusal, report_csv
from tests.fakes.http import Answer, HttpFake, Request, _Server
from tests.fakes.jira import FakeJira
from tests.fakes.slack import FakeSlack

PAGE = "<html><body>502 Bad Gateway</body></html>"
AWS_WRITES = frozenset({"UpdateAccessKey", "DeleteAccessKey"})
JIRA_WRITES = frozenset({"create", "update", "comment", "transition"})


@dataclass
class Town:
    """One round's fakes, its witness and its board. ``outage``: what is wrong with the account ``dark``."""

    aws: FakeAws
    slack: FakeSlack
    jira: FakeJira
    witness: Witness
    board: Board
    dark: str = ""
    outage: str = ""
    expired: int = 0  # sessions that were given before don't count any more: how many


class Stage(Protocol):
    """What the fronts show at present."""

    town: Town


@dataclass
class AwsFront:
    """Stands before `FakeAws`, for one place."""

    stage: Stage
    place: int
    user_agents: set[str] = field(default_factory=set)
    local: threading.local = field(default_factory=threading.local)

    def clock(self) -> datetime:
        return self.stage.town.aws.clock()

    def handle(
        self, service: str, action: str, params: Mapping[str, Any], key_id: str, region: str = ""
    ) -> dict[str, Any]:
        with self.stage.town.board.under_way():
            return self._handle(service, action, params, key_id, region)

    def _handle(
        self, service: str, action: str, params: Mapping[str, Any], key_id: str, region: str
    ) -> dict[str, Any]:
        town, answer, arrived = self.stage.town, dict[str, Any](), time.time()
        who, is_write = town.board.who(self.place), action in AWS_WRITES
        self.local.spoil = self._outage(town, service, action, key_id)

        def effect() -> None:
            with town.aws.lock:
                before = status_of(town.aws, str(params.get("AccessKeyId", ""))) if is_write else ""
                answer.update(town.aws.handle(service, action, params, key_id, region))
                subject = f"{params.get('UserName', '')} {params.get('AccessKeyId', '')}".strip()
                what = f"{action} {params.get('Status', '')}".strip()
                town.witness.note(who, arrived, "aws", what, subject, is_write, before=before)

        event = town.board.asked("aws", self.place, is_write)
        if event is None:
            effect()
            return answer
        strike(town.board, event, self.place, effect)
        self._refuse(town, event)
        self.local.spoil = event.what if event.what in ("cut", "broken", "garbage") else ""
        return answer

    def _refuse(self, town: Town, event: Event) -> None:
        if event.what == "throttle":
            raise Refusal("Throttling", "Rate exceeded")
        if event.what == "expire":
            town.expired = len(town.aws.sessions)
            raise Refusal("ExpiredToken", "The security token included in the request is expired", 403)

    def _outage(self, town: Town, service: str, action: str, key_id: str) -> str:
        """How the answer is spoilt, in an account that is dark."""
        number = int(key_id[4:]) if key_id.startswith("ASIA") else 0
        if 0 < number <= town.expired:
            raise Refusal("ExpiredToken", "The security token included in the request is expired", 403)
        dark = number and town.aws.sessions[number - 1].account == town.dark
        if not dark or not town.outage or service != "iam":
            return ""
        if town.outage == "denied":
            raise Refusal("AccessDenied", f"not authorized to perform: iam:{action}", 403)
        if town.outage == "expired":
            raise Refusal("ExpiredToken", "The security token included in the request is expired", 403)
        return town.outage if town.outage in ("broken", "cut", "garbage") else ""


def _aws_handler(front: AwsFront) -> type[BaseHTTPRequestHandler]:
    base: Any = fake_aws._handler(front)  # type: ignore[arg-type]

    class Handler(base):  # type: ignore[misc]
        def _answer(self, *args: Any) -> None:
            try:
                super()._answer(*args)
            except Dropped:
                reset(self)

        def _send(self, status: int, text: str, content_type: str) -> None:
            spoil, front.local.spoil = getattr(front.local, "spoil", ""), ""
            if spoil == "broken":
                super()._send(503, PAGE, "text/html")
            elif spoil == "garbage":
                super()._send(200, PAGE, "text/html")
            elif spoil == "cut":
                self.close_connection = True
                super()._send(status, text[: len(text) // 2], content_type)
            else:
                super()._send(status, text, content_type)

    return Handler


def reset(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()
    handler.close_connection = True


@dataclass
class HttpFront:
    """Stands before Slack or Jira, for one place, in the form of an `HttpFake`."""

    stage: Stage
    place: int
    channel: str
    accepted: int = 0

    def handle(self, request: Request) -> Answer | None:
        with self.stage.town.board.under_way():
            return self._handle(request)

    def _handle(self, request: Request) -> Answer | None:
        town, answers, arrived = self.stage.town, list[Answer | None](), time.time()
        fake: HttpFake = town.slack if self.channel == "slack" else town.jira
        operation, who = fake.operation(request), town.board.who(self.place)
        is_write = operation in JIRA_WRITES or operation == "chat.postMessage"

        def effect() -> None:
            answer = fake.handle(request)
            answers.append(answer)
            if answer and _succeeded(answer):
                self._note(town, who, arrived, operation, request, is_write, answer)

        event = town.board.asked(self.channel, self.place, is_write)
        if event is None:
            effect()
            return answers[0]
        try:
            strike(town.board, event, self.place, effect)
        except Dropped:
            return None
        return _spoilt(event, answers[0] if answers else None)

    def _note(
        self,
        town: Town,
        who: tuple[int, int],
        arrived: float,
        what: str,
        request: Request,
        is_write: bool,
        answer: Answer,
    ) -> None:
        if self.channel == "slack":
            told = told_in_slack(request.body) if is_write else ()
            subject = str(answer.body.get("channel", ""))
            town.witness.note(who, arrived, "slack", what, subject, is_write, told)
            return
        made = answer.body.get("key", "") if isinstance(answer.body, dict) else ""
        subject = made or request.path.partition("/issue/")[2].split("/")[0]
        told = told_in_jira(request) if what in ("create", "comment") else ()
        if what == "transition":
            what = f"transition {town.jira.tickets[subject].status}"
        town.witness.note(who, arrived, "jira", what, subject, is_write, told)


def _succeeded(answer: Answer) -> bool:
    is_ok = answer.body.get("ok", True) if isinstance(answer.body, dict) else True
    return answer.status < 300 and bool(is_ok)


def _spoilt(event: Event, answer: Answer | None) -> Answer | None:
    if event.what == "broken":
        return Answer(502 if event.after else 503, PAGE)
    if event.what == "garbage":
        return Answer(200, PAGE)
    if event.what == "throttle":
        return Answer(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "2"})
    if event.what == "cut" and answer:
        return _cut(answer, short=event.nth % 2 == 0)
    assert answer or event.what in REFUSED
    return answer


def _cut(answer: Answer, short: bool) -> Answer:
    """``short``: less than its own Content-Length says; else a body that ends too early."""
    whole = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
    said = {"Content-Length": str(len(whole.encode()))} if short else {}
    kind = {"Content-Type": "application/json", "Connection": "close"}
    return Answer(answer.status, whole[: len(whole) // 2], {**kind, **said})


class Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients die and give up: that is what the rounds are about."""


@dataclass
class Fronts:
    """The ports of one place."""

    aws: ThreadingHTTPServer
    slack: ThreadingHTTPServer
    jira: ThreadingHTTPServer

    @staticmethod
    def of(stage: Stage, place: int) -> "Fronts":
        handler = _aws_handler(AwsFront(stage, place))
        made = Fronts(
            Quiet(("127.0.0.1", 0), handler),
            _Server(HttpFront(stage, place, "slack")),  # type: ignore[arg-type]
            _Server(HttpFront(stage, place, "jira")),  # type: ignore[arg-type]
        )
        for server in (made.aws, made.slack, made.jira):
            threading.Thread(target=server.serve_forever, args=(0.5,), daemon=True).start()
        return made

    def urls(self) -> dict[str, str]:
        return {
            name: f"http://127.0.0.1:{getattr(self, name).server_address[1]}"
            for name in ("aws", "slack", "jira")
        }


def status_of(aws: FakeAws, key_id: str) -> str:
    """Empty: there is no such key."""
    keys = (key for account in aws.accounts.values() for user in account.users for key in user.keys)
    return next((key.status for key in keys if key.id == key_id), "")


def short_reports(town: Town, outage: str) -> None:
    """A report that lacks its last lines, or ends inside of one; none of ``outage``: AWS's own again."""
    account = town.aws.accounts[town.dark]
    whole = report_csv(account)
    account.report = {
        "short report": "\n".join(whole.split("\n")[:-2]).encode(),
        "cut report": whole[:-7].encode(),
    }.get(outage)
