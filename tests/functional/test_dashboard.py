"""Each panel's question, asked of a real Prometheus that scrapes the real server."""

import json
import shutil
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.service.snapshot import Health, SnapshotHolder
from app.sinks.prometheus import SnapshotCollector, build_registry
from app.telemetry import Counters
from app.web import Server, create_app, serve
from tests.fakes.pictures import NOW, picture
from tests.unit.test_dashboard import TARGETS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("prometheus"), reason="prometheus is not installed"),
]
PATIENCE_SECONDS = 30


def start_keysteward() -> Server:
    holder = SnapshotHolder(replace(picture(), last_runs={"success": NOW}))
    counters = Counters()
    counters.add("deliveries_total", sink="slack", outcome="delivered")
    counters.add("actions_total", action="deactivate", outcome="done")
    registry = build_registry(
        SnapshotCollector(holder.get, counters, lambda: {("iam", "ListAccessKeys", "ok"): 3})
    )
    health = Health(time.monotonic, lambda: None, config_loaded=True)
    return serve(create_app(holder, health, registry, public_page=False), "127.0.0.1:0")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def config(port: int) -> str:
    return f"""
global: {{scrape_interval: 250ms, scrape_timeout: 250ms}}
scrape_configs:
  - {{job_name: keysteward, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}
"""


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a Prometheus that has scraped at least twice."""
    folder, port, keysteward = tmp_path_factory.mktemp("prometheus"), free_port(), start_keysteward()
    (folder / "prometheus.yml").write_text(config(keysteward.port))
    process = subprocess.Popen(command(folder, port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: bool(ask(url, "rate(keysteward_aws_requests_total[1m])")))
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)
        keysteward.stop()


def command(folder: Path, port: int) -> list[str]:
    return [
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]


def wait_until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if ready():
                return
        except OSError:  # not listening yet
            pass
        time.sleep(0.2)  # another process sets the pace
    pytest.fail("Prometheus has not scraped in time")


def ask(url: str, query: str) -> list[object]:
    with urllib.request.urlopen(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}") as answer:
        rows: list[object] = json.loads(answer.read())["data"]["result"]
        return rows


@pytest.mark.parametrize(("title", "expr"), TARGETS, ids=[expr[:60] for _, expr in TARGETS])
def test_a_panel_has_something_to_show(prometheus: str, title: str, expr: str) -> None:
    query = expr.replace("$__rate_interval", "1m").replace("$account", ".*")
    assert ask(prometheus, query), title
