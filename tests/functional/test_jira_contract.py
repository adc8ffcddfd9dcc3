"""Every request of a whole ladder against Atlassian's own description of Jira Cloud's REST API v3.

The description is not ours to ship: API_CONTRACTS names the folder that holds
jira-cloud-v3.openapi.json.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.model import Caller
from app.plan.notice import Notice, NoticeKind
from app.plan.notices import CLOSED_STAGE
from app.sinks.interface import Message
from app.sinks.jira.settings import JiraSettings
from app.sinks.jira.sink import JiraSink
from app.sinks.tools import Tools
from app.sinks.waits import Waits
from tests.fakes import adf
from tests.fakes.http import Answer, Request
from tests.fakes.jira import EMAIL, TOKEN, FakeJira
from tests.fakes.notices import JANE, NOW, a_message, a_notice
from tests.fakes.openapi import Contract

FOLDER = os.environ.get("API_CONTRACTS", "")
FILE = Path(FOLDER) / "jira-cloud-v3.openapi.json"
GATEWAY = "/ex/jira/11111111-2222-3333-4444-555555555555"
BOB = "bob@example.com"

pytestmark = pytest.mark.skipif(
    not FOLDER, reason="set API_CONTRACTS to a folder with jira-cloud-v3.openapi.json"
)

USED = {
    "search_cloud",
    "user_search",
    "create",
    "read",
    "update",
    "comments",
    "comment",
    "transitions",
    "transition",
}
FIELDS = {
    "customfield_10010": "{{ notice.account_id }}",
    "customfield_10011": {"value": "{{ notice.account }}"},
    "customfield_10012": "Seen in {{ notice | place }}",
    "customfield_404": "nobody knows it",
    "components": [{"name": "{{ notice.rule }}"}],
}


class DescribedJira(FakeJira):
    """A Cloud that holds each request, and its own answer, against the description."""

    def __init__(self, contract: Contract, prefix: str) -> None:
        super().__init__("Cloud", prefix=prefix)
        self.contract = contract
        self.faults: list[str] = []
        self.custom = {
            "customfield_10010": "text",
            "customfield_10011": "any",
            "customfield_10012": "textarea",
            "components": "any",
        }

    def answer(self, request: Request) -> Answer:
        path = request.path.removeprefix(self._prefix)
        answer = super().answer(request)
        self.faults += self.contract.request_faults(request.method, path, request)
        self.faults += self.contract.answer_faults(request.method, path, answer)
        return answer


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract(FILE)


@pytest.fixture(params=["", GATEWAY], ids=["site", "gateway"])
def jira(request: pytest.FixtureRequest, contract: Contract) -> Iterator[DescribedJira]:
    with DescribedJira(contract, request.param) as fake:
        fake.add_user(JANE)
        fake.add_user(BOB)
        yield fake


def a_sink(jira: FakeJira, **options: Any) -> JiraSink:
    given = {
        "type": "jira",
        "server": jira.server,
        "site_url": "https://example.atlassian.net",
        "project": "SEC",
        "email": EMAIL,
        "token": TOKEN,
        "deployment": "cloud",
        "labels": ["aws"],
        "priority": {"ticket": "Medium", "final": "High", "deactivate": "Highest"},
        "fields": FIELDS,
        "timeout": 30,
        **options,
    }
    return JiraSink(
        "jira", JiraSettings.model_validate(given), Tools(Waits(lambda seconds: None, lambda: 0.0))
    )


def keys(grouping: str) -> tuple[Notice, ...]:
    callers = (Caller("203.0.113.7", "aws-cli/2.15", "s3", "eu-central-1", 12, NOW),)
    names = "A" if grouping == "finding" else "ABC"
    return tuple(a_notice(finding_id=f"KS-{n * 10}", callers=callers, advice="Use a role.") for n in names)


def climb(
    jira: DescribedJira, sink: JiraSink, notices: tuple[Notice, ...], episode: int
) -> tuple[Notice, ...]:
    """Every stage, with the ticket closed by hand in between; returns the notices with their references."""
    for number, stage in enumerate(["warn", "ticket", CLOSED_STAGE, "final", "deactivate", "delete"]):
        if stage == CLOSED_STAGE:
            _close_all(jira, sink)
        act_at = NOW + timedelta(days=30 + number - episode)
        kind: NoticeKind = "done" if stage in ("deactivate", "delete") else "warning"
        told = tuple(replace(n, stage=stage, kind=kind, act_at=act_at, episode=episode) for n in notices)
        refs = sink.send(a_message(*told)).refs
        notices = tuple(replace(notice, refs=refs) for notice in told)
    return notices


def _close_all(jira: DescribedJira, sink: JiraSink) -> None:
    for ticket in jira.tickets.values():
        ticket.status = "Done"
    assert sink.closed(NOW) == jira.tickets.keys()


def resolve_all(sink: JiraSink, notices: tuple[Notice, ...]) -> None:
    for left, notice in zip(range(len(notices) - 1, -1, -1), notices, strict=True):
        assert sink.resolve(replace(notice, kind="resolved", stage="resolved", siblings=left), NOW)


@pytest.mark.parametrize("when_closed", ["reopen", "comment"])
@pytest.mark.parametrize("grouping", ["finding", "owner", "account"])
def test_every_request_of_a_whole_ladder_is_as_atlassian_describes_it(
    jira: DescribedJira, grouping: str, when_closed: str
) -> None:
    sink = a_sink(jira, group_by=grouping, when_closed=when_closed)
    jira.page_size = 1
    notices = climb(jira, sink, keys(grouping), episode=1)
    resolve_all(sink, notices)
    notices = climb(jira, sink, notices, episode=2)
    handed_over = tuple(replace(n, owner=BOB, kind="warning", stage="final", occurrence=2) for n in notices)
    sink.send(a_message(*handed_over, recipient=BOB))
    sink.send(a_message(a_notice(finding_id="KS-LATECOMER"), recipient=BOB))
    assert jira.faults == []
    assert {jira.operation(request) for request in jira.requests} == USED


def test_looking_for_what_may_have_arrived_is_as_described(jira: DescribedJira) -> None:
    sink = a_sink(jira)
    notices = climb(jira, sink, keys("finding"), episode=1)
    sink.send(Message("msg-1", JANE, notices, NOW, maybe_sent=True))
    del jira.tickets["SEC-1"]
    assert sink.send(a_message(*notices)).refs["key"] == "SEC-2"
    assert jira.faults == []


ADF = {"type": "doc", "version": 1, "content": []}


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "fault"),
    [
        ("GET", "/rest/api/3/search", {"jql": "x"}, {}, "not in the description"),
        ("GET", "/rest/api/2/issue/SEC-1", {}, {}, "not in the description"),
        ("DELETE", "/rest/api/3/search/jql", {}, {}, "not in the description"),
        ("POST", "/rest/api/3/search/jql", {}, {"jql": "x", "startAt": 0}, "'startAt' was unexpected"),
        ("POST", "/rest/api/3/search/jql", {}, {"jql": 7}, "7 is not of type 'string'"),
        ("POST", "/rest/api/3/search/jql", {}, {"jql": "x", "maxResults": "20"}, "not of type 'integer'"),
        ("GET", "/rest/api/3/user/search", {"user": "x"}, {}, "unknown parameter user"),
        ("GET", "/rest/api/3/user/search", {"maxResults": "many"}, {}, "not of type 'integer'"),
        ("GET", "/rest/api/3/issue/SEC-1", {}, {"fields": {}}, "a body where none belongs"),
        ("POST", "/rest/api/3/issue/SEC-1/comment", {}, {"body": ADF, "id": "1"}, "id is read-only"),
        (
            "POST",
            "/rest/api/3/issue/SEC-1/transitions",
            {},
            {"transition": {"id": 3}},
            "3 is not of type 'string'",
        ),
        (
            "PUT",
            "/rest/api/3/issue/SEC-1",
            {},
            {"update": {"labels": [{"put": "x"}]}},
            "'put' was unexpected",
        ),
    ],
)
def test_the_checker_finds_what_is_wrong(
    contract: Contract, method: str, path: str, query: dict[str, str], body: dict[str, Any], fault: str
) -> None:
    found = contract.request_faults(method, path, Request(method, path, query, body, {}))
    assert any(fault in text for text in found)


def test_every_document_is_one(jira: DescribedJira) -> None:
    climb(jira, a_sink(jira, group_by="owner"), keys("owner"), episode=1)
    bodies = [body for ticket in jira.tickets.values() for body in ticket.bodies]
    bodies += [ticket.fields["description"] for ticket in jira.tickets.values()]
    bodies += [ticket.fields["customfield_10012"] for ticket in jira.tickets.values()]
    assert len(bodies) > 5
    assert [fault for body in bodies for fault in adf.faults(body)] == []
