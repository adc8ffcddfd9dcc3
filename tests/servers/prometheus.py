"""A real Prometheus and a real Alertmanager, with the committed rules; only their patience is shortened."""

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PATIENCE = 150.0  # seconds: another process, on a machine that may be busy
ALERTMANAGERS = ("alertmanager", "prometheus-alertmanager")  # Debian's name is the longer one
needs_prometheus = pytest.mark.skipif(not shutil.which("prometheus"), reason="prometheus is not installed")
needs_alertmanager = pytest.mark.skipif(
    not any(map(shutil.which, ALERTMANAGERS)), reason="alertmanager is not installed"
)


def until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if condition():
                return
        except OSError:  # not listening yet, or refused
            pass
        time.sleep(0.2)  # another process sets the pace
    pytest.fail(f"not in time: {what}")


def get(url: str, **params: str) -> Any:
    with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(params)}", timeout=60) as answer:
        return json.loads(answer.read())


class Prometheus:
    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, expr: str) -> list[dict[str, Any]]:
        """The answer of this very moment; a fault in ``expr`` raises `urllib.error.HTTPError`."""
        rows: list[dict[str, Any]] = get(f"{self.url}/api/v1/query", query=expr)["data"]["result"]
        return rows

    def ask_range(self, expr: str, seconds: int, step: int) -> list[dict[str, Any]]:
        """The answers of the last ``seconds``, one each ``step`` seconds."""
        end = time.time()
        span = {"start": str(end - seconds), "end": str(end), "step": str(step)}
        rows: list[dict[str, Any]] = get(f"{self.url}/api/v1/query_range", query=expr, **span)["data"][
            "result"
        ]
        return rows

    def rules(self) -> list[dict[str, Any]]:
        groups = get(f"{self.url}/api/v1/rules")["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def firing(self) -> set[str]:
        return {row["metric"]["alertname"] for row in self.ask('ALERTS{alertstate="firing"}')}


@contextmanager
def running(command: Sequence[str], url: str, log: Path) -> Iterator[None]:
    """A server that is ready; ended with the block."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        try:
            until(
                lambda: bool(urllib.request.urlopen(f"{url}/-/ready", timeout=60)), f"{command[0]} is ready"
            )
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)


@contextmanager
def prometheus(
    folder: Path, port: int, targets: Sequence[str], alertmanager: str = ""
) -> Iterator[Prometheus]:
    """Scrapes each second. Waits in the alert rules are cut to a second: promtool tests their length."""
    (folder / "rules").mkdir()
    for path in (ROOT / "rules").glob("*.yaml"):
        text = re.sub(r"^( +for): .*$", r"\1: 1s", path.read_text(), flags=re.MULTILINE)
        (folder / "rules" / path.name).write_text(re.sub(r"interval: .*", "interval: 1s", text))
    config = yaml.safe_load((ROOT / "deploy/compose/prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = list(targets)
    config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager] * bool(
        alertmanager
    )
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    url = f"http://127.0.0.1:{port}"
    command = [
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running(command, url, folder / "prometheus.log"):
        yield Prometheus(url)


@contextmanager
def alertmanager(folder: Path, port: int, webhook: str) -> Iterator[None]:
    """The committed routes; every receiver is ``webhook``, and nothing waits to be grouped."""
    config = yaml.safe_load((ROOT / "deploy/compose/alertmanager.yml").read_text())
    del config["global"]
    for receiver in config["receivers"]:
        receiver.pop("slack_configs")
        receiver["webhook_configs"] = [{"url": f"{webhook}/{receiver['name']}", "send_resolved": True}]
    config["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
    command = [
        next(filter(shutil.which, ALERTMANAGERS)),
        f"--config.file={folder}/alertmanager.yml",
        f"--storage.path={folder}/alertmanager",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    with running(command, f"http://127.0.0.1:{port}", folder / "alertmanager.log"):
        yield
