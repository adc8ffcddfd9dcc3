"""The whole program on a stage of real servers: the command line in a process of its own, against fakes.

Runs are rehearsals (``run --once --at``) with a real ledger file in the test's folder.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from tests.fakes import jira as jira_module
from tests.fakes.aws import FakeAws
from tests.fakes.http import Request
from tests.fakes.jira import FakeJira
from tests.fakes.slack import FakeSlack

START = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
DAY = timedelta(days=1)
JIRA_TOKEN = jira_module.TOKEN
LADDER: list[dict[str, Any]] = [
    {"name": "warn", "when": {"age": "75d"}, "notify": ["slack"], "repeat": "7d"},
    {"name": "ticket", "when": {"age": "80d"}, "notify": ["slack", "jira"]},
    {"name": "final", "when": {"age": "87d"}, "notify": ["slack"], "repeat": "1d"},
    {
        "name": "deactivate",
        "when": {"any": [{"age": "90d"}, {"unused": "45d"}]},
        "do": "deactivate",
        "notify": ["slack", "jira"],
    },
    {"name": "delete", "when": {"inactive": "30d"}, "do": "delete", "notify": ["slack", "jira"]},
]
OPEN_GUARDS: dict[str, Any] = {
    "deactivations_per_run": 1000,
    "share_of_account": "100%",
    "brake": {"deactivations": 1000, "share": "100%"},
}


@dataclass
class Done:
    code: int
    out: str
    err: str


@dataclass
class Stage:
    """``config`` may be changed between runs; it is written anew before each."""

    folder: Path
    aws_url: str
    slack: FakeSlack
    jira: FakeJira
    accounts: list[str]
    config: dict[str, Any] = field(default_factory=dict)
    printed: list[str] = field(default_factory=list)
    more_env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.config = {
            "mode": "enforce",
            "accounts": {"static": [self._account(i) for i in self.accounts]},
            "owners": [{"tag": "owner"}, {"fallback": "security@example.com"}],
            "rules": [{"name": "default", "match": {}, "stages": [dict(s) for s in LADDER]}],
            "guards": dict(OPEN_GUARDS),
            "sinks": {
                "slack": {
                    "type": "slack",
                    "channel": "#iam-keys",
                    "base_url": self.slack.base_url,
                    "timeout": 3,
                },
                "jira": {
                    "type": "jira",
                    "server": self.jira.url,
                    "project": "SEC",
                    "email": jira_module.EMAIL,
                    "timeout": 3,
                },
            },
            "ledger": f"sqlite:///{self.folder / 'ledger.db'}",
        }

    def _account(self, account_id: str) -> dict[str, Any]:
        arn = f"arn:aws:iam::{account_id}:role/keysteward-spoke"
        return {"id": account_id, "name": f"acct-{account_id[:1]}", "role_arn": arn}

    @property
    def env(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "KEYSTEWARD_"))}
        return {
            **kept,
            "AWS_ENDPOINT_URL": self.aws_url,
            "AWS_ACCESS_KEY_ID": "AKIAHUBHUBHUBHUBHUBH",
            "AWS_SECRET_ACCESS_KEY": "canary-of-the-hub",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "KEYSTEWARD_SINKS__SLACK__TOKEN": self.slack.token,
            "KEYSTEWARD_SINKS__JIRA__TOKEN": JIRA_TOKEN,
            "KEYSTEWARD_CONFIG": str(self.folder / "config.yaml"),
            **self.more_env,
        }

    def write(self) -> None:
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self.config, sort_keys=False))

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "app", *args]

    def start(self, *args: str) -> "subprocess.Popen[str]":
        self.write()
        pipe = subprocess.PIPE
        return subprocess.Popen(self.command(*args), env=self.env, stdout=pipe, stderr=pipe, text=True)

    def ks(self, *args: str) -> Done:
        """One command, to its end."""
        process = self.start(*args)
        out, err = process.communicate(timeout=120)
        self.printed += [out, err]
        assert "Traceback" not in err, err
        return Done(process.returncode, out, err)

    def day(self, number: float) -> Done:
        return self.ks("run", "--once", "--at", (START + number * DAY).isoformat())

    def days(self, *numbers: float) -> None:
        for number in numbers:
            self.day(number)

    def everything(self) -> str:
        """All that anybody could read: terminal, messages, tickets."""
        posts = [str((m.text, m.blocks)) for m in self.slack.messages]
        tickets = [f"{key} {ticket}" for key, ticket in self.jira.tickets.items()]
        return "\n".join([*self.printed, *posts, *tickets])


class Sniper:
    """Kills a process when the n-th request reaches any of the fakes: before or after it took effect."""

    def __init__(self, aws: FakeAws, slack: FakeSlack, jira: FakeJira) -> None:
        self.seen, self.at, self.after = 0, 0, False
        self.victim: subprocess.Popen[str] | None = None
        aws.handle = self._aimed(aws.handle)  # type: ignore[method-assign]
        for fake in (slack, jira):
            answer: Callable[[Request], Any] = fake.answer
            fake.answer = self._aimed(answer)  # type: ignore[method-assign]

    def _aimed(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def aimed(*args: Any) -> Any:
            self.seen += 1
            hit = self.victim is not None and self.seen == self.at
            if hit and not self.after:
                self._kill()
                raise ConnectionAbortedError
            result = call(*args)
            if hit:
                self._kill()
            return result

        return aimed

    def _kill(self) -> None:
        assert self.victim is not None
        self.victim.kill()
        self.victim.wait()
        self.victim = None
