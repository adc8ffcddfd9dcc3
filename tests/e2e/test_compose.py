"""The stack of docker-compose.yml, up for real: the service healthy on a fake AWS, Prometheus scraping it."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
OVERRIDE = Path(__file__).parent / "compose" / "override.yaml"
BASE = "python:3.13-slim"
SERVICES = ("aws", "keysteward", "prometheus")
PATIENCE = 300.0  # seconds: Prometheus scrapes once a minute
CONFIG = "mode: observe\n"
SEED = """\
import boto3
iam = boto3.client("iam")
iam.create_user(UserName="ann")
iam.create_access_key(UserName="ann")
"""

pytestmark = pytest.mark.container


@dataclass(frozen=True)
class Stack:
    """A project of its own: no other one's containers, volumes or networks."""

    project: str
    config: Path

    def __call__(self, *args: str, timeout: float = 120) -> "subprocess.CompletedProcess[str]":
        files = ("-f", str(ROOT / "docker-compose.yml"), "-f", str(OVERRIDE))
        return subprocess.run(
            ("docker", "compose", "-p", self.project, "--project-directory", str(ROOT), *files, *args),
            env={**os.environ, "ROOT": str(ROOT), "CONFIG": str(self.config)},
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip

    def done(self, *args: str, timeout: float = 120) -> str:
        """What it printed. Raises AssertionError when it failed."""
        ended = self(*args, timeout=timeout)
        assert ended.returncode == 0, f"{' '.join(args)}: {ended.stdout[-3000:]}{ended.stderr[-3000:]}"
        return ended.stdout

    def python(self, service: str, script: str) -> str:
        return self.done("exec", "-T", service, "python", "-c", script)

    def prometheus(self, path: str) -> Any:
        """What its API answers, asked from beside it."""
        script = f"import urllib.request as u; print(u.urlopen('http://prometheus:9090/api/v1/{path}').read().decode())"
        return json.loads(self.python("keysteward", script))["data"]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("compose")
    made = Stack(f"keysteward-{os.getpid()}", folder / "config.yaml")
    made.config.write_text(CONFIG)
    made.config.chmod(0o644)
    _skip_without_an_engine(made)
    try:
        made.done("build", *SERVICES, timeout=1800)
        made.done("up", "--detach", "--wait", "aws", timeout=300)
        made.python("aws", SEED)
        made.done("up", "--detach", "--wait", *SERVICES, timeout=300)
        yield made
    finally:
        made("down", "--volumes", "--timeout", "10", timeout=180)


def _skip_without_an_engine(stack: Stack) -> None:
    if shutil.which("docker") is None or _docker("info").returncode != 0:
        pytest.skip("no container engine answers")
    if _docker("compose", "version").returncode != 0:
        pytest.skip("docker compose is not installed")
    if _docker("image", "inspect", BASE).returncode != 0 and _docker("pull", BASE).returncode != 0:
        pytest.skip(f"the base image {BASE} can't be had here")
    bridge = _docker("network", "inspect", "bridge")
    if bridge.returncode != 0:
        pytest.skip("the engine has no bridge network")


def _docker(*args: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(("docker", *args), capture_output=True, text=True, timeout=300, check=False)


def eventually(ask: Callable[[], Any], wanted: Any) -> Any:
    """The last answer: the wanted one, or whatever it was when patience ended."""
    until = time.monotonic() + PATIENCE
    while (answer := ask()) != wanted and time.monotonic() < until:
        time.sleep(2)
    return answer


def test_every_service_is_up_and_the_service_itself_healthy(stack: Stack) -> None:
    lines = stack.done("ps", "--format", "json").strip().splitlines()
    found = {one["Service"]: (one["State"], one["Health"]) for one in map(json.loads, lines)}
    assert set(found) == set(SERVICES)
    assert found["keysteward"] == ("running", "healthy")
    assert found["prometheus"][0] == "running"


def test_prometheus_finds_the_service_up(stack: Stack) -> None:
    def health() -> list[tuple[str, str]]:
        targets = stack.prometheus("targets")["activeTargets"]
        return [(one["health"], one["scrapeUrl"]) for one in targets if one["labels"]["job"] == "keysteward"]

    assert eventually(health, [("up", "http://keysteward:8080/metrics")]) == [
        ("up", "http://keysteward:8080/metrics")
    ]


def test_prometheus_has_what_the_service_found_in_the_fake_aws(stack: Stack) -> None:
    def credentials() -> list[str]:
        found = stack.prometheus("query?query=sum(keysteward_credentials)")["result"]
        return [one["value"][1] for one in found]

    assert eventually(credentials, ["1"]) == ["1"]
