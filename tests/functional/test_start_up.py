"""A command starts quickly because it imports what it needs and nothing else. By modules: times vary."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from app.cli.main import COMMANDS
from tests.fakes.aws import HUB, FakeAws
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser
from tests.fakes.jira import FakeJira
from tests.fakes.slack import FakeSlack
from tests.fakes.stage import DAY, START, Stage

SDK = {"boto3", "botocore", "jmespath", "urllib3"}
LEDGER = {"sqlalchemy", "alembic"}
WEB = {"flask", "werkzeug", "waitress", "prometheus_client", "apscheduler"}
SINKS = {"slack_sdk", "jira", "requests", "jinja2"}
DEMO = {"moto"}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """The hub's own account, observed, with a slack and a jira configured."""
    account = FakeAccount(HUB, [FakeUser("ann", [FakeKey("AKIAEXAMPLE000000001", START - 300 * DAY)])])
    with FakeAws([account]) as aws, FakeSlack() as slack, FakeJira() as jira:
        made = Stage(tmp_path, aws.url, slack, jira, [])
        made.config |= {"mode": "observe", "accounts": {}}
        yield made


def imported(stage: Stage, *args: str) -> set[str]:
    """Every module that ``keysteward ARGS`` has imported at its end."""
    code = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))"
    program = f"{code}\nfrom app.cli.main import main\nmain()"
    stage.write()
    done = subprocess.run(
        [sys.executable, "-c", program, *args], capture_output=True, text=True, env=stage.env
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


def packages(modules: set[str]) -> set[str]:
    """Those among them that belong to an installed package."""
    return {module.partition(".")[0] for module in modules} & packages_distributions().keys()


def test_the_version_needs_no_package_but_click_and_no_command(stage: Stage) -> None:
    modules = imported(stage, "--version")
    assert "click" in modules
    assert packages(modules) & (SDK | LEDGER | WEB | SINKS | DEMO | {"pydantic", "rich", "yaml"}) == set()
    assert modules & {module for module, _ in COMMANDS.values()} == set()


def test_no_help_waits_for_the_sdk_the_ledger_or_the_web_server(stage: Stage) -> None:
    modules = imported(stage, "--help")  # of every command a line
    assert modules >= {module for module, _ in COMMANDS.values()}
    assert packages(modules) & (SDK | LEDGER | WEB | DEMO) == set()


def test_one_cycle_imports_no_web_server_and_in_observe_no_sink(stage: Stage) -> None:
    assert stage.day(0).code == 0  # makes the ledger
    modules = imported(stage, "run", "--once", "--at", (START + DAY).isoformat())
    assert packages(modules) & (WEB | SINKS | DEMO | {"alembic"}) == set()
    assert "rich.progress" not in modules


def test_a_scan_imports_no_web_server_and_in_observe_no_sink(stage: Stage) -> None:
    modules = imported(stage, "scan", "--format", "json")
    assert packages(modules) & (WEB | SINKS | DEMO | {"alembic"}) == set()
