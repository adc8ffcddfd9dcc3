"""A fake AWS in a process of its own: `python -m bench.fake_aws --accounts 50` prints its URL and serves.

It speaks what a scan of access keys needs of STS, IAM and Organizations. Each answer comes after
``--latency``; ``--rate`` and ``--burst`` give every account a token bucket for IAM; a credential report is
STARTED first and takes ``--report-seconds``. /bench/reset zeroes the counts, refills the buckets and lets
every report expire, so that the next run must generate it anew; /bench/calls tells the counts.
"""

import asyncio
import json
import re
import signal
import time
from argparse import ArgumentParser, Namespace
from urllib.parse import parse_qsl

from bench.fake.http import Answer, serve
from bench.fake.iam import Iam
from bench.fake.others import account_of_key, assume_role, caller_identity, organizations
from bench.fake.state import Buckets, Refusal, Reports, Tally
from bench.fake.xml import answer, refusal
from bench.fleet import Fleet

_SCOPE = re.compile(rb"Credential=(\w+)/\d+/[\w-]+/(\w+)/")
_TARGET = re.compile(rb"(?i)\r\nx-amz-target: *\w+\.(\w+)")
JSON, XML = "application/x-amz-json-1.1", "text/xml"


class FakeAws:
    """One request in, one answer out; nothing here waits."""

    def __init__(self, fleet: Fleet, reports: Reports, buckets: Buckets) -> None:
        self.fleet, self.reports, self.buckets = fleet, reports, buckets
        self.tally = Tally()
        self._iam = Iam(fleet, reports)

    def handle(self, head: bytes, body: bytes) -> Answer:
        path = head.split(b" ", 2)[1]
        if path.startswith(b"/bench/"):
            return Answer(200, "application/json", self._control(path.decode()), at_once=True)
        scope = _SCOPE.search(head)
        key_id, service = (scope[1].decode(), scope[2].decode()) if scope else ("", "")
        if body.startswith(b"{"):
            return self._json(head, service, body)
        params = _params(body.decode())
        action = params.get("Action", "")
        try:
            inner = self._query(service, action, account_of_key(key_id), params)
        except Refusal as error:
            return Answer(error.status, XML, refusal(service, error.code, str(error)))
        return Answer(200, XML, answer(service, action, inner))

    def _query(self, service: str, action: str, account: str, params: dict[str, str]) -> str:
        name = f"{service}:{action}"
        self.tally.calls[name] += 1
        if service == "iam":
            if not self.buckets.take(account):
                self.tally.throttled[name] += 1
                raise Refusal("Throttling", "Rate exceeded")
            return self._iam.action(action)(account, params)
        if name == "sts:AssumeRole":
            return assume_role(self.fleet, params)
        if name == "sts:GetCallerIdentity":
            return caller_identity(account)
        raise Refusal("InvalidAction", name)

    def _json(self, head: bytes, service: str, body: bytes) -> Answer:
        target = _TARGET.search(head)
        action = target[1].decode() if target else ""
        self.tally.calls[f"{service}:{action}"] += 1
        try:
            return Answer(200, JSON, json.dumps(organizations(self.fleet, action, json.loads(body))).encode())
        except Refusal as error:
            said = {"__type": error.code, "message": str(error)}
            return Answer(error.status, JSON, json.dumps(said).encode())

    def _control(self, path: str) -> bytes:
        if path == "/bench/reset":
            self.tally = Tally()
            self.buckets.refill()
            self.reports.expire()
        return json.dumps(self.tally.as_json()).encode()


def _params(body: str) -> dict[str, str]:
    if "%" in body or "+" in body:
        return dict(parse_qsl(body))
    return dict(pair.split("=", 1) for pair in body.split("&") if "=" in pair)


def arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m bench.fake_aws", description=__doc__)
    parser.add_argument("--accounts", type=int, default=50)
    parser.add_argument("--users", type=int, default=100, help="in each account")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--now", type=int, default=int(time.time()), help="of the fleet, in seconds since 1970"
    )
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--latency", type=float, default=0.03, help="seconds")
    parser.add_argument("--rate", type=float, default=0, help="IAM calls a second and account; 0: no limit")
    parser.add_argument("--burst", type=float, default=50)
    parser.add_argument("--report-seconds", type=float, default=0.5)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    fleet = Fleet(given.accounts, given.users, given.now, given.seed)
    aws = FakeAws(fleet, Reports(given.report_seconds), Buckets(given.rate, given.burst))
    # Ends at once: asyncio's own way waits, since Python 3.12.1, until each client has hung up.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    asyncio.run(serve(aws.handle, given.port, given.latency, _announce))


def _announce(port: int) -> None:
    print(f"http://127.0.0.1:{port}", flush=True)


if __name__ == "__main__":
    main()
