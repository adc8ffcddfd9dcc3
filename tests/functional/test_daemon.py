"""The daemon as a process: it serves, it runs at once when a scan was missed, and SIGTERM ends it in time."""

import json
import re
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.aws import FakeAws
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser
from tests.fakes.jira import FakeJira
from tests.fakes.slack import FakeSlack
from tests.fakes.stage import DAY, START, Stage

ACCOUNT = "111111111111"
PATIENCE = 60.0  # seconds
STOPS_WITHIN = 10.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        text: str = answer.read().decode()
        return text


def until(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Waits for another process: the only thing here that can't be injected. ``patience`` in seconds."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        try:
            if condition():
                return
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.05)
    pytest.fail("it did not happen in time")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[tuple[Stage, FakeAws, int]]:
    key = FakeKey("AKIAEXAMPLE000000001", START - 900 * DAY, last_used=START)
    account = FakeAccount(ACCOUNT, [FakeUser("ann", [key], tags={"owner": "ann@example.com"})])
    with FakeAws([account]) as aws, FakeSlack() as slack, FakeJira() as jira:
        slack.add_channel("#iam-keys")
        port = free_port()
        made = Stage(tmp_path, aws.url, slack, jira, [ACCOUNT])
        made.config |= {"mode": "observe", "http": {"listen": f"127.0.0.1:{port}"}}
        yield made, aws, port


def test_it_serves_scans_at_once_and_ends_within_ten_seconds(stage: tuple[Stage, FakeAws, int]) -> None:
    made, aws, port = stage
    daemon = made.start("run")
    until(lambda: 'keysteward_accounts{outcome="success"} 1.0' in get(port, "/metrics"))
    assert json.loads(get(port, "/healthz"))["status"] == "ok"
    assert json.loads(get(port, "/readyz"))["status"] == "ok"
    seen = get(port, "/") + get(port, "/metrics") + get(port, "/api/v1/findings")
    assert "…0001" in seen
    assert not re.search(r"A(KI|SI)A[A-Z0-9]{16}", seen)
    scans = aws.count(ACCOUNT, "iam:GenerateCredentialReport")
    started = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    _, err = daemon.communicate(timeout=30)
    assert daemon.returncode == 0
    assert time.monotonic() - started < STOPS_WITHIN
    first = json.loads(err.splitlines()[0])
    assert (first["message"], first["version"]) == ("keysteward starts", "0.1.0")
    assert scans == 1


def test_the_page_tells_a_findings_story_from_the_ledger(stage: tuple[Stage, FakeAws, int]) -> None:
    made, _, port = stage
    made.config["mode"] = "notify"
    daemon = made.start("run")
    until(lambda: 'keysteward_accounts{outcome="success"} 1.0' in get(port, "/metrics"))
    [row] = json.loads(get(port, "/findings.json?state=deactivate"))["findings"]
    story = get(port, f"/findings/{row['finding_id']}")
    daemon.send_signal(signal.SIGTERM)
    daemon.communicate(timeout=60)
    for said in ("The ladder", "age 90 days", "delivered", "finding opened", "ann@<wbr>example.com"):
        assert said in story
    assert not re.search(r"A(KI|SI)A[A-Z0-9]{16}", story)


def test_a_restart_does_not_scan_again_before_it_is_due(
    stage: tuple[Stage, FakeAws, int],
) -> None:
    made, aws, port = stage
    for schedule in ({"every": "6h"}, {"every": "6h"}):
        made.config["schedule"] = schedule
        daemon = made.start("run")
        until(lambda: get(port, "/readyz") != "")
        until(lambda: aws.count(ACCOUNT, "iam:GenerateCredentialReport") >= 1)
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=30)
        assert daemon.returncode == 0
    assert aws.count(ACCOUNT, "iam:GenerateCredentialReport") == 1


def test_a_scan_under_way_shows_in_the_metrics_and_on_the_page(stage: tuple[Stage, FakeAws, int]) -> None:
    made, aws, port = stage
    aws.accounts[ACCOUNT].report_polls = 10_000
    daemon = made.start("run")
    until(lambda: "keysteward_scan_in_progress 1.0" in get(port, "/metrics"))
    assert 'keysteward_scan_accounts{state="waiting"} 1.0' in get(port, "/metrics")
    assert "A scan is under way: reading accounts, 0 of 1 account" in get(port, "/")
    assert json.loads(get(port, "/api/v1/summary"))["sweep"]["total"] == 1
    daemon.send_signal(signal.SIGTERM)
    daemon.communicate(timeout=30)


def test_sigterm_in_the_middle_of_a_scan_ends_it_and_concludes_nothing(
    stage: tuple[Stage, FakeAws, int],
) -> None:
    made, aws, _ = stage
    aws.accounts[ACCOUNT].report_polls = 10_000
    daemon = made.start("run")
    until(lambda: aws.count(ACCOUNT, "iam:GetCredentialReport") >= 1)
    started = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    daemon.communicate(timeout=30)
    assert daemon.returncode == 0
    assert time.monotonic() - started < STOPS_WITHIN
    assert made.ks("history", "--format", "csv").out.count("\n") == 1


def test_sigterm_ends_a_single_cycle_without_calling_it_a_failure(
    stage: tuple[Stage, FakeAws, int],
) -> None:
    made, aws, _ = stage
    aws.accounts[ACCOUNT].report_polls = 10_000
    cycle = made.start("run", "--once")
    until(lambda: aws.count(ACCOUNT, "iam:GetCredentialReport") >= 1)
    cycle.send_signal(signal.SIGTERM)
    cycle.communicate(timeout=STOPS_WITHIN)
    assert cycle.returncode == 0


def test_a_port_in_use_is_one_clear_line(stage: tuple[Stage, FakeAws, int]) -> None:
    made, _, port = stage
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        done = made.ks("run")
    assert done.code == 2
    assert f"127.0.0.1:{port}" in done.err.splitlines()[-1]
