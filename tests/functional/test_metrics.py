"""The real server, scraped over the wire, and judged by Prometheus's own tool."""

import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.errors import ConfigError
from app.service.snapshot import Health, SnapshotHolder
from app.sinks.prometheus import SnapshotCollector, build_registry
from app.telemetry import Counters
from app.web import Server, create_app, serve
from tests.fakes.pictures import picture

# The name is part of the outside interface: days are how every rule of rotation is written.
KNOWN_LINT = ['keysteward_credential_age_days use base unit "seconds" instead of "days"']


def start() -> Server:
    holder = SnapshotHolder(picture())
    counters = Counters()
    counters.add("deliveries_total", sink="slack", outcome="delivered")
    registry = build_registry(SnapshotCollector(holder.get, counters))
    health = Health(time.monotonic, lambda: None, config_loaded=True)
    return serve(create_app(holder, health, registry, public_page=False), "127.0.0.1:0")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = start()
    yield running
    running.stop()


def get(server: Server, path: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_scrape_is_valid_and_holds_the_process_metrics_too(server: Server) -> None:
    status, text = get(server, "/metrics")
    names = {family.name for family in text_string_to_metric_families(text)}
    assert status == 200
    assert {"keysteward_credentials", "keysteward_deliveries", "python_info"} <= names


def test_openmetrics_is_spoken_on_request(server: Server) -> None:
    _, text = get(server, "/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_finds_nothing_but_the_name_that_is_meant(server: Server) -> None:
    _, text = get(server, "/metrics")
    judged = subprocess.run(
        ["promtool", "check", "metrics"], input=text, text=True, capture_output=True, timeout=30, check=False
    )
    assert (judged.stdout + judged.stderr).splitlines() == KNOWN_LINT


def test_a_forwarded_request_is_refused_by_the_real_server_too(server: Server) -> None:
    status, _ = get(server, "/", **{"X-Forwarded-For": "203.0.113.9"})
    assert status == 403


def test_the_style_sheet_is_served_and_no_server_is_named(server: Server) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/static/style.css", timeout=60) as answer:
        assert answer.headers["Content-Type"].startswith("text/css")
        assert "Server" not in answer.headers


def test_stop_frees_the_port_and_the_threads() -> None:
    before = threading.active_count()
    running = start()
    assert get(running, "/healthz")[0] == 200
    running.stop()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", running.port))
    assert threading.active_count() <= before


def test_a_port_in_use_is_said_plainly(server: Server) -> None:
    app = create_app(
        SnapshotHolder(), Health(time.monotonic, lambda: None), build_registry(NOTHING), public_page=False
    )
    with pytest.raises(ConfigError, match=rf"^http\.listen: 127\.0\.0\.1:{server.port} is in use"):
        serve(app, f"127.0.0.1:{server.port}")


@pytest.mark.parametrize("listen", ["8080", "127.0.0.1:http!", "127.0.0.1:99999", "203.0.113.1:0", ""])
def test_an_address_that_cant_be_listened_on_is_a_config_error(listen: str) -> None:
    app = create_app(
        SnapshotHolder(), Health(time.monotonic, lambda: None), build_registry(NOTHING), public_page=False
    )
    with pytest.raises(ConfigError, match=r"^http\.listen: "):
        serve(app, listen)


NOTHING = SnapshotCollector(SnapshotHolder().get, Counters())
