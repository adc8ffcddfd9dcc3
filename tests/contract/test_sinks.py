"""What every sink promises (`app/sinks/contract.py`), against servers that fail in every way."""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from rich.console import Console

from app.sinks.console.sink import ConsoleSink
from app.sinks.contract import SECRET as CANARY
from app.sinks.contract import Bench, SinkContract
from app.sinks.interface import Sink
from app.sinks.registry import SINKS
from app.sinks.sns.settings import SnsSettings
from app.sinks.sns.sink import SnsSink
from app.sinks.tools import Tools
from app.sinks.waits import Waits
from tests.fakes import http
from tests.fakes.clock import HandClock
from tests.fakes.jira import FakeJira
from tests.fakes.notices import JANE
from tests.fakes.pause_gate import Gate
from tests.fakes.receiver import FakeReceiver
from tests.fakes.slack import FakeSlack, not_ok, rate_limited
from tests.fakes.smtp import FakeSmtp
from tests.fakes.sns import FakeSns, refusal

TIMEOUT = 1.5  # seconds: what hangs is waited for, and a busy machine is no fault
TOOLS = Tools(Waits(sleep=lambda seconds: None, monotonic=lambda: 0.0))


def _tools(gate: Gate) -> Tools:
    return replace(TOOLS, waits=replace(TOOLS.waits, before_sending=gate))


TOPIC = "arn:aws:sns:eu-central-1:111122223333:iam-keys"

HTTP_FAULTS = {
    "http 500": http.status(500, "<html>oops</html>"),
    "http 503": http.status(503, {}),
    "http 401": http.status(401, {}),
    "too many requests": http.status(429, {}, Retry_After="3600"),
    "not json": http.status(200, "<html>a proxy's page</html>"),
    "reset": http.RESET,
    "reset after arrival": http.ARRIVES_THEN_RESETS,
    "time-out": http.HANG,
    "time-out after arrival": http.ARRIVES_THEN_HANGS,
}


def _build(kind: str, **options: Any) -> Sink:
    sink_type, tools = SINKS[kind], options.pop("tools", TOOLS)
    return sink_type.build("here", sink_type.settings.model_validate({"type": kind, **options}), tools)


def _queueing(
    fake: http.HttpFake, operation: str, faults: Mapping[str, http.Fault]
) -> dict[str, Callable[[], None]]:
    return {name: partial(fake.fail, operation, fault) for name, fault in faults.items()}


@contextmanager
def slack() -> Iterator[Bench]:
    clock, gate = HandClock(), Gate()
    tools = Tools(replace(clock.waits, before_sending=gate))
    with FakeSlack(token=CANARY, clock=clock) as fake:
        fake.add_user(JANE)
        faults = HTTP_FAULTS | {
            "ok: false, for now": not_ok("internal_error"),
            "ok: false, for good": not_ok("invalid_blocks"),
            "ok: false, revoked": not_ok("token_revoked"),
            "long rate limit": rate_limited(3600),
        }
        yield Bench(
            _build("slack", tools=tools, token=CANARY, base_url=fake.base_url, timeout=TIMEOUT),
            lambda: len(fake.messages),
            _queueing(fake, "chat.postMessage", faults),
            mend=lambda: clock.sleep(3600),  # what it was asked to wait
            unreachable="nobody@example.com",
            texts=lambda: str(fake.messages),
            pause=gate.pause,
            resume=gate.resume,
        )


@contextmanager
def jira(deployment: Any, **options: Any) -> Iterator[Bench]:
    email, gate = "bot@example.com" if deployment == "Cloud" else None, Gate()
    options |= {"email": email, "token": CANARY, "timeout": TIMEOUT}
    with FakeJira(deployment, token=CANARY, email=email) as fake:
        fake.add_user(JANE)
        yield Bench(
            _build("jira", tools=_tools(gate), server=fake.url, project="SEC", **options),
            lambda: sum(1 + len(ticket.comments) for ticket in fake.tickets.values()),
            _queueing(fake, "create", HTTP_FAULTS),
            texts=lambda: str(fake.tickets),
            pause=gate.pause,
            resume=gate.resume,
        )


@contextmanager
def console(look: Any) -> Iterator[Bench]:
    out = io.StringIO()
    shown = ConsoleSink("here", Console(file=out, width=100), TOOLS.texts, counts=True, look=look)
    yield Bench(shown, lambda: out.getvalue().count("╭─"), texts=out.getvalue)


@contextmanager
def email() -> Iterator[Bench]:
    gate = Gate()
    with FakeSmtp() as fake:

        def answer(verb: str, reply: str) -> Callable[[], None]:
            return lambda: fake.replies.update({verb: reply})

        def stall() -> None:
            fake.stall_after_data = True

        def mend() -> None:
            fake.replies.clear()
            fake.stall_after_data = False

        options = {"host": "127.0.0.1", "port": fake.port, "starttls": False, "password": CANARY}
        yield Bench(
            _build("email", tools=_tools(gate), **{"from": "keys@example.com"}, timeout=TIMEOUT, **options),
            lambda: len(fake.mails),
            {
                "busy": answer("MAIL", "451 busy"),
                "greylisted": answer("RCPT", "450 later"),
                "refused": answer("DATA", "554 spam"),
                "time-out after arrival": stall,
            },
            mend,
            looks=False,
            unreachable="#not-a-mailbox",
            texts=lambda: "".join(fake.mails),
            pause=gate.pause,
            resume=gate.resume,
        )


@contextmanager
def webhook(**options: Any) -> Iterator[Bench]:
    gate = Gate()
    with FakeReceiver() as fake:
        refusals = {"redirect": http.status(302, Location=fake.url), "gone": http.status(410)}
        faults = {name: fault for name, fault in HTTP_FAULTS.items() if name != "not json"} | refusals
        options |= {"headers": {"Authorization": f"Bearer {CANARY}"}, "timeout": TIMEOUT}
        sink = _build("webhook", tools=_tools(gate), url=fake.url, secret=CANARY, **options)
        yield Bench(
            sink,
            lambda: len(fake.messages()),
            _queueing(fake, "post", faults),
            texts=lambda: str(fake.received),
            reached="here",
            counts=False,
            closes_blindly=True,
            pause=gate.pause,
            resume=gate.resume,
        )


@contextmanager
def sns() -> Iterator[Bench]:
    gate = Gate()
    with FakeSns() as fake:
        faults = HTTP_FAULTS | {
            "throttled": refusal(429, "Throttled"),
            "not allowed": refusal(403, "AuthorizationError"),
            "refused": refusal(400, "InvalidParameter"),
        }
        settings = SnsSettings(type="sns", topic_arn=TOPIC, timeout=TIMEOUT)
        yield Bench(
            SnsSink("here", settings, _tools(gate), fake.client(TIMEOUT, CANARY)),
            lambda: sum(body["event"] == "notice" for body in fake.bodies().values()),
            _queueing(fake, "Publish", faults),
            texts=lambda: str(fake.bodies()),
            reached="here",
            counts=False,
            closes_blindly=True,
            pause=gate.pause,
            resume=gate.resume,
        )


BENCHES: Mapping[str, Callable[[], Any]] = {
    "slack": slack,
    "jira-cloud": lambda: jira("Cloud"),
    "jira-server": lambda: jira("Server"),
    "jira-by-owner": lambda: jira("Cloud", group_by="owner"),
    "jira-by-account": lambda: jira("Server", group_by="account"),
    "console-slack": lambda: console("slack"),
    "console-jira": lambda: console("jira"),
    "email": email,
    "webhook": webhook,
    "webhook-by-owner": lambda: webhook(group_by="owner"),
    "sns": sns,
}


def _cases() -> list[Any]:
    """Every fault of every sink."""
    cases = []
    for name, world in BENCHES.items():
        with world() as opened:
            cases += [pytest.param(world, fault, id=f"{name}-{fault}") for fault in opened.faults]
    return cases


class TestBuiltInSinks(SinkContract):
    """Each test runs once a sink, or once a sink and fault."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "fault" in metafunc.fixturenames:
            metafunc.parametrize(("world", "fault"), _cases())
        elif "bench" in metafunc.fixturenames:
            metafunc.parametrize("world", list(BENCHES.values()), ids=list(BENCHES))

    @pytest.fixture
    def bench(self, world: Callable[[], Any]) -> Iterator[Bench]:
        with ExitStack() as stack:
            yield stack.enter_context(world())

    def test_every_fault_of_the_bench_is_tried(self, bench: Bench) -> None:
        """They are read from the bench itself."""


def test_every_type_of_sink_has_a_bench() -> None:
    assert {name.split("-")[0] for name in BENCHES} == set(SINKS)
