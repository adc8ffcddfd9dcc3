"""What every sink promises (`app/sinks/interface.py`), against servers that fail in every way."""

import io
import logging
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest
from rich.console import Console

from app.errors import Ambiguous, KeystewardError, Permanent, RecipientUnreachable, Transient
from app.sinks.console.sink import ConsoleSink
from app.sinks.interface import Message, Sink
from app.sinks.registry import SINKS
from app.sinks.tools import Tools
from app.sinks.waits import Waits
from tests.fakes import http
from tests.fakes.jira import FakeJira
from tests.fakes.notices import JANE, a_message, a_notice
from tests.fakes.slack import FakeSlack, not_ok, rate_limited
from tests.fakes.smtp import FakeSmtp

CANARY = "s3cret-canary-token"
KEY_ID = "AKIA" + "CANARY7CANARY7WX"
TIMEOUT = 0.5
TOOLS = Tools(Waits(sleep=lambda seconds: None, monotonic=lambda: 0.0))

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


@dataclass
class Bench:
    """One sink and the world behind it."""

    sink: Sink
    arrived: Callable[[], int]  # how often the message has arrived
    faults: Mapping[str, Callable[[], None]] = field(default_factory=dict)
    mend: Callable[[], None] = lambda: None
    looks: bool = True  # it can look for what may have arrived
    unreachable: str | None = None
    texts: Callable[[], str] = str  # everything that arrived


def _build(kind: str, **options: Any) -> Sink:
    sink_type = SINKS[kind]
    return sink_type.build("here", sink_type.settings.model_validate({"type": kind, **options}), TOOLS)


def _queueing(
    fake: http.HttpFake, operation: str, faults: Mapping[str, http.Fault]
) -> dict[str, Callable[[], None]]:
    return {name: partial(fake.fail, operation, fault) for name, fault in faults.items()}


@contextmanager
def slack() -> Iterator[Bench]:
    with FakeSlack(token=CANARY) as fake:
        fake.add_user(JANE)
        faults = HTTP_FAULTS | {
            "ok: false, for now": not_ok("internal_error"),
            "ok: false, for good": not_ok("invalid_blocks"),
            "ok: false, revoked": not_ok("token_revoked"),
            "long rate limit": rate_limited(3600),
        }
        yield Bench(
            _build("slack", token=CANARY, base_url=fake.base_url, timeout=TIMEOUT),
            lambda: len(fake.messages),
            _queueing(fake, "chat.postMessage", faults),
            unreachable="nobody@example.com",
            texts=lambda: str(fake.messages),
        )


@contextmanager
def jira(deployment: Any, **options: str) -> Iterator[Bench]:
    email = "bot@example.com" if deployment == "Cloud" else None
    with FakeJira(deployment, token=CANARY, email=email) as fake:
        fake.add_user(JANE)
        yield Bench(
            _build(
                "jira", server=fake.url, project="SEC", email=email, token=CANARY, timeout=TIMEOUT, **options
            ),
            lambda: sum(1 + len(ticket.comments) for ticket in fake.tickets.values()),
            _queueing(fake, "create", HTTP_FAULTS),
            texts=lambda: str(fake.tickets),
        )


@contextmanager
def console(look: Any) -> Iterator[Bench]:
    out = io.StringIO()
    shown = ConsoleSink("here", Console(file=out, width=100), TOOLS.texts, counts=True, look=look)
    yield Bench(shown, lambda: out.getvalue().count("╭─"), texts=out.getvalue)


@contextmanager
def email() -> Iterator[Bench]:
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
            _build("email", **{"from": "keys@example.com"}, timeout=TIMEOUT, **options),
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
}


def _cases() -> list[Any]:
    """Every fault of every sink."""
    cases = []
    for name, bench in BENCHES.items():
        with bench() as opened:
            cases += [pytest.param(bench, fault, id=f"{name}-{fault}") for fault in opened.faults]
    return cases


@pytest.fixture(params=list(BENCHES.values()), ids=list(BENCHES))
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield stack.enter_context(request.param())


def _attempt(sink: Sink, message: Message) -> KeystewardError | None:
    try:
        sink.send(message)
    except KeystewardError as error:
        return error
    return None


def test_a_message_is_delivered_once_and_its_receipt_names_who_was_reached(bench: Bench) -> None:
    receipt = bench.sink.send(a_message())
    assert receipt.recipient == JANE
    assert receipt.counts
    assert bench.arrived() == 1


@pytest.mark.parametrize(("world", "fault"), _cases())
def test_a_failure_is_an_error_of_ours_and_never_a_receipt(world: Any, fault: str) -> None:
    with world() as bench:
        bench.faults[fault]()
        with pytest.raises((Transient, Permanent)):
            bench.sink.send(a_message())


@pytest.mark.parametrize(("world", "fault"), _cases())
def test_trying_again_after_a_failure_delivers_exactly_once(world: Any, fault: str) -> None:
    with world() as bench:
        bench.faults[fault]()
        error = _attempt(bench.sink, a_message())
        bench.mend()
        bench.sink.send(a_message(maybe_sent=isinstance(error, Ambiguous)))
        assert bench.arrived() == 1 or not bench.looks


@pytest.mark.parametrize(("world", "fault"), _cases())
def test_what_arrived_without_an_answer_is_reported_as_ambiguous(world: Any, fault: str) -> None:
    with world() as bench:
        bench.faults[fault]()
        error = _attempt(bench.sink, a_message())
        assert isinstance(error, Ambiguous) or bench.arrived() == 0


@pytest.mark.parametrize(("world", "fault"), _cases())
def test_no_error_and_no_log_line_holds_a_secret(
    world: Any, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    with world() as bench, caplog.at_level(logging.DEBUG):
        bench.faults[fault]()
        error = _attempt(bench.sink, a_message(a_notice(user=KEY_ID, reason=f"seen with {KEY_ID}")))
        assert error is not None
        told = "".join(traceback.format_exception(error)) + caplog.text
        assert CANARY not in told
        assert KEY_ID not in told


def test_no_message_holds_a_full_key_id_even_when_a_name_or_a_tag_does(bench: Bench) -> None:
    texts = dict.fromkeys(("user", "account", "reason", "headline", "last_used", "rule"), f"x {KEY_ID} y")
    bench.sink.send(a_message(a_notice(**texts)))
    assert "…" + KEY_ID[-4:] in bench.texts() or "=E2=80=A6" in bench.texts()
    assert KEY_ID not in bench.texts()


def test_an_unreachable_recipient_is_told_apart_from_other_failures(bench: Bench) -> None:
    if bench.unreachable is None:
        pytest.skip("it reaches a place, not a person")
    with pytest.raises(RecipientUnreachable):
        bench.sink.send(a_message(recipient=bench.unreachable))
    assert bench.arrived() == 0


def test_resolving_what_was_never_sent_does_nothing(bench: Bench) -> None:
    assert bench.sink.resolve(a_notice(kind="resolved"), a_message().now) is None
    assert bench.arrived() == 0


def test_resolving_closes_only_what_has_a_ticket(bench: Bench) -> None:
    receipt = bench.sink.send(a_message())
    closed = bench.sink.resolve(a_notice(kind="resolved", refs=receipt.refs), a_message().now)
    assert (closed is not None) == ("key" in receipt.refs)


def test_a_second_notice_keeps_the_references_of_the_first(bench: Bench) -> None:
    if not bench.sink.tickets:
        pytest.skip("a digest starts a message of its own")
    first = bench.sink.send(a_message())
    again = a_notice(occurrence=2, refs=first.refs)
    second = bench.sink.send(replace(a_message(again), id="msg-2"))
    assert second.refs == first.refs
    assert bench.arrived() == 2
