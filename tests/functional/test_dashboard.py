"""The boards and alerts over real parts: the daemon over a fleet, Prometheus, Alertmanager, a webhook."""

import json
import math
import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.fakes.aws import FakeAws
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser
from tests.fakes.jira import FakeJira
from tests.fakes.receiver import FakeReceiver
from tests.fakes.slack import FakeSlack
from tests.fakes.stage import Stage
from tests.functional.test_daemon import free_port
from tests.functional.test_metrics import KNOWN_LINT
from tests.servers.prometheus import (
    ROOT,
    Prometheus,
    alertmanager,
    needs_alertmanager,
    needs_prometheus,
    prometheus,
    until,
)

pytestmark = [pytest.mark.slow, needs_prometheus, needs_alertmanager]
ACCOUNTS = {"111111111111": "prod", "222222222222": "test"}
AGES = (5, 40, 70, 76, 82, 88, 95, 400)  # days
BOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "dashboards").glob("*.json"))}
PANELS = [
    pytest.param(panel, id=f"{name}: {panel['title']} {panel['id']}")
    for name, board in BOARDS.items()
    for panel in board["panels"]
    if panel["type"] != "row"
]
CHOICES = {"$__rate_interval": "1m", "$__interval": "1m", "$account": ".*", "$job": "keysteward"}


def fleet() -> list[FakeAccount]:
    """Each user has an old key and a young one; one key is inactive, one account has a root key."""
    now = datetime.now(UTC).replace(microsecond=0)
    return [
        FakeAccount(
            account, [_user(account, age, now) for age in AGES], name=name, root_keys=account[0] == "1"
        )
        for account, name in ACCOUNTS.items()
    ]


def _user(account: str, age: int, now: datetime) -> FakeUser:
    old = FakeKey(f"AKIA{account[:4]}OLDXXXXX{age:03}", now - timedelta(days=age), last_used=now)
    new = FakeKey(f"AKIA{account[:4]}NEWXXXXX{age:03}", now - timedelta(days=age // 2), last_used=now)
    old.status = "Inactive" if age == 400 else "Active"
    return FakeUser(f"user-{age}", [old, new], tags={"owner": f"user-{age}@example.com"})


@dataclass
class Scene:
    stage: Stage
    slack: FakeSlack
    prometheus: Prometheus
    webhook: FakeReceiver
    port: int
    daemon: "subprocess.Popen[str]"

    def told(self, status: str, alert: str) -> bool:
        """Whether the webhook has heard of ``alert`` as ``firing`` or ``resolved``."""
        return any(
            (one["status"], one["labels"]["alertname"]) == (status, alert)
            for request in self.webhook.received
            for one in request.body["alerts"]
        )

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=60) as answer:
            text: str = answer.read().decode()
            return text

    def start(self) -> None:
        self.daemon = self.stage.start("run")

    def stop(self) -> None:
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.communicate(timeout=60)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The daemon has made its first run, in which Slack lacked the fallback's channel; Prometheus saw it."""
    folder = tmp_path_factory.mktemp("boards")
    port, scraper, router = free_port(), free_port(), free_port()
    with ExitStack() as stack:
        aws, slack = stack.enter_context(FakeAws(fleet())), stack.enter_context(FakeSlack())
        jira, webhook = stack.enter_context(FakeJira()), stack.enter_context(FakeReceiver())
        slack.add_user("user-95@example.com")
        stage = Stage(folder, aws.url, slack, jira, list(ACCOUNTS))
        stage.config |= {"http": {"listen": f"127.0.0.1:{port}"}}
        stack.enter_context(alertmanager(folder, router, webhook.url))
        targets = [f"127.0.0.1:{port}"]
        seen = stack.enter_context(prometheus(folder, scraper, targets, f"127.0.0.1:{router}"))
        made = Scene(stage, slack, seen, webhook, port, stage.start("run"))
        stack.callback(lambda: made.stop())
        until(lambda: bool(seen.ask("keysteward_last_run_timestamp_seconds")), "the first run was scraped")
        until(lambda: bool(seen.ask("job:keysteward_compliance:ratio")), "the rules were evaluated")
        until(lambda: bool(seen.ask("rate(process_cpu_seconds_total[1m])")), "it was scraped twice")
        until(lambda: bool(seen.ask("keysteward_audit_trail_intact")), "the trail was read")
        yield made


def values(row: dict[str, Any]) -> list[float]:
    pairs = row["values"] if "values" in row else [row["value"]]
    return [float(value) for _, value in pairs]


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_has_something_to_show(scene: Scene, panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        expr = target["expr"]
        for variable, choice in CHOICES.items():
            expr = expr.replace(variable, choice)
        rows = scene.prometheus.ask(expr) if target["instant"] else scene.prometheus.ask_range(expr, 300, 1)
        numbers = [number for row in rows for number in values(row)]
        assert [number for number in numbers if math.isfinite(number)], expr


def test_every_rule_was_evaluated_without_a_fault(scene: Scene) -> None:
    rules = scene.prometheus.rules()
    assert len(rules) > 20
    assert [rule for rule in rules if rule["health"] != "ok" or rule.get("lastError")] == []


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_finds_nothing_but_the_name_that_is_meant(scene: Scene) -> None:
    judged = subprocess.run(
        ["promtool", "check", "metrics"], input=scene.metrics(), text=True, capture_output=True, timeout=60
    )
    assert (judged.stdout + judged.stderr).splitlines() == KNOWN_LINT


def test_the_counts_of_the_fleet_are_those_that_were_seeded(scene: Scene) -> None:
    [row] = scene.prometheus.ask("sum(job_account:keysteward_credentials_active:sum)")
    assert values(row) == [2 * (2 * len(AGES) - 1)]
    [row] = scene.prometheus.ask("job:keysteward_compliance:ratio")
    assert 0 < values(row)[0] < 1


def test_only_what_is_wrong_alerts(scene: Scene) -> None:
    wrong = {"KeystewardDeliveriesDead", "KeystewardRootKeyExists"}
    until(lambda: scene.prometheus.firing() >= wrong, f"{wrong} fire")
    assert scene.prometheus.firing() == wrong


def test_dead_deliveries_are_told_and_their_end_too(scene: Scene) -> None:
    """Runs after the panels were asked: it changes what they show."""
    until(lambda: scene.told("firing", "KeystewardDeliveriesDead"), "the webhook hears of dead letters")
    scene.slack.add_channel("#iam-keys")
    done = scene.stage.ks("deliveries", "--requeue", "--all-dead", "--reason", "it is there", "--by", "ops")
    assert done.code == 0, done.err
    until(lambda: scene.told("resolved", "KeystewardDeliveriesDead"), "the webhook hears of their end")


def test_a_service_that_is_down_is_told_and_its_return_too(scene: Scene) -> None:
    scene.stop()
    until(lambda: scene.told("firing", "KeystewardDown"), "the webhook hears that it is down")
    scene.start()
    until(lambda: scene.told("resolved", "KeystewardDown"), "the webhook hears that it is back")


def test_what_is_critical_goes_to_whoever_is_on_call(scene: Scene) -> None:
    ways = {
        (request.path, one["labels"]["alertname"])
        for request in scene.webhook.received
        for one in request.body["alerts"]
    }
    assert {("/on-call", "KeystewardRootKeyExists"), ("/team", "KeystewardDeliveriesDead")} <= ways
    assert not {way for way in ways if way[0] == "/team"} & {("/team", "KeystewardRootKeyExists")}
