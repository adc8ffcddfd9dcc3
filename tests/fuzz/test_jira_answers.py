"""Answers of Jira: what is no clear answer opens no second ticket, says nothing twice, and is no success."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import strategies as st

from app.errors import KeystewardError
from app.plan.notice import Notice
from app.sinks.interface import Message, Receipt
from app.sinks.jira import text
from app.sinks.jira.sink import JiraSink
from tests.fakes.http import Answer, Fault
from tests.fakes.jira import TOKEN, FakeJira
from tests.fakes.notices import JANE, NOW, a_message, a_notice
from tests.fuzz import texts, trees
from tests.fuzz.attack import attack, each_effort, tried
from tests.unit.sinks.jira.bench import a_sink

NOTICE = a_notice()
KNOWN = replace(NOTICE, refs={"key": "SEC-1"})
LABELS = text.labels(text.label(NOTICE), [NOTICE])
MARKED = f"Keysteward {text.marker(NOTICE)}"
Use = Callable[[JiraSink], object]


def send(notice: Notice, maybe_sent: bool = False) -> Use:
    message: Message = a_message(notices=(notice,), maybe_sent=maybe_sent)
    return lambda sink: sink.send(message)


@dataclass(frozen=True)
class Case:
    """What the service asks, of which site, and the operations that this takes.

    ``opened``: the status of the ticket that is there; empty: there is none. ``said``: it has this notice's
    comment already.
    """

    use: Use
    operations: tuple[str, ...]
    opened: str = "To Do"
    said: bool = False


SEARCH = "search"  # `search_cloud` or `search_server`
CASES = (
    Case(send(NOTICE), ("user_search", SEARCH, "create"), opened=""),
    Case(send(NOTICE), (SEARCH, "user_search", "comment")),
    Case(send(KNOWN), ("read", "comment", "update")),
    Case(send(KNOWN, maybe_sent=True), ("read", "comments", "user_search"), said=True),
    Case(send(KNOWN), ("read", "transitions", "transition", "comment"), opened="Done"),
    Case(lambda sink: sink.resolve(KNOWN, NOW), ("read", "comments", "comment", "transitions", "transition")),
    Case(lambda sink: sink.resolve(NOTICE, NOW), (SEARCH, "transition")),
    Case(lambda sink: sink.closed(NOW), (SEARCH,), opened="Done"),
)
REFUSALS = (
    {"errorMessages": ["It does not exist."], "errors": {}},
    {"errorMessages": [], "errors": {"labels": "Field 'labels' cannot be set.", "duedate": "Bad"}},
    {"errorMessages": [], "errors": {"project": "valid project is required"}},
)
STATUSES = st.sampled_from((200, 200, 200, 200, 201, 204, 302, 400, 400, 401, 404, 429, 500, 503))
HEADERS = st.sampled_from(
    (
        *({}, {"Content-Type": "text/html"}, {"Content-Type": "application/json; charset=nowhere"}),
        *({"Retry-After": "9" * 30}, {"Retry-After": "-1"}, {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}),
    )
)


@dataclass(frozen=True)
class Lie:
    """What Jira answers to one operation instead of the truth."""

    server: bool
    case: Case
    operation: str
    answer: Answer


def prepared(jira: FakeJira, case: Case) -> None:
    jira.tickets.clear()
    jira.requests.clear()
    if case.opened:
        ticket = jira.open(*LABELS, status=case.opened, description="", summary="Rotate it")
        jira.tickets = {"SEC-1": replace(ticket, key="SEC-1", id="10001")}
        jira.tickets["SEC-1"].bodies += [_body(jira, MARKED)] if case.said else []


def _body(jira: FakeJira, line: str) -> Any:
    if jira.deployment == "Server":
        return line
    paragraph = {"type": "paragraph", "content": [{"type": "text", "text": line}]}
    return {"type": "doc", "version": 1, "content": [paragraph]}


def operation(jira: FakeJira, name: str) -> str:
    return {"Cloud": "search_cloud", "Server": "search_server"}[jira.deployment] if name == SEARCH else name


class Recorder:
    """Every true answer of a site, by operation: what is spoiled afterwards."""

    def __init__(self, jira: FakeJira) -> None:
        self.heard: dict[str, list[Any]] = {}
        self._jira, self._answer = jira, jira.answer
        jira.answer = self._note  # type: ignore[method-assign]

    def stop(self) -> Mapping[str, list[Any]]:
        self._jira.answer = self._answer  # type: ignore[method-assign]
        return self.heard

    def _note(self, request: Any) -> Answer:
        answer = self._answer(request)
        bodies = self.heard.setdefault(self._jira.operation(request), [])
        if answer.status < 300 and answer.body not in ("", *bodies):
            bodies.append(answer.body)
        return answer


@pytest.fixture(scope="module")
def sites() -> Iterator[Sequence[FakeJira]]:
    with FakeJira("Cloud") as cloud, FakeJira("Server", email=None) as server:
        for jira in (cloud, server):
            jira.add_user(JANE)
        yield cloud, server


@pytest.fixture(scope="module")
def lies(sites: Sequence[FakeJira]) -> st.SearchStrategy[Lie]:
    """Of what each site answers, spoiled as a tree and as a text."""
    truths: list[Mapping[str, list[Any]]] = []
    for jira in sites:
        recorder = Recorder(jira)
        for case in CASES:
            prepared(jira, case)
            case.use(a_sink(jira))
        truths.append(recorder.stop())
    strategies = {
        (server, operation): st.one_of(
            trees.spoiled([*bodies, *bodies, *bodies, *REFUSALS]).map(json.dumps),
            texts.spoiled([json.dumps(body) for body in bodies] or [""]),
        )
        for server, heard in enumerate(truths)
        for operation, bodies in heard.items()
    }

    @st.composite
    def made(draw: st.DrawFn) -> Lie:
        server, case = draw(texts.EITHER), draw(st.sampled_from(CASES))
        name = operation(sites[server], draw(st.sampled_from(case.operations)))
        headers = {"Content-Type": "application/json", **draw(HEADERS)}
        answer = Answer(draw(STATUSES), draw(strategies[server, name]), headers)
        return Lie(server, case, name, answer)

    return made()


@each_effort
def test_an_answer_is_a_clear_one_or_an_error_that_a_sink_may_raise(
    examples: int, sites: Sequence[FakeJira], lies: st.SearchStrategy[Lie]
) -> None:
    attack(lies, lambda lie: check(lie, sites[lie.server]), examples)


def check(lie: Lie, jira: FakeJira) -> None:
    prepared(jira, lie.case)
    jira.fail(lie.operation, Fault(lie.answer))
    found, words = tried(lambda: lie.case.use(a_sink(jira)), KeystewardError)
    jira.mend(lie.operation)
    assert len(jira.requests) < 40
    assert words.isprintable()
    assert TOKEN not in words
    if isinstance(found, Receipt):
        assert all(line.isprintable() for line in (found.recipient, *found.remarks, *found.refs.values()))
        once(lie, jira, found)
    if isinstance(found, frozenset) and found:
        assert found <= {issue["key"] for issue in told(lie)["issues"]} | {"SEC-1"}


def once(lie: Lie, jira: FakeJira, receipt: Receipt) -> None:
    """A success is what Jira said in so many words."""
    if lie.operation == "create" and not jira.tickets:
        assert lie.answer.status < 300
        assert receipt.refs["key"] == told(lie)["key"]
    if lie.operation == "comment" and not any(ticket.bodies for ticket in jira.tickets.values()):
        assert lie.answer.status < 300
        assert "id" in told(lie)
    if lie.case.opened and len(jira.tickets) > 1:  # opened again
        assert lie.operation != "read" or lie.answer.status == 404
        if lie.operation.startswith("search"):
            complete(lie)
    if lie.case.said and len(jira.tickets["SEC-1"].bodies) > 1 and lie.operation == "comments":
        assert isinstance(told(lie)["comments"], list)
    if lie.operation == "user_search" and receipt.counts:
        [person] = jira._users
        assert receipt.recipient == person["emailAddress"]


def complete(lie: Lie) -> None:
    """The search said that it found something else, or nothing, and that this is all."""
    answer = told(lie)
    assert lie.answer.status < 300
    assert isinstance(answer["issues"], list)
    assert answer.get("total", 0) <= len(answer["issues"]) or answer["issues"]
    assert answer.get("isLast") is not False or answer.get("nextPageToken")


def told(lie: Lie) -> Any:
    return json.loads(str(lie.answer.body))


def test_what_is_spoiled_was_valid(sites: Sequence[FakeJira]) -> None:
    for jira in sites:
        for case in CASES:
            prepared(jira, case)
            assert case.use(a_sink(jira)), case
            asked = {jira.operation(request) for request in jira.requests}
            assert {operation(jira, name) for name in case.operations} <= asked, case
