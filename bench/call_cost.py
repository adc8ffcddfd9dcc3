"""Where the CPU of one AWS call goes: `python bench/call_cost.py`. docs/performance.md explains the table.

One thread of one process calls a trivial HTTP/1.1 server in another process, each way in turn, over
connections that are kept alive. Figures are CPU (user and system) in microseconds, the best of some rounds.
"""

import multiprocessing
import os
import socket
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import boto3
import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.httpsession import create_urllib3_context, get_cert_path
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from click import echo
from urllib3 import connection_from_url

from app.clock import SystemClock
from app.inventory.answers import answer_reader
from app.inventory.credentials import PerCallProvider
from app.inventory.line import Line
from app.inventory.signed import wire_over
from app.inventory.watch import Calls, CountedWire, DateSkew
from app.inventory.wire import SdkWire

Call = Callable[[], object]
CALLS, ROUNDS = 300, 7
SESSION = ReadOnlyCredentials("ASIA0000000000000000", "s" * 40, "t" * 800)
STAMP = "2026-01-02T03:04:05Z"
KEY = (
    "<member><UserName>user-{0}</UserName><AccessKeyId>AKIA{0:016}</AccessKeyId><Status>Active</Status>"
    f"<CreateDate>{STAMP}</CreateDate></member>"
)
USER = (
    "<member><Path>/</Path><UserName>user-{0}</UserName><UserId>AIDA{0:016}</UserId>"
    f"<Arn>arn:aws:iam::111122223333:user/user-{{0}}</Arn><CreateDate>{STAMP}</CreateDate><GroupList>"
    "<member>developers</member></GroupList><AttachedManagedPolicies/><Tags><member><Key>owner</Key>"
    "<Value>user-{0}@example.com</Value></member><member><Key>team</Key><Value>core</Value></member></Tags>"
    "</member>"
)
ROW = (
    f"user-{{0}},arn:aws:iam::111122223333:user/user-{{0}},{STAMP},false,N/A,N/A,N/A,false,true,{STAMP},{STAMP},"
    "us-east-1,s3,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A\n"
)
PARAMS: Mapping[str, dict[str, object]] = {
    "list_access_keys": {"UserName": "user-1"},
    "get_credential_report": {},
    "get_account_authorization_details": {"Filter": ["User"], "MaxItems": 1000},
}
RESULTS = {
    "ListAccessKeys": f"<AccessKeyMetadata>{KEY.format(1)}{KEY.format(2)}</AccessKeyMetadata>",
    "GetCredentialReport": (
        f"<Content>{b64encode(''.join(ROW.format(n) for n in range(100)).encode()).decode()}</Content>"
        f"<GeneratedTime>{STAMP}</GeneratedTime>"
    ),
    "GetAccountAuthorizationDetails": (
        f"<UserDetailList>{''.join(USER.format(n) for n in range(100))}</UserDetailList>"
        "<IsTruncated>false</IsTruncated>"
    ),
}


# --- the other process ---


def answer(action: str) -> bytes:
    request = (
        "<ResponseMetadata><RequestId>7a62c49f-347e-4fc4-9331-6e8e00000000</RequestId></ResponseMetadata>"
    )
    inner = f"<{action}Result>{RESULTS[action]}</{action}Result>{request}"
    body = f'<{action}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/">{inner}</{action}Response>'
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nx-amzn-RequestId: 7a62c49f-347e-4fc4-9331-6e8e0000\r\n"
        f"Content-Length: {len(body)}\r\nDate: Fri, 02 Jan 2026 03:04:05 GMT\r\n\r\n"
    )
    return (head + body).encode()


def serve(parent: Connection) -> None:
    """Until the parent ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    parent.send(listener.getsockname()[1])
    answers = {action.encode(): answer(action) for action in RESULTS}
    while True:
        Thread(target=converse, args=(listener.accept()[0], answers), daemon=True).start()


def converse(connection: socket.socket, answers: Mapping[bytes, bytes]) -> None:
    """Small requests only: each ends with its form, which the first or the second packet brings whole."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    received = b""
    while data := connection.recv(65536):
        received += data
        _, _, body = received.partition(b"\r\n\r\nAction=")
        if body:
            received = b""
            connection.sendall(answers[body.partition(b"&")[0]])


# --- this process ---


def costs(ways: Mapping[str, Call], calls: int = CALLS) -> dict[str, float]:
    """Microseconds of CPU a call: the ways take turns, so that what disturbs one disturbs all."""
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(ROUNDS):
        for name, call in ways.items():
            call()
            before = time.process_time()
            for _ in range(calls):
                call()
            best[name] = min(best[name], (time.process_time() - before) / calls * 1e6)
    return best


def show(title: str, rows: Mapping[str, float], whole: float) -> None:
    echo(f"\n{title}")
    for name, cost in rows.items():
        echo(f"  {name:52}{cost:9.1f} us{cost / whole:8.2f}")


def whole_calls(url: str) -> float:
    """Prints each operation in each way; returns what boto3 needs for a small one."""
    bare: Any = boto3.Session(*SESSION[:3]).client("iam", region_name="us-east-1", endpoint_url=url)
    session = botocore.session.Session()
    session.register_component("credential_provider", PerCallProvider())
    once = Config(retries={"total_max_attempts": 1})
    client: Any = session.create_client("iam", "us-east-1", endpoint_url=url, config=once)
    wires = {"SdkWire": SdkWire(client), "SignedWire": wire_over(client, None)}
    first = 0.0
    for name, params in PARAMS.items():
        ways: dict[str, Call] = {"boto3": partial(getattr(bare, name), **params)}
        for way, wire in wires.items():
            counted = CountedWire(wire, Calls(), DateSkew(SystemClock()))
            ways[way] = partial(counted.send, name, params, SESSION)
        rows = costs(ways, CALLS if name == "list_access_keys" else CALLS // 3)
        first = first or rows["boto3"]
        show(f"{name} (the ratio is to boto3's)", rows, rows["boto3"])
    return first


class Instant:
    """A wire that answers at once."""

    service, endpoint = "iam", ""

    def action(self, operation: str) -> str:
        return operation

    def send(self, *_: object) -> Mapping[str, object]:
        return {"ResponseMetadata": {"HTTPHeaders": {"date": "Fri, 02 Jan 2026 03:04:05 GMT"}}}

    def close(self) -> None: ...


def parts(url: str, whole: float) -> None:
    """What a small signed call consists of, and what the SDK's way of it costs."""
    model: Any = botocore.session.Session().get_service_model("iam").operation_model("ListAccessKeys")
    serializer, params = create_serializer("query"), {"UserName": "user-1"}
    body = urlencode(serializer.serialize_to_request(params, model)["body"]).encode()
    content = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}

    def sign() -> AWSRequest:
        request = AWSRequest("POST", url + "/", content, body)
        SigV4Auth(SESSION, "iam", "us-east-1").add_auth(request)
        return request

    headers, pool = dict(sign().headers.items()), connection_from_url(url)
    line = Line(url, Config(), None)
    text = answer("ListAccessKeys").partition(b"\r\n\r\n")[2]
    parsed = {"status_code": 200, "headers": {}, "body": text}
    read, sdk_read = answer_reader(model), create_parser("query")
    calls = CountedWire(Instant(), Calls(), DateSkew(SystemClock()))
    rows = {
        "serialize and validate (botocore), urlencode": lambda: urlencode(
            serializer.serialize_to_request(params, model)["body"]
        ),
        "sign (botocore)": sign,
        "HTTP (http.client)": lambda: line.post(body, headers),
        "read the answer": lambda: read(text),
        "count the answer": lambda: calls.send("", {}, SESSION),
        "HTTP by urllib3 instead": lambda: pool.urlopen("POST", "/", body, headers, retries=False),
        "reading by botocore's parser instead": lambda: sdk_read.parse(parsed, model.output_shape),
    }
    show("a signed call's parts (the ratio is to boto3's whole call)", costs(rows), whole)


def once(whole: float) -> None:
    """What is paid once a client, a connection or a process."""
    session, context = botocore.session.Session(), create_urllib3_context()
    load: Call = partial(context.load_verify_locations, get_cert_path(True))
    actions: dict[str, Call] = {
        "first client (STS)": partial(session.create_client, "sts", "us-east-1"),
        "IAM of the same session": partial(session.create_client, "iam", "us-east-1"),
        "a second of IAM": partial(session.create_client, "iam", "us-east-1"),
        "a session and IAM client of its own": lambda: botocore.session.Session().create_client(
            "iam", "us-east-1"
        ),
        "read the CA bundle (SDK: every TLS connection)": load,
    }
    rows = {name: timed(action) for name, action in actions.items()}
    show("once (the ratio is to boto3's whole call)", rows, whole)


def timed(action: Call) -> float:
    before = time.process_time()
    action()
    return (time.process_time() - before) * 1e6


def main() -> None:
    os.environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)
    ours, theirs = multiprocessing.Pipe()
    multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True).start()
    url = f"http://127.0.0.1:{ours.recv()}"
    whole = whole_calls(url)
    parts(url, whole)
    once(whole)


if __name__ == "__main__":
    main()
