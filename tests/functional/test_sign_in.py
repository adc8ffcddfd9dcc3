"""Sign-in through the real server, as clients and proxies send it."""

import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.bootstrap import read_config
from app.service.snapshot import Health, SnapshotHolder
from app.sinks.prometheus import SnapshotCollector, build_registry
from app.telemetry import Counters, redactor
from app.web import Server, create_app, serve
from app.web.signin import sign_in
from tests.fakes.pictures import NOW, picture

PASSWORD = "correct-horse-battery"
CONFIG = """
ledger: sqlite:///./ledger.db
http:
  auth:
    basic: [{user: oncall}]
    trusted_header: {name: X-Forwarded-User, proxies: [127.0.0.1]}
"""
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """By a config file, whose password comes from the environment."""
    folder: Path = tmp_path_factory.mktemp("sign-in")
    (folder / "config.yaml").write_text(CONFIG)
    env = {"KEYSTEWARD_HTTP__AUTH__BASIC__0__PASSWORD": PASSWORD}
    config = read_config(folder / "config.yaml", env, folder, NOW)
    holder = SnapshotHolder(picture(lambda word: f"{word} {PASSWORD}"))
    health = Health(time.monotonic, lambda: None, config_loaded=True)
    registry = build_registry(SnapshotCollector(holder.get, Counters()))
    app = create_app(holder, health, registry, public_page=False, sign_in=sign_in(config.http.auth))
    made = serve(app, "127.0.0.1:0")
    yield made
    made.stop()


def asked(server: Server, *headers: str, path: str = "/") -> str:
    """The whole answer to a request that is written by hand."""
    lines = (f"GET {path} HTTP/1.1", "Host: keys.example.com", "Connection: close", *headers, "", "")
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS) as wire:
        wire.sendall("\r\n".join(lines).encode())
        return b"".join(iter(lambda: wire.recv(65_536), b"")).decode()


def basic(user: str, password: str) -> str:
    return "Authorization: Basic " + b64encode(f"{user}:{password}".encode()).decode()


def test_the_password_of_the_environment_opens_the_page_and_is_never_on_it(server: Server) -> None:
    answer = asked(server, basic("oncall", PASSWORD))
    assert answer.startswith("HTTP/1.1 200")
    assert "signed in as" in answer
    assert PASSWORD not in answer
    assert "[secret]" in answer
    assert redactor(PASSWORD) == "[secret]"


def test_without_it_the_page_asks_and_metrics_answer(server: Server) -> None:
    refused = asked(server)
    assert refused.startswith("HTTP/1.1 401")
    assert 'Www-Authenticate: Basic realm="Keysteward"' in refused
    assert asked(server, path="/metrics").startswith("HTTP/1.1 200")


def test_a_proxys_header_opens_it_and_a_clients_imitation_beside_it_does_not(server: Server) -> None:
    assert asked(server, "X-Forwarded-User: ann").startswith("HTTP/1.1 200")
    # A proxy that overwrites the header lets one with underscores through; WSGI would not tell them apart.
    assert asked(server, "X_Forwarded_User: eve").startswith("HTTP/1.1 401")
    both = asked(server, "X-Forwarded-User: ann", "X_Forwarded_User: eve")
    assert ">ann</span>" in both
    assert asked(server, "X-Forwarded-User: eve", "X-Forwarded-User: ann").startswith("HTTP/1.1 401")
    assert ">Nicolà Größe</span>" in asked(server, "X-Forwarded-User: Nicolà Größe")
