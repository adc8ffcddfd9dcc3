"""What Jira answers in another shape than its own is no answer: least of all an empty one."""

from typing import Any

import pytest

from app.errors import Transient
from app.sinks.jira.sink import JiraSink
from tests.fakes.http import status
from tests.fakes.jira import FakeJira
from tests.fakes.notices import a_message, a_notice
from tests.unit.sinks.jira.bench import LABEL, a_sink

DONE = {"name": "Done", "statusCategory": {"key": "done"}}
FIELDS = {"labels": [LABEL], "status": DONE, "assignee": None}
WHOLE = {"id": "10001", "key": "SEC-1", "fields": FIELDS}


def without(name: str) -> dict[str, Any]:
    return {**WHOLE, "fields": {key: value for key, value in FIELDS.items() if key != name}}


@pytest.mark.parametrize(
    "answer",
    [
        *({}, [], {"issues": None}, {"issues": {}}, {"issues": ""}, {"issues": [None]}),
        {"issues": [], "isLast": False},
        {"issues": [], "nextPageToken": {"a": 1}},
        {"issues": [{**WHOLE, "key": "sec-1/../x"}]},
        {"issues": [{**WHOLE, "id": 10001}]},
        {"issues": [without("labels")]},
        {"issues": [without("status")]},
        {"issues": [{**WHOLE, "fields": {**FIELDS, "status": {"name": "Done"}}}]},
    ],
)
def test_a_search_without_a_clear_answer_opens_no_ticket(jira: FakeJira, sink: JiraSink, answer: Any) -> None:
    for search in ("search_cloud", "search_server"):
        jira.fail(search, status(200, answer))
    with pytest.raises(Transient, match="no usable answer"):
        sink.send(a_message())
    assert jira.tickets == {}


@pytest.mark.parametrize("total", [None, True, "0", -1, 7])
def test_nor_does_one_of_data_center_that_counts_otherwise(total: Any) -> None:
    with FakeJira("Server", email=None) as jira:
        jira.fail("search_server", status(200, {"issues": [], "total": total, "startAt": 0}))
        with pytest.raises(Transient, match="no usable answer"):
            a_sink(jira).send(a_message())
        assert jira.tickets == {}


@pytest.mark.parametrize("answer", [{}, {"comments": None}, {"comments": {}}, {"comments": [{"id": "1"}]}])
def test_without_the_comments_nothing_is_said_again(jira: FakeJira, sink: JiraSink, answer: Any) -> None:
    jira.open("keysteward", LABEL)
    jira.fail("comments", status(200, answer))
    known = a_notice(refs={"key": "SEC-1"})
    with pytest.raises(Transient):
        sink.send(a_message(notices=(known,), maybe_sent=True))
    assert jira.tickets["SEC-1"].comments == []


def test_a_person_without_a_clear_address_or_state_is_nobody(jira: FakeJira, sink: JiraSink) -> None:
    for person in ({"emailAddress": ["jane@example.com"]}, {"active": "true"}, {"accountId": 7}):
        whole = {"accountId": "acc-1", "emailAddress": a_message().recipient, "active": True, **person}
        jira.fail("user_search", status(200, [whole]))
        assert not a_sink(jira).send(a_message()).counts
