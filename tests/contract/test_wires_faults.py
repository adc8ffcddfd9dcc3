"""Both wires when AWS doesn't answer as it should, and what each request carries."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.credentials import ReadOnlyCredentials

from app.clock import SystemClock
from app.errors import Ambiguous, KeystewardError, Permanent, Transient
from app.inventory.faults import Throttled, translate
from app.inventory.signed import SignedWire, wire_over
from app.inventory.watch import Calls, CountedWire, DateSkew
from app.inventory.wire import SdkWire, Wire
from tests.fakes.aws import point_sdk_at
from tests.fakes.certificates import server_context
from tests.fakes.http import ARRIVES_THEN_RESETS, HANG, RESET, Answer, Fault
from tests.fakes.wires import ANN, HASTY, WIRES, HangsUp, Mirror, client, result, verified

Make = Callable[..., Wire]
each_wire = pytest.mark.parametrize("make", WIRES.values(), ids=list(WIRES))
SECRETS = ("ANNANN", "ann's secret", "ann's token")
ASK = ("get_user", {"UserName": "ann"})
GOOD = result("GetUser", "<User><UserName>ann</UserName><Path>/</Path></User>")
REFUSED = "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>gone</Message></Error></ErrorResponse>"
HTML = "<html><body><h1>Bad gateway</h1><br></body></html>"


@pytest.fixture
def iam(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mirror]:
    with Mirror() as mirror:
        point_sdk_at(mirror.url, monkeypatch)
        yield mirror


def fault_of(wire: Wire) -> KeystewardError:
    """What comes of a call that must not succeed; it never quotes a secret."""
    with pytest.raises(Exception, match=r"\S") as caught:
        wire.send(*ASK, ANN)
    fault = translate(caught.value, "iam:GetUser", "in account 1", "the hub")
    assert not any(secret in f"{caught.value} {fault}" for secret in SECRETS)
    return fault


@each_wire
@pytest.mark.parametrize(
    "fault",
    [
        RESET,
        ARRIVES_THEN_RESETS,
        Fault(Answer(500, "<ErrorResponse><Error><Code>InternalFailure</Code></Error></ErrorResponse>")),
        Fault(Answer(502, HTML)),
        Fault(Answer(503, "")),
        Fault(Answer(504, "upstream request timeout")),
        Fault(Answer(404, REFUSED[:60])),
        Fault(Answer(200, "")),
        Fault(Answer(200, HTML)),
        Fault(Answer(200, "<html><body/></html>")),
        Fault(Answer(200, result("ListUsers", "<Users/>"))),
        *(Fault(Answer(200, GOOD[:end])) for end in range(1, len(GOOD), 40)),
    ],
)
def test_what_is_no_clear_answer_is_ambiguous(iam: Mirror, make: Make, fault: Fault) -> None:
    iam.fail("GetUser", fault)
    assert type(fault_of(make("iam"))) is Ambiguous
    assert len(iam.requests) == 1


@each_wire
@pytest.mark.parametrize(
    "fault", [HANG, Fault(Answer(200, GOOD, {"Content-Length": str(len(GOOD) + 10)}))], ids=["none", "half"]
)
def test_an_answer_that_does_not_come_is_ambiguous(iam: Mirror, make: Make, fault: Fault) -> None:
    iam.fail("GetUser", fault)
    assert type(fault_of(make("iam", HASTY))) is Ambiguous
    assert len(iam.requests) == 1


@each_wire
def test_nobody_there_is_not_ambiguous(monkeypatch: pytest.MonkeyPatch, make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    point_sdk_at(f"http://127.0.0.1:{port}", monkeypatch)
    assert type(fault_of(make("iam"))) is Transient


@each_wire
def test_a_connection_that_never_stands_is_not_ambiguous(monkeypatch: pytest.MonkeyPatch, make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        with socket.create_connection(address):  # the only place in the queue: nobody takes it
            point_sdk_at(f"http://127.0.0.1:{address[1]}", monkeypatch)
            assert type(fault_of(make("iam", HASTY))) is Transient


@each_wire
def test_an_answer_that_breaks_off_is_ambiguous(monkeypatch: pytest.MonkeyPatch, make: Make) -> None:
    whole = f"HTTP/1.1 200 OK\r\nContent-Length: {len(GOOD)}\r\n\r\n{GOOD}".encode()
    for end in (5, 30, len(whole) - len(GOOD), len(whole) - 20):
        with HangsUp(whole[:end]) as iam:
            point_sdk_at(iam.url, monkeypatch)
            assert type(fault_of(make("iam"))) is Ambiguous


def test_a_throttle_without_a_body_of_awss_is_one_all_the_same(iam: Mirror) -> None:
    wire = WIRES["SignedWire"]("iam")
    for body in ("", "slow down", HTML):
        iam.fail("GetUser", Fault(Answer(429, body)))
        assert type(fault_of(wire)) is Throttled


def test_a_page_of_whoever_stands_between_is_no_word_of_awss(iam: Mirror) -> None:
    wire = WIRES["SignedWire"]("iam")
    for status in (301, 403, 404, 407):
        iam.fail(
            "GetUser", Fault(Answer(status, "<html><body>Sign in</body></html>", {"Location": "/login"}))
        )
        assert type(fault_of(wire)) is Ambiguous
    assert len(iam.requests) == 4  # no redirect was followed


@each_wire
def test_a_refusal_is_told_whatever_its_status(iam: Mirror, make: Make) -> None:
    iam.fail(
        "GetUser", Fault(Answer(404, REFUSED)), Fault(Answer(400, REFUSED.replace("NoSuchEntity", "Odd")))
    )
    wire = make("iam")
    assert "is gone" in str(fault_of(wire))
    assert type(fault_of(wire)) is Permanent


@each_wire
def test_what_was_not_answered_and_what_could_not_be_read_are_counted(iam: Mirror, make: Make) -> None:
    calls = Calls()
    wire = CountedWire(make("iam"), calls, DateSkew(SystemClock()))
    iam.fail("GetUser", RESET, Fault(Answer(200, HTML)), Fault(Answer(200, GOOD)))
    for _ in range(2):
        fault_of(wire)
    wire.send(*ASK, ANN)
    assert {outcome: n for (_, _, outcome), n in calls.snapshot().items()} == {
        "unanswered": 1,
        "error": 1,
        "ok": 1,
    }


@each_wire
@pytest.mark.parametrize("name", ["ann", "a+b=c,d.e@f-g_h", "zoë 漢字 & <x> %20+"])
def test_every_request_is_signed_so_that_aws_takes_it(iam: Mirror, make: Make, name: str) -> None:
    wire = make("iam")
    for credentials in (ANN, ReadOnlyCredentials("AKIAHUBHUBHUBHUBHUBH", "not-a-secret", None)):
        wire.send("get_user", {"UserName": name}, credentials)
        assert verified(iam.requests[-1], iam.url, credentials)
    assert iam.requests[-1].body["UserName"] == name
    assert not verified(iam.requests[-1], iam.url, ANN)


@each_wire
def test_an_endpoint_may_have_a_path(iam: Mirror, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", f"{iam.url}/behind/a-gateway")
    make("iam").send(*ASK, ANN)
    assert verified(iam.requests[-1], iam.url, ANN)


def test_both_say_the_same_of_themselves(iam: Mirror) -> None:
    sent = []
    for make in WIRES.values():
        make("iam").send(*ASK, ANN)
        sent.append(iam.requests[-1])
    theirs, ours = sent
    assert ours.raw == theirs.raw
    assert ours.path == theirs.path
    extra = {"Amz-Sdk-Invocation-Id", "Amz-Sdk-Request"}
    assert ours.headers.keys() == theirs.headers.keys() - extra
    for name in ("User-Agent", "Host", "Content-Type", "Content-Length", "X-Amz-Security-Token"):
        assert ours.headers[name] == theirs.headers[name]


@each_wire
def test_a_connection_is_used_again(iam: Mirror, make: Make) -> None:
    wire = make("iam")
    for _ in range(5):
        wire.send(*ASK, ANN)
    assert iam.accepted == 1


@each_wire
def test_a_connection_that_the_server_has_closed_is_not(monkeypatch: pytest.MonkeyPatch, make: Make) -> None:
    whole = f"HTTP/1.1 200 OK\r\nContent-Length: {len(GOOD)}\r\n\r\n{GOOD}".encode()
    with HangsUp(whole, whole) as iam:
        point_sdk_at(iam.url, monkeypatch)
        wire = make("iam")
        wire.send(*ASK, ANN)
        assert iam.hung_up.wait(60)
        assert wire.send(*ASK, ANN)["User"]["UserName"] == "ann"


@each_wire
def test_a_server_that_says_it_closes_is_believed(iam: Mirror, make: Make) -> None:
    wire = make("iam")
    iam.fail("GetUser", *[Fault(Answer(200, GOOD, {"Connection": "close"}))] * 3)
    for _ in range(4):
        wire.send(*ASK, ANN)
    assert iam.accepted == 4


@each_wire
def test_threads_never_share_credentials_or_answers(iam: Mirror, make: Make) -> None:
    wire = make("iam")
    people = {f"user-{n}": ReadOnlyCredentials(f"ASIA{n:016}", f"secret-{n}", f"token-{n}") for n in range(8)}

    def ask(name: str) -> None:
        for _ in range(15):
            assert wire.send("get_user", {"UserName": name}, people[name])["User"]["UserName"] == name

    with ThreadPoolExecutor(len(people)) as pool:
        list(pool.map(ask, people))
    assert len(iam.requests) == 8 * 15
    assert all(verified(one, iam.url, people[one.body["UserName"]]) for one in iam.requests)
    assert iam.accepted <= 8


@each_wire
@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_only_who_is_trusted_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make: Make, variable: str
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    context, trusted = server_context(tmp_path)
    with Mirror(context) as iam:
        point_sdk_at(iam.url, monkeypatch)
        assert isinstance(fault_of(make("iam")), Transient)
        monkeypatch.setenv(variable, str(trusted))
        wire = make("iam")
        for _ in range(3):
            wire.send(*ASK, ANN)
        assert iam.accepted == 1
        point_sdk_at(iam.url.replace("127.0.0.1", "localhost"), monkeypatch)  # which the certificate isn't
        assert isinstance(fault_of(make("iam")), Transient)
        assert len(iam.requests) == 3


def test_through_a_proxy_and_for_other_services_the_sdk_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    point_sdk_at("https://iam.example.com", monkeypatch)
    assert isinstance(wire_over(client("iam"), None), SignedWire)
    assert isinstance(wire_over(client("organizations"), None), SdkWire)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert isinstance(wire_over(client("iam"), None), SdkWire)
    monkeypatch.setenv("NO_PROXY", "example.com")
    assert isinstance(wire_over(client("iam"), None), SignedWire)
