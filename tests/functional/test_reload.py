"""The daemon's config, changed while it runs: in force from the next cycle on, or refused and said so."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.aws import FakeAws
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser
from tests.fakes.jira import FakeJira
from tests.fakes.slack_socket import APP_TOKEN, SocketSlack
from tests.fakes.stage import DAY, START, Stage
from tests.functional.test_daemon import STOPS_WITHIN, free_port, get, until

ACCOUNT = "111111111111"
OK = "keysteward_config_last_reload_successful"
LOADED_AT = "keysteward_config_last_reload_success_timestamp_seconds"
RELOADS = 50


@dataclass
class Scene:
    stage: Stage
    slack: SocketSlack
    port: int
    daemon: "subprocess.Popen[str]"
    log: Path

    def metric(self, name: str) -> float:
        found = re.search(rf"^{name} (\S+)$", get(self.port, "/metrics"), re.MULTILINE)
        assert found, name
        return float(found[1])

    def hang_up(self, **changes: Any) -> None:
        self.stage.config |= changes
        self.stage.write()
        self.daemon.send_signal(signal.SIGHUP)

    def reload(self, **changes: Any) -> None:
        """A good one, to its acceptance."""
        before = self.metric(LOADED_AT)
        self.hang_up(**changes)
        until(lambda: self.metric(LOADED_AT) > before)

    def logged(self, message: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["message"] == message]

    def summaries(self) -> list[str]:
        return [str(m.blocks) for m in self.slack.messages_to("#team")]

    def in_use(self) -> tuple[int, int]:
        """Threads and file handles of the process."""
        process = Path("/proc") / str(self.daemon.pid)
        return len(list((process / "task").iterdir())), len(list((process / "fd").iterdir()))


@contextmanager
def running(folder: Path, **changes: Any) -> Iterator[Scene]:
    key = FakeKey("AKIAEXAMPLE000000001", START - 900 * DAY, last_used=START)
    account = FakeAccount(ACCOUNT, [FakeUser("ann", [key], tags={"owner": "ann@example.com"})])
    with FakeAws([account]) as aws, SocketSlack() as slack, FakeJira() as jira:
        slack.add_user("ann@example.com")
        for channel in ("#iam-keys", "#team"):
            slack.add_channel(channel)
        stage, port = Stage(folder, aws.url, slack, jira, [ACCOUNT]), free_port()
        stage.config |= {"mode": "notify", "http": {"listen": f"127.0.0.1:{port}"}, **changes}
        stage.config["sinks"]["slack"] |= {"app_token": APP_TOKEN, "summary_channel": "#team"}
        stage.write()
        with (folder / "log").open("w") as log:
            command = stage.command("run")
            daemon = subprocess.Popen(command, env=stage.env, stdout=log, stderr=log, text=True)
        try:
            until(lambda: 'outcome="success"} 1.0' in get(port, "/metrics"))
            yield Scene(stage, slack, port, daemon, folder / "log")
        finally:
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(timeout=STOPS_WITHIN) == 0


@pytest.mark.slow
def test_another_mode_and_schedule_are_in_force_from_the_next_cycle_on(tmp_path: Path) -> None:
    with running(tmp_path, mode="observe", schedule={"every": "6h"}) as scene:
        scene.reload(mode="notify")
        until(lambda: json.loads(get(scene.port, "/api/v1/summary"))["mode"] == "notify")
        assert scene.slack.messages == []  # the next cycle is hours away
        scene.reload(schedule={"every": "1s"})
        until(lambda: len(scene.slack.messages_to("ann@example.com")) == 1)
        scene.reload(mode="observe", schedule={"every": "6h"})
        history = json.loads(scene.stage.ks("history", "--format", "json").out)
        assert [event["what"] for event in history].count("config_reloaded") >= 2


def test_a_broken_config_keeps_the_old_and_says_so_everywhere(tmp_path: Path) -> None:
    with running(tmp_path, schedule={"every": "6h"}) as scene:
        told = len(scene.summaries())
        good = dict(scene.stage.config)
        scene.hang_up(mode="notfy", scan={"concurrency": 0}, guard={})
        until(lambda: scene.metric(OK) == 0)
        lines = scene.stage.ks("check-config").out.splitlines()
        assert len(lines) == 3
        assert [line["fault"] for line in scene.logged("config not reloaded")] == lines
        ready = json.loads(get(scene.port, "/readyz"))
        assert ready["status"] == "ok"
        assert ready["remarks"] == ["the config could not be reloaded: the earlier one is in force"]
        page = get(scene.port, "/")
        assert "The config could not be reloaded." in page
        assert "config.yaml:" in page
        assert json.loads(get(scene.port, "/api/v1/summary"))["config_faults"] == lines
        until(lambda: len(scene.summaries()) == told + 1)
        assert "the earlier one is in force" in scene.summaries()[-1]
        scene.daemon.send_signal(signal.SIGHUP)
        until(lambda: len(scene.logged("config not reloaded")) == 6)
        scene.stage.config.clear()
        scene.reload(**good)
        assert scene.metric(OK) == 1
        assert "remarks" not in json.loads(get(scene.port, "/readyz"))
        assert len(scene.summaries()) == told + 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"ledger": "sqlite:////elsewhere/ledger.db"}, "ledger"),
        ({"http": {"listen": "127.0.0.1:1"}}, "http.listen"),
    ],
)
def test_what_can_not_change_while_it_runs_is_refused_with_its_line(
    tmp_path: Path, changes: dict[str, Any], path: str
) -> None:
    with running(tmp_path) as scene:
        scene.hang_up(mode="observe", **changes)
        until(lambda: scene.metric(OK) == 0)
        [line] = scene.logged("config not reloaded")
        assert re.search(rf"config\.yaml:\d+: {path}: can't change while the service runs", line["fault"])
        assert json.loads(get(scene.port, "/api/v1/summary"))["mode"] == "notify"


@pytest.mark.slow
def test_a_changed_file_needs_no_signal(tmp_path: Path) -> None:
    with running(tmp_path, mode="observe") as scene:
        before = scene.metric(LOADED_AT)
        scene.stage.config["mode"] = "notify"
        scene.stage.write()
        until(lambda: scene.metric(LOADED_AT) > before, patience=40)  # two looks, ten seconds apart
        until(lambda: json.loads(get(scene.port, "/api/v1/summary"))["mode"] == "notify")


def settled(scene: Scene) -> tuple[int, int]:
    """The fewest threads and file handles of twelve seconds: the SDK's threads take some to end."""
    seen: list[tuple[int, int]] = []

    def enough() -> bool:
        seen.append(scene.in_use())
        return len(seen) >= 240

    until(lambda: len(scene.slack.open_sockets) == 1)
    until(enough, patience=60)
    return min(threads for threads, _ in seen), min(handles for _, handles in seen)


@pytest.mark.slow
def test_fifty_reloads_leave_neither_threads_nor_file_handles_behind(tmp_path: Path) -> None:
    """Each makes Slack (with its websocket), Jira and the sessions with AWS anew, while cycles run."""
    with running(tmp_path, schedule={"every": "1s"}) as scene:
        sinks = scene.stage.config["sinks"]

        def reload(number: int) -> None:
            for name in ("slack", "jira"):
                sinks[name]["timeout"] = 3 + number % 2
            scene.reload(scan={"concurrency": 8 + number % 2})

        for number in range(5):
            reload(number)
        before = settled(scene)
        for number in range(RELOADS):
            reload(number)
        after = settled(scene)
        assert after[0] < before[0] + 10, "the scheduler's own pool may grow to ten threads, and nothing else"
        assert after[1] < before[1] + 10
