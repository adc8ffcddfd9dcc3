"""Two daemons over one PostgreSQL: what a person says once holds for both, and what both see is told once."""

import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.ledger.open import open_ledger
from tests.fakes.aws import FakeAws
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser
from tests.fakes.jira import FakeJira
from tests.fakes.slack import FakeSlack
from tests.fakes.stage import Stage
from tests.functional.test_daemon import STOPS_WITHIN, free_port, get, until
from tests.servers.postgres import Postgres, postgres_server

pytestmark = pytest.mark.slow
ACCOUNT, OWNER = "111111111111", "ann@example.com"
ACTS = 60
WITHIN = 1.0  # seconds from the pause to the last act
SHOWN_WITHIN = 2.0  # and to where people look
LADDER: list[dict[str, Any]] = [
    {"name": "final", "when": {"age": "75d"}, "notify": ["slack"]},
    {
        "name": "deactivate",
        "when": {"age": "90d"},
        "do": "deactivate",
        "notify": ["slack"],
        "require": {"notices": 1, "over": "1s"},
    },
]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as server:
        if server is None:
            pytest.skip("PostgreSQL is not installed")
        yield server


class SlowAws(FakeAws):
    """Each act takes its time. ``arrived``: when each came; ``middle`` is set at the fifth."""

    def __init__(self, accounts: list[FakeAccount]) -> None:
        super().__init__(accounts)
        self.arrived: list[float] = []
        self.middle = threading.Event()

    def handle(self, service: str, action: str, *call: Any) -> dict[str, Any]:
        if action == "UpdateAccessKey":
            self.arrived.append(time.time())
            if len(self.arrived) == 5:
                self.middle.set()
            time.sleep(0.1)
        return super().handle(service, action, *call)


@dataclass
class Replica:
    port: int
    log: Path
    process: "subprocess.Popen[bytes]"

    def logged(self, message: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["message"] == message]

    def metric(self, name: str) -> float:
        found = re.search(rf"^keysteward_{name} (\S+)$", get(self.port, "/metrics"), re.MULTILINE)
        assert found, name
        return float(found[1])

    def serves(self) -> bool:
        return bool(self.logged("serving"))

    def has_read_another(self) -> bool:
        return bool(self.logged("config reloaded: the next cycle uses it"))

    def refuses(self) -> bool:
        return bool(self.logged("config not reloaded"))

    @property
    def has_acted(self) -> bool:
        return any(run["acted"] for run in self.logged("run finished"))

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=STOPS_WITHIN) == 0


@dataclass
class Scene:
    stage: Stage
    aws: SlowAws
    slack: FakeSlack
    replicas: list[Replica] = field(default_factory=list)

    def start(self) -> None:
        self.stage.write()
        port = free_port()
        log = self.stage.folder / f"{port}.log"
        env = {**self.stage.env, "KEYSTEWARD_HTTP__LISTEN": f"127.0.0.1:{port}"}
        with log.open("w") as out:
            process = subprocess.Popen(self.stage.command("run"), env=env, stdout=out, stderr=out)
        self.replicas.append(Replica(port, log, process))

    def runs(self) -> int:
        return sum(len(replica.logged("run finished")) for replica in self.replicas)

    def another_run(self) -> None:
        """Three more: what was under way counts as well."""
        before = self.runs()
        until(lambda: self.runs() >= before + 3, patience=60)

    def paused_at(self) -> float:
        ledger = open_ledger(self.stage.config["ledger"])
        pause = ledger.paused()
        ledger.close()
        assert pause
        return pause.at.timestamp()


@contextmanager
def two(folder: Path, server: Postgres, team: str | None = None, **changes: Any) -> Iterator[Scene]:
    created = datetime.now(UTC).replace(microsecond=0) - timedelta(days=300)
    users = [
        FakeUser(f"user{n}", [FakeKey(f"AKIAEXAMPLE{n:09d}", created)], tags={"owner": OWNER})
        for n in range(ACTS)
    ]
    with SlowAws([FakeAccount(ACCOUNT, users)]) as aws, FakeSlack() as slack, FakeJira() as jira:
        slack.add_user(OWNER)
        for channel in ("#iam-keys", "#team"):
            slack.add_channel(channel)
        stage = Stage(folder, aws.url, slack, jira, [ACCOUNT])
        stage.config["rules"] = [{"name": "default", "match": {}, "stages": LADDER}]
        stage.config["sinks"] = {"slack": stage.config["sinks"]["slack"] | {"summary_channel": team}}
        stage.config |= {"ledger": server.url(server.create()), **changes}
        scene = Scene(stage, aws, slack)
        try:
            for _ in range(2):
                scene.start()
            for replica in scene.replicas:
                until(replica.serves, patience=60)
            yield scene
        finally:
            for replica in scene.replicas:
                replica.process.kill()
                replica.process.wait()


def test_a_pause_in_the_middle_of_many_acts_holds_on_both_within_a_second(
    tmp_path: Path, postgres: Postgres
) -> None:
    with two(tmp_path, postgres, schedule={"every": "2s", "jitter": None}) as scene:
        assert scene.aws.middle.wait(60)
        told = len(scene.slack.messages)
        assert scene.stage.ks("pause", "--reason", "an incident", "--by", "ann").code == 0
        for replica in scene.replicas:
            until(has(replica.metric, "paused", 1), patience=SHOWN_WITHIN)
        scene.another_run()
        done = len(scene.aws.arrived)
        assert 5 <= done < ACTS
        assert scene.aws.arrived[-1] <= scene.paused_at() + WITHIN
        assert len(scene.slack.messages) == told

        [acting, *_] = [replica for replica in scene.replicas if replica.has_acted]
        acting.stop()
        scene.another_run()  # of the other one, which was never in the middle of anything
        assert len(scene.aws.arrived) == done
        assert len(scene.slack.messages) == told

        assert scene.stage.ks("resume", "--by", "ann").code == 0
        until(lambda: len(scene.aws.arrived) == ACTS, patience=60)
        scene.another_run()
        assert len(scene.aws.arrived) == ACTS
        statuses = {key.status for user in scene.aws.accounts[ACCOUNT].users for key in user.keys}
        assert statuses == {"Inactive"}


def test_a_change_to_observe_in_the_middle_of_many_acts_stops_them_too(
    tmp_path: Path, postgres: Postgres
) -> None:
    with two(tmp_path, postgres, schedule={"every": "2s", "jitter": None}) as scene:
        assert scene.aws.middle.wait(60)
        scene.stage.config["mode"] = "observe"
        scene.stage.write()
        hang_up(scene)
        for replica in scene.replicas:
            until(replica.has_read_another, patience=60)
        done = len(scene.aws.arrived)
        scene.another_run()
        assert len(scene.aws.arrived) <= done + 1 < ACTS  # one may have been under way
        held = [run["held"].get("config", 0) for r in scene.replicas for run in r.logged("run finished")]
        assert sum(held) == ACTS - len(scene.aws.arrived)


def has(metric: Callable[[str], float], name: str, value: float) -> Callable[[], bool]:
    return lambda: metric(name) == value


def test_a_broken_config_is_refused_by_both_and_told_once(tmp_path: Path, postgres: Postgres) -> None:
    with two(tmp_path, postgres, "#team", mode="notify", schedule={"every": "6h"}) as scene:
        until(lambda: len(scene.slack.messages_to("#team")) == 1, patience=60)  # of the one run
        scene.stage.config["mode"] = "notfy"
        scene.stage.write()
        hang_up(scene)
        for replica in scene.replicas:
            until(has(replica.metric, "config_last_reload_successful", 0), patience=60)
            until(replica.refuses, patience=60)
        scene.stage.config["mode"] = "notify"  # else no command would run
        until(lambda: refusals(scene) == 2, patience=60)
        until(lambda: len(scene.slack.messages_to("#team")) == 2, patience=60)
        assert "the earlier one is in force" in str(scene.slack.messages_to("#team")[-1].blocks)
        hang_up(scene)
        for replica in scene.replicas:
            until(has(replica.metric, "config_last_reload_successful", 1), patience=60)
            replica.stop()
        assert len(scene.slack.messages_to("#team")) == 2


def hang_up(scene: Scene) -> None:
    for replica in scene.replicas:
        replica.process.send_signal(signal.SIGHUP)


def refusals(scene: Scene) -> int:
    events = json.loads(scene.stage.ks("history", "--format", "json").out)
    return sum(event["what"] == "config_refused" for event in events)
