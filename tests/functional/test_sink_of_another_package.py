"""The example of a third-party sink: installed offline into a folder, checked, run, held to the contract."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.aws import FakeAws
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser
from tests.fakes.jira import FakeJira
from tests.fakes.slack import FakeSlack
from tests.fakes.stage import DAY, START, Stage

ROOT = Path(__file__).parents[2]
ACCOUNT = "111111111111"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the installed example and nothing else."""
    folder = tmp_path_factory.mktemp("plugin")
    source, site = folder / "source", folder / "site"
    shutil.copytree(ROOT / "examples/sink-file", source)
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "install", *offline, "--target", str(site), str(source)]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    return site


@pytest.fixture
def stage(tmp_path: Path, site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("PYTHONPATH", str(site))
    key = FakeKey("AKIAEXAMPLE000000001", START - 80 * DAY, "Active", START)
    user = FakeUser("ann", [key], "/", {"owner": "ann@example.com"})
    with FakeSlack() as slack, FakeJira() as jira, FakeAws([FakeAccount(ACCOUNT, [user])]) as aws:
        stage = Stage(tmp_path, aws.url, slack, jira, [ACCOUNT])
        stages = [{"name": "warn", "when": {"age": "75d"}, "notify": ["file"]}]
        stage.config |= {
            "mode": "notify",
            "rules": [{"name": "default", "match": {}, "stages": stages}],
            "sinks": {"file": {"type": "file", "path": str(tmp_path / "messages.jsonl")}},
        }
        yield stage


def test_its_options_are_checked_like_any_other(stage: Stage) -> None:
    assert stage.ks("check-config").code == 0
    stage.config["sinks"]["file"]["pat"] = "x"
    done = stage.ks("check-config")
    assert done.code == 2
    assert 'unknown key "pat", did you mean "path"?' in done.out
    assert "The file to append to." in stage.ks("schema").out


def test_it_is_told_what_is_due_in_a_run(stage: Stage) -> None:
    assert stage.day(0).code == 0
    [line] = (stage.folder / "messages.jsonl").read_text().splitlines()
    told = json.loads(line)
    assert told["for"] == "ann@example.com"
    assert any("…0001" in headline for headline in told["findings"].values())


def test_it_is_held_to_the_contract(site: Path) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}
    tests = str(ROOT / "examples/sink-file/test_contract.py")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout
