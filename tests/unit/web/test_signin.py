"""Who may read the page once somebody has to sign in."""

import threading
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from ipaddress import ip_network

import pytest
from flask.testing import FlaskClient
from werkzeug.security import generate_password_hash

from app.clock import FixedClock
from app.config.http import AuthSettings
from app.service.snapshot import Health, SnapshotHolder
from app.sinks.prometheus import SnapshotCollector, build_registry
from app.telemetry import Counters
from app.web import create_app
from app.web.signin import Login, SignIn, TrustedHeader, sign_in
from tests.fakes.pictures import NOW, picture

PASSWORD = "correct horse battery"
HASHED = generate_password_hash(PASSWORD, "pbkdf2:sha256:1000")
BY_PASSWORD = SignIn((Login("ann", PASSWORD, hashed=False), Login("bob", HASHED, hashed=True)))
BY_PROXY = SignIn(header=TrustedHeader("X-Forwarded-User", (ip_network("10.0.0.0/24"),)))
PAGES = ("/", "/findings", "/findings.csv", "/accounts", "/held", "/api/v1/summary", "/static/style.css")


@cache
def client(who: SignIn) -> FlaskClient:
    holder = SnapshotHolder(picture())
    health = Health(lambda: 0.0, lambda: None, timedelta(minutes=2), config_loaded=True)
    registry = build_registry(SnapshotCollector(holder.get, Counters()))
    made = create_app(holder, health, registry, public_page=False, clock=FixedClock(NOW), sign_in=who)
    return made.test_client()


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


def status(
    who: SignIn, headers: dict[str, str] | None = None, peer: str = "192.0.2.1", path: str = "/"
) -> int:
    return client(who).get(path, headers=headers, environ_base={"REMOTE_ADDR": peer}).status_code


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("peer", ["192.0.2.1", "127.0.0.1"])
def test_without_a_password_nobody_reads_not_even_on_this_machine(path: str, peer: str) -> None:
    answer = client(BY_PASSWORD).get(path, environ_base={"REMOTE_ADDR": peer})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="Keysteward", charset="UTF-8"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.text == "Sign in.\n"


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("user", ["ann", "bob"])
def test_the_right_password_opens_every_page_from_anywhere(path: str, user: str) -> None:
    assert status(BY_PASSWORD, basic(user, PASSWORD), path=path) == 200


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz"])
def test_metrics_and_health_ask_for_nothing(path: str) -> None:
    assert status(BY_PASSWORD, path=path) == 200
    assert status(BY_PROXY, path=path) == 200


@pytest.mark.parametrize(
    "headers",
    [
        basic("ann", "wrong"),
        basic("ann", ""),
        basic("bob", PASSWORD + " "),
        basic("bob", HASHED),
        basic("eve", PASSWORD),
        basic("", ""),
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + b64encode(b"\xff\xfe").decode()},
        {"Authorization": f"Bearer {PASSWORD}"},
        {"X-Forwarded-User": "ann"},
    ],
)
def test_anything_else_is_refused(headers: dict[str, str]) -> None:
    assert status(BY_PASSWORD, headers) == 401


def test_a_password_that_was_proven_once_opens_again_and_another_still_does_not() -> None:
    who = SignIn((Login("bob", HASHED, hashed=True),))
    answers = [status(who, basic("bob", word)) for word in (PASSWORD, PASSWORD, "wrong", PASSWORD)]
    assert answers == [200, 200, 401, 200]


@dataclass(frozen=True, slots=True)
class SlowLogin(Login):
    """A hash that takes as long as the test wants."""

    asked: threading.Barrier = field(default_factory=lambda: threading.Barrier(3))
    go_on: threading.Event = field(default_factory=threading.Event)

    def opens(self, password: str) -> bool:
        self.asked.wait(60)
        return self.go_on.wait(60) and password == self.secret


def test_passwords_that_are_tried_all_at_once_leave_threads_for_metrics_and_health() -> None:
    slow = SlowLogin("ann", PASSWORD, hashed=True)
    who = SignIn((slow,))
    client(who)
    tries = [
        threading.Thread(target=status, args=(who, basic("ann", f"guess {number}")), daemon=True)
        for number in range(2)
    ]
    for one in tries:
        one.start()
    slow.asked.wait(60)
    assert status(who, basic("ann", PASSWORD)) == 503
    assert status(who, path="/healthz") == 200
    slow.go_on.set()
    for one in tries:
        one.join(60)


def test_no_more_proofs_are_remembered_than_is_good() -> None:
    who = SignIn(tuple(Login(f"u{n}", PASSWORD, hashed=False) for n in range(80)))
    asker = client(who)
    for n in range(80):
        asker.get("/healthz")
        assert asker.get("/static/style.css", headers=basic(f"u{n}", PASSWORD)).status_code == 200
    assert len(who._proven) == 64


@pytest.mark.parametrize(
    ("peer", "name", "answer"),
    [
        ("10.0.0.9", "ann@example.com", 200),
        ("::ffff:10.0.0.9", "ann@example.com", 200),
        ("10.0.1.9", "ann@example.com", 403),
        ("127.0.0.1", "ann@example.com", 403),
        ("nobody", "ann@example.com", 403),
        ("10.0.0.9", "", 403),
        ("10.0.0.9", "eve,ann@example.com", 403),
        ("10.0.0.9", "a" * 257, 403),
    ],
)
def test_a_header_is_believed_only_from_the_proxies(peer: str, name: str, answer: int) -> None:
    assert status(BY_PROXY, {"X-Forwarded-User": name}, peer) == answer


def test_the_page_says_who_reads_it() -> None:
    asker = client(BY_PROXY)
    html = asker.get(
        "/", headers={"X-Forwarded-User": "<b>ann"}, environ_base={"REMOTE_ADDR": "10.0.0.1"}
    ).text
    assert 'signed in as <span class="address">&lt;b&gt;ann</span>' in html


def test_the_config_makes_it() -> None:
    settings = AuthSettings.model_validate(
        {
            "basic": [{"user": "ann", "password": PASSWORD}, {"user": "bob", "password_hash": HASHED}],
            "trusted_header": {"name": "X-User", "proxies": ["10.0.0.7", "fd00::/8"]},
        }
    )
    made = sign_in(settings)
    assert made is not None
    assert status(made, basic("bob", PASSWORD)) == 200
    assert status(made, {"X-User": "ann"}, "fd00::1") == 200
    assert status(made, {"X-User": "ann"}, "10.0.0.8") == 401
    assert PASSWORD not in repr(made)
    assert PASSWORD not in repr(settings)
    assert sign_in(None) is None
