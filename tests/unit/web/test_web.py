"""The routes, and who may ask for them."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from app.clock import FixedClock
from app.errors import LedgerError
from app.model import KEY_ID, RunRecord
from app.service.snapshot import Health, PlanRow, SinkRow, Snapshot, SnapshotHolder, TrailRow
from app.sinks.prometheus import SnapshotCollector, build_registry
from app.telemetry import Counters
from app.web import create_app
from tests.fakes.pictures import NOW, finding, picture, sweep

PAGES = ("/", "/api/v1/summary", "/api/v1/findings", "/api/v1/accounts", "/api/v1/held", "/api/v1/deliveries")
PROBES = ("/metrics", "/healthz", "/readyz")
KEY_IDS = st.from_regex(r"\AA(KI|SI)A[A-Z0-9]{16}\Z")


class FakeTime:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def silent_ledger() -> None:
    raise LedgerError("ledger.db is locked: is another process stuck?")


def client(
    snapshot: Snapshot | None = None,
    *,
    public: bool = False,
    time: FakeTime | None = None,
    ping: Callable[[], object] = lambda: None,
    config_loaded: bool = True,
) -> FlaskClient:
    health = Health(time or FakeTime(), ping, timedelta(minutes=2), config_loaded)
    return of_holder(SnapshotHolder(snapshot or picture()), health, public)


def of_holder(holder: SnapshotHolder, health: Health | None = None, public: bool = False) -> FlaskClient:
    health = health or Health(FakeTime(), lambda: None, timedelta(minutes=2), True)
    registry = build_registry(SnapshotCollector(holder.get, Counters()))
    return create_app(holder, health, registry, public_page=public, clock=FixedClock(NOW)).test_client()


def status(asker: FlaskClient, path: str, peer: str = "127.0.0.1", **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return asker.get(path, environ_base={"REMOTE_ADDR": peer}, headers=named).status_code


def facts(asker: FlaskClient, part: str) -> Any:
    return asker.get(f"/api/v1/{part}").json


@pytest.fixture(scope="module")
def local() -> Iterator[FlaskClient]:
    with client() as made:
        yield made


@pytest.mark.parametrize("path", PAGES)
def test_the_page_and_the_api_answer_only_to_this_machine(local: FlaskClient, path: str) -> None:
    assert status(local, path) == 200
    assert status(local, path, "::1", Host="[::1]:8080") == 200
    assert status(local, path, "::ffff:127.0.0.1", Host="127.0.0.1:8080") == 200
    assert status(local, path, "10.0.0.9") == 403
    assert status(local, path, "10.0.0.9", Host="localhost") == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "[::1", "localhost.evil.example"])
def test_a_name_rebound_to_loopback_is_refused(local: FlaskClient, host: str) -> None:
    assert status(local, "/", Host=host) == 403


@pytest.mark.parametrize(
    "header", ["X_Forwarded_For", "X_Forwarded_Host", "X_Forwarded_Proto", "Forwarded", "X_Real_IP", "Via"]
)
def test_what_came_through_a_local_proxy_is_not_from_this_machine(local: FlaskClient, header: str) -> None:
    assert status(local, "/", **{header: "127.0.0.1"}) == 403


def test_the_refusal_says_in_one_line_how_to_open_it(local: FlaskClient) -> None:
    answer = local.get("/", environ_base={"REMOTE_ADDR": "10.0.0.9"})
    assert answer.text.count("\n") == 1
    assert "http.public_page: true" in answer.text


@pytest.mark.parametrize("path", [*PAGES, *PROBES])
def test_a_public_page_answers_to_anyone(path: str) -> None:
    assert status(client(public=True), path, "10.0.0.9", Host="keys.example.com") == 200


@pytest.mark.parametrize("path", PROBES)
def test_metrics_and_health_answer_everywhere(local: FlaskClient, path: str) -> None:
    assert status(local, path, "10.0.0.9", Host="keysteward.internal:8080") == 200


@pytest.mark.parametrize("path", [*PAGES, *PROBES, "/static/style.css"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_nothing_but_reading_is_allowed(local: FlaskClient, path: str, method: str) -> None:
    answer = local.open(path, method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", [*PAGES, *PROBES, "/static/style.css"])
def test_head_answers_like_get_without_a_body(local: FlaskClient, path: str) -> None:
    answer = local.head(path)
    assert (answer.status_code, answer.data) == (200, b"")


@pytest.mark.parametrize("path", ["/", "/metrics", "/static/style.css", "/nothing"])
def test_every_answer_carries_the_security_headers(local: FlaskClient, path: str) -> None:
    headers = local.get(path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'; img-src")
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_needs_no_script_and_no_inline_style(local: FlaskClient) -> None:
    html = local.get("/").text
    assert "<script" not in html
    assert "style=" not in html
    assert "<style" not in html


def test_alive_until_the_scheduler_falls_silent() -> None:
    time = FakeTime()
    asker = client(time=time)
    time.seconds = 120
    assert status(asker, "/healthz") == 200
    time.seconds = 121
    answer = asker.get("/healthz")
    assert answer.status_code == 503
    assert answer.json == {
        "status": "failing",
        "reasons": ["the scheduler has not been heard of for 121 s"],
    }


def test_a_beat_brings_health_back() -> None:
    time = FakeTime()
    health = Health(time, lambda: None)
    time.seconds = 1000
    assert health.faults() != ()
    health.beat()
    assert health.faults() == ()


def test_not_ready_while_the_ledger_is_silent_or_the_config_not_loaded() -> None:
    answer = client(ping=silent_ledger, config_loaded=False).get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {
        "status": "failing",
        "reasons": [
            "the config is not loaded",
            "the ledger does not answer: ledger.db is locked: is another process stuck?",
        ],
    }


def test_a_standby_is_ready_and_a_silent_ledger_does_not_kill_the_process() -> None:
    assert status(client(replace(picture(), leader=False)), "/readyz") == 200
    assert status(client(ping=silent_ledger), "/healthz") == 200


def test_the_summary_says_what_the_snapshot_says(local: FlaskClient) -> None:
    summary = facts(local, "summary")
    assert summary["accounts"] == {"success": 1, "failed": 1}
    assert summary["credentials"] == {"ok": 7, "final": 1}
    assert summary["calendar"] == {"2026-11-23": 1}
    assert summary["as_of"] == "2026-11-20T12:00:00+00:00"
    assert summary["paused"]["reason"] == "An incident."
    assert summary["last_run"]["outcome"] == "partial"


def test_the_lists_say_every_row(local: FlaskClient) -> None:
    assert facts(local, "findings")["findings"][0]["key_tail"] == "…WXYZ"
    assert [a["error"] for a in facts(local, "accounts")["accounts"]] == ["", "access denied"]
    assert facts(local, "held")["held"][0]["guard"] == "freeze"
    assert facts(local, "deliveries")["deliveries"][0]["state"] == "dead"
    assert [row["resting"] for row in facts(local, "summary")["sinks"]] == [False, True]


def test_an_unknown_path_is_not_found(local: FlaskClient) -> None:
    assert status(local, "/api/v1/secrets") == 404


def test_no_full_key_id_gets_out_whatever_field_holds_it() -> None:
    holder = SnapshotHolder()
    asker = of_holder(holder)

    @settings(max_examples=25, deadline=None)
    @given(KEY_IDS)
    def holds(key_id: str) -> None:
        holder.set(picture(lambda word: f"{word} {key_id}"))
        for path in (*PAGES, "/metrics"):
            body = asker.get(path).text
            assert not KEY_ID.search(body), path
            assert path == "/api/v1/summary" or f"…{key_id[-4:]}" in body, path

    holds()


def test_markup_in_a_name_stays_text() -> None:
    html = client(picture(lambda word: f"<b>{word}</b>")).get("/").text
    assert "<b>" not in html
    assert "&lt;b&gt;ci-deploy&lt;/b&gt;" in html


def test_a_ticket_is_a_link_only_when_it_is_a_web_address() -> None:
    evil = replace(picture(), findings=(finding(ticket="javascript:alert(1)"),))
    assert 'href="javascript' not in client(evil).get("/").text
    good = replace(picture(), findings=(finding(),))
    assert 'href="https://example.atlassian.net/browse/SEC-7"' in client(good).get("/").text


def test_the_page_says_how_much_was_read_and_how_the_scan_under_way_stands() -> None:
    html = client().get("/").text
    assert "in part: 1 of 2 accounts (50 %) read." in html
    assert "A scan is under way: reading accounts, 6,812 of 10,000 accounts, 3 failed" in html
    over = client(replace(picture(), sweep=None)).get("/").text
    assert "A scan is under way" not in over
    assert "The next starts" in over


def test_a_run_that_could_not_start_is_not_said_to_have_read_what_the_one_before_did() -> None:
    failed = replace(picture(), last_run=RunRecord(NOW, NOW, "failed"))
    assert "accounts (50 %) read" not in client(failed).get("/").text


def test_the_api_has_the_coverage_of_the_last_run_and_the_sweep(local: FlaskClient) -> None:
    summary = facts(local, "summary")
    assert summary["last_run"]["coverage"] == {"fresh": 1, "total": 2, "resumed": 0, "retried": 0}
    assert (summary["sweep"]["done"], summary["sweep"]["left_seconds"]) == (6_812, 85.0)
    assert facts(client(Snapshot()), "summary")["sweep"] is None


def test_the_sweep_is_shown_as_it_stands_when_somebody_asks() -> None:
    stands = iter([sweep(done=1), sweep(done=2)])
    holder = SnapshotHolder(picture(), lambda: next(stands))
    assert [holder.get().sweep, holder.get().sweep] == [sweep(done=1), sweep(done=2)]


def test_an_empty_snapshot_has_a_page() -> None:
    html = client(Snapshot()).get("/").text
    assert "Waiting for the first scan to end" in html
    assert "No run has ended yet." in html


def test_only_the_worst_findings_are_on_the_overview_and_all_in_the_api() -> None:
    asker = client(replace(picture(), findings=tuple(finding(n, key_tail=f"…{n:04}") for n in range(230))))
    # And one that is held, one that has been for long, and one that can't be told.
    assert asker.get("/").text.count("<code>…") == 28
    assert len(facts(asker, "findings")["findings"]) == 230


def test_a_sink_that_rests_and_what_cant_be_delivered_are_said(local: FlaskClient) -> None:
    text = local.get("/").text
    assert (
        "<strong>slack does not answer</strong>: 7 failures in a row, the last one: Slack: HTTP 503" in text
    )
    assert "tried again <time" in text
    assert "3 messages for it wait, nothing is lost" in text
    assert "keysteward deliveries --requeue" in text


def test_when_every_sink_answers_nothing_is_said_of_them() -> None:
    text = client(Snapshot(sinks=(SinkRow("slack", failures=2, error="HTTP 503"),))).get("/").text
    assert "does not answer" not in text
    assert "Can&#39;t be delivered" not in text
    assert "Can't be delivered" not in text


def html(**changes: Any) -> str:
    """The page of the usual picture with ``changes``, on one line."""
    return " ".join(client(replace(picture(), **changes)).get("/").text.split())


def test_a_plan_that_waits_is_said_with_the_command_that_lets_it_through() -> None:
    text = html()
    assert "<strong>A plan waits for approval</strong>" in text
    assert "the brake holds 2,000 destructive acts, and nothing is deactivated or deleted" in text
    assert "<code>keysteward approve 3f2a91c04d5e --reason …</code>" in text
    assert "A plan waits" not in html(plan=None)


def test_one_that_was_approved_is_said_with_who_did_it_and_how_far_it_is() -> None:
    given = PlanRow("3f2a91c04d5e", 2_000, NOW, "ann@example.com", NOW + timedelta(hours=20), 1_010)
    text = html(plan=given)
    assert "<strong>Plan 3f2a91c04d5e is approved</strong> by ann@example.com until" in text
    assert "1,010 of 2,000 acts done" in text
    assert "keysteward approve" not in text


def test_what_has_been_held_for_over_a_week_is_listed(local: FlaskClient) -> None:
    text = html(held_rows=())
    assert "Held for over a week" in text
    assert "9 days ago" in text
    many = tuple(replace(picture().long_holds[0], finding_id=str(n)) for n in range(60))
    assert "The first 10." in html(long_holds=many, long_holds_in_all=612)
    assert "Held for over a week" not in html(long_holds=(), long_holds_in_all=0)
    assert facts(local, "held")["long_holds"][0]["guard"] == "freeze"
    assert facts(local, "summary")["long_holds"] == 1


def test_the_audit_trail_is_said_to_be_whole_or_not() -> None:
    assert "Audit trail: 1,204 events, read whole 2 h ago: no edit, no gap." in html()
    broken = TrailRow(NOW, 9, ("event 4 is altered, or the one before with its hash",))
    text = html(trail=broken)
    assert "<strong>The audit trail is not what was written</strong>" in text
    assert "<li>event 4 is altered, or the one before with its hash</li>" in text
    assert "Audit trail" not in html(trail=None, uncopied=None)


@pytest.mark.parametrize(
    ("uncopied", "said"),
    [(4, "4 events are not in it yet"), (1, "1 event is not in it yet"), (0, ""), (None, "")],
)
def test_a_copy_of_the_trail_that_lags_is_said(uncopied: int | None, said: str) -> None:
    text = html(uncopied=uncopied)
    assert ("The copy of the audit trail lags" in text) == bool(said)
    assert said in text


def test_a_pause_and_a_standby_are_said() -> None:
    text = html()
    assert "<strong>Paused</strong> by ops@example.com" in text
    assert "acts from this replica" in text
    standby = html(leader=False, paused=None)
    assert "<li>waits its turn</li>" in standby
    assert "Paused" not in standby


def test_a_ledger_that_does_not_answer_is_said_with_its_remedy() -> None:
    assert "The ledger does not answer" not in html()
    text = html(ledger_fault="it can't grow: the disk is full")
    assert "<strong>The ledger does not answer</strong>: it can&#39;t grow: the disk is full" in text


def test_the_api_has_what_waits_and_the_audit_trail(local: FlaskClient) -> None:
    summary = facts(local, "summary")
    assert summary["plan"]["name"] == "3f2a91c04d5e"
    assert summary["audit"]["trail"]["events"] == 1_204
    assert summary["audit"]["uncopied"] == 4
