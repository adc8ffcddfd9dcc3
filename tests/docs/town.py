"""The company that the documentation's commands are run on: a small organization of fakes, as of now."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.fakes.aws import HUB, FakeAws
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser
from tests.fakes.jira import EMAIL, FakeJira
from tests.fakes.slack import FakeSlack
from tests.fakes.stage import Stage

PEOPLE = ("ann.lee@example.com", "security@example.com", "platform@example.com", "oncall@example.com")
CHANNELS = ("#iam-keys", "#cloud", "#team")
# For pages that show no whole config of their own.
CONFIG = """\
mode: notify
accounts:
  organization: {role_name: keysteward-spoke, actor_role_name: keysteward-actor}
owners:
  - {tag: owner}
  - {fallback: security@example.com}
rules:
  - name: default
    match: {}
    stages:
      - {name: warn, when: {age: 75d}, notify: [slack], repeat: 7d}
      - {name: ticket, when: {age: 80d}, notify: [slack, jira]}
      - {name: final, when: {age: 87d}, notify: [slack], repeat: 1d}
      - {name: deactivate, when: {any: [{age: 90d}, {unused: 45d}]}, do: deactivate, notify: [slack, jira]}
sinks:
  slack: {type: slack, channel: "#iam-keys"}
  jira: {type: jira, server: https://example.atlassian.net, project: SEC, email: keysteward@example.com}
ledger: sqlite:///var/lib/keysteward/ledger.db
"""


@dataclass(frozen=True)
class Town:
    env: dict[str, str]
    page: str  # where the daemon answers


@contextmanager
def town(folder: Path) -> Iterator[Town]:
    """``env`` has the ways to all of it, and no config."""
    with FakeAws(_accounts(datetime.now(UTC))) as aws, FakeSlack() as slack, FakeJira() as jira:
        for person in PEOPLE:
            slack.add_user(person)
        for channel in CHANNELS:
            slack.add_channel(channel)
        stage = Stage(folder, aws.url, slack, jira, [])
        port = _free_port()
        ways = {
            "KEYSTEWARD_SINKS__SLACK__BASE_URL": slack.base_url,
            "KEYSTEWARD_SINKS__JIRA__SERVER": jira.url,
            "KEYSTEWARD_SINKS__JIRA__EMAIL": EMAIL,
            "KEYSTEWARD_HTTP__LISTEN": f"127.0.0.1:{port}",
        }
        kept = {name: value for name, value in stage.env.items() if name != "KEYSTEWARD_CONFIG"}
        yield Town({**kept, **ways}, f"http://127.0.0.1:{port}")


def _accounts(now: datetime) -> list[FakeAccount]:
    """The hub's own account and two members."""
    return [
        FakeAccount(
            HUB,
            [
                _user("ann.lee", 78, 1, now, owner="ann.lee@example.com"),
                _user("ci-deploy", 84, 0, now, owner="platform@example.com"),
                _user("etl-nightly", 12, 0, now),
                _user("old.contractor", 307, None, now),
            ],
            name="main",
        ),
        FakeAccount("111122223333", [_user("ses-relay", 500, 0, now)], name="prod"),
        FakeAccount("444455556666", [_user("lab-test", 400, 200, now)], name="sandbox"),
    ]


def _user(name: str, age: int, used: int | None, now: datetime, **tags: str) -> FakeUser:
    """``age`` and ``used`` in days; None: never."""
    last = None if used is None else now - timedelta(days=used, hours=3)
    tail = name.replace(".", "").replace("-", "").upper()[:8].ljust(8, "X")
    return FakeUser(
        name, [FakeKey(f"AKIAEXAM{tail}{age:04}", now - timedelta(days=age), last_used=last)], tags=tags
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
