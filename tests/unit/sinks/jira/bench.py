"""How the tests of the Jira sink build one."""

from typing import Any

from app.sinks.jira.settings import JiraSettings
from app.sinks.jira.sink import JiraSink
from app.sinks.tools import Tools
from app.sinks.waits import Waits
from tests.fakes.jira import EMAIL, TOKEN, FakeJira
from tests.fakes.pause_gate import Gate

LABEL = "keysteward-ks-abcdefghij"
FLAVOURS = {"Cloud": EMAIL, "Server": None}


def a_sink(
    jira: FakeJira, slept: list[float] | None = None, gate: Gate | None = None, **options: Any
) -> JiraSink:
    site = {"type": "jira", "server": jira.server, "project": "SEC", "token": TOKEN, "timeout": 0.5}
    given = {**site, "email": FLAVOURS[jira.deployment], **options}
    waits = Waits((slept if slept is not None else []).append, lambda: 0.0, gate or Gate())
    return JiraSink("jira", JiraSettings.model_validate(given), Tools(waits))
