"""A Jira of each kind, and a sink in front of it."""

from collections.abc import Iterator

import pytest

from app.sinks.jira.sink import JiraSink
from tests.fakes.jira import FakeJira
from tests.fakes.notices import JANE
from tests.unit.sinks.jira.bench import FLAVOURS, a_sink


@pytest.fixture(params=["Cloud", "Server"])
def jira(request: pytest.FixtureRequest) -> Iterator[FakeJira]:
    with FakeJira(request.param, email=FLAVOURS[request.param]) as fake:
        yield fake


@pytest.fixture
def jane(jira: FakeJira) -> str:
    jira.add_user("jane.other@example.com")
    return jira.add_user(JANE)


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def sink(jira: FakeJira, slept: list[float]) -> JiraSink:
    return a_sink(jira, slept)
