"""Webhooks: the envelope, the signature, the presets, and what each answer means."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.bootstrap import read_config
from app.clock import FixedClock
from app.errors import Ambiguous, ConfigError, Permanent, Transient
from app.model import Caller, Finding, FindingState
from app.plan.notice import Notice
from app.plan.summary import RunSummary
from app.sinks.posts import INTERNAL, Post, closing, envelope
from app.sinks.texts import Texts
from app.sinks.tools import Tools
from app.sinks.waits import Waits
from app.sinks.webhook.presets import body
from app.sinks.webhook.settings import WebhookSettings, signing_key
from app.sinks.webhook.sink import WebhookSink, sign
from app.telemetry import redactor
from tests.fakes import http
from tests.fakes.http import Request
from tests.fakes.notices import JANE, NOW, a_message, a_notice, many
from tests.fakes.receiver import FakeReceiver
from tests.fakes.summaries import a_summary, an_alert

SENT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
RUN = RunSummary(NOW, "1.0", "notify", "success", {"success": 2}, failures=("prod: denied",))


@pytest.fixture
def receiver() -> Iterator[FakeReceiver]:
    with FakeReceiver() as fake:
        yield fake


def settings(**options: Any) -> WebhookSettings:
    return WebhookSettings.model_validate({"type": "webhook", **options})


def a_sink(receiver: FakeReceiver, texts: Texts | None = None, **options: Any) -> WebhookSink:
    tools = Tools(Waits(sleep=lambda seconds: None), texts or Texts(), clock=FixedClock(SENT))
    return WebhookSink("hook", settings(**{"url": receiver.url, "timeout": 1.5, **options}), tools)


def the_request(receiver: FakeReceiver) -> Request:
    [request] = receiver.received
    return request


# --- the envelope --------------------------------------------------------------------------------


def test_a_notice_travels_in_the_documented_envelope(receiver: FakeReceiver) -> None:
    a_sink(receiver).send(a_message())
    told = the_request(receiver).body
    assert list(told) == [
        "schema",
        "id",
        "event",
        "sent_at",
        "recipient",
        "is_fallback",
        "notices",
        "run",
    ]
    assert (told["schema"], told["event"], told["recipient"]) == ("keysteward.event/1", "notice", JANE)
    assert told["notices"][0]["key_tail"] == "…WXYZ"
    assert told["run"] is None


def test_every_field_of_a_notice_is_told_or_known_to_be_internal() -> None:
    caller = Caller("203.0.113.7", "aws-cli/2.15", "s3", "eu-central-1", 3, NOW)
    [told] = envelope(Post("notice", a_message(a_notice(callers=(caller,)))), Texts())["notices"]
    assert set(told) | INTERNAL == {field.name for field in fields(Notice)}
    assert told["callers"][0]["last"] == NOW.isoformat()


def test_a_closing_has_one_id_an_episode_and_the_finding_in_it(receiver: FakeReceiver) -> None:
    receipt = a_sink(receiver).resolve(a_notice(refs={"alert": "KS-ABCDEFGHIJ"}), NOW)
    told = the_request(receiver).body
    assert (told["event"], told["id"]) == ("resolved", "KS-ABCDEFGHIJ-1-resolved")
    assert told["notices"][0]["kind"] == "resolved"
    assert receipt is not None
    assert receipt.refs == {"alert": "KS-ABCDEFGHIJ"}


def test_a_run_is_posted_only_where_that_is_asked_for(receiver: FakeReceiver) -> None:
    a_sink(receiver).report(RUN)
    assert receiver.received == []
    a_sink(receiver, runs=True).report(RUN)
    told = the_request(receiver).body
    assert (told["event"], told["id"], told["notices"]) == ("run", "run-20261120T090000Z", [])
    assert told["run"] == RUN.to_json()


def test_teams_hears_of_runs_with_news_only(receiver: FakeReceiver) -> None:
    sink = a_sink(receiver, runs=True, format="teams")
    sink.report(RUN)
    assert receiver.received == []
    sink.report(RunSummary(NOW, "1.0", "notify", "success", news=True))
    assert "Run of Fri 20 Nov 2026: success" in the_request(receiver).raw


@pytest.mark.parametrize("form", ["keysteward", "teams"])
def test_an_alert_is_told_with_its_run(receiver: FakeReceiver, form: str) -> None:
    run = a_summary(alerts=(an_alert(),))
    a_sink(receiver, runs=True, format=form).report(run)
    assert "`keysteward approve 3f2a91c04d5e`" in the_request(receiver).raw
    if form == "keysteward":
        [alert] = the_request(receiver).body["run"]["alerts"]
        assert (alert["plan"], len(alert["rows"]), alert["rows"][0]["guard"]) == ("3f2a91c04d5e", 3, "brake")


def test_a_digest_is_one_request_when_grouped_by_owner(receiver: FakeReceiver) -> None:
    sink = a_sink(receiver, group_by="owner")
    receipt = sink.send(a_message(*many(3)))
    assert sink.grouping == "owner"
    assert receipt.refs == {"alert": "msg-1"}
    assert len(the_request(receiver).body["notices"]) == 3


def test_its_reference_is_never_taken_for_the_ticket(receiver: FakeReceiver) -> None:
    refs = {"hook": dict(a_sink(receiver).send(a_message()).refs)}
    finding = Finding("KS-1", "u", "1", "prod", "x", "", FindingState.OPEN, 1, NOW, "", "", "", "", refs=refs)
    assert finding.ticket == ""


# --- the signature -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secret", "key"),
    [("plain words", b"plain words"), ("whsec_" + base64.b64encode(b"\x00raw").decode(), b"\x00raw")],
)
def test_the_signature_covers_id_time_and_the_very_bytes(
    receiver: FakeReceiver, secret: str, key: bytes
) -> None:
    a_sink(receiver, secret=secret).send(a_message())
    request = the_request(receiver)
    assert (request.headers["Webhook-Id"], request.headers["Webhook-Timestamp"]) == (
        "msg-1",
        str(int(SENT.timestamp())),
    )
    signed = f"msg-1.{int(SENT.timestamp())}.{request.raw}".encode()
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert request.headers["Webhook-Signature"] == f"v1,{expected}"


def test_the_signature_is_that_of_the_specification() -> None:
    """The example that the libraries of standardwebhooks.com are tested with."""
    key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_without_a_secret_nothing_is_signed_and_headers_are_sent_along(receiver: FakeReceiver) -> None:
    a_sink(receiver, headers={"Authorization": "Bearer x", "X-Team": "iam"}).send(a_message())
    headers = the_request(receiver).headers
    assert "Webhook-Signature" not in headers
    assert (headers["Authorization"], headers["X-Team"]) == ("Bearer x", "iam")


def test_a_repeat_of_what_may_have_arrived_has_the_same_id(receiver: FakeReceiver) -> None:
    receiver.fail("post", http.ARRIVES_THEN_HANGS)
    sink = a_sink(receiver)
    with pytest.raises(Ambiguous):
        sink.send(a_message())
    sink.send(a_message(maybe_sent=True))
    assert [r.headers["Webhook-Id"] for r in receiver.received] == ["msg-1", "msg-1"]


# --- what each answer means ----------------------------------------------------------------------


@pytest.mark.parametrize("code", [408, 429, 503])
def test_what_the_receiver_puts_off_is_tried_later(receiver: FakeReceiver, code: int) -> None:
    receiver.fail("post", http.status(code, Retry_After="120"))
    with pytest.raises(Transient) as caught:
        a_sink(receiver).send(a_message())
    assert not isinstance(caught.value, Ambiguous)
    assert caught.value.retry_after == timedelta(minutes=2)


def test_a_short_retry_after_is_sat_out(receiver: FakeReceiver) -> None:
    receiver.fail("post", http.status(429, Retry_After="3"))
    a_sink(receiver).send(a_message())
    assert len(receiver.received) == 1


@pytest.mark.parametrize("code", [500, 502, 504])
def test_a_broken_receiver_may_have_taken_it(receiver: FakeReceiver, code: int) -> None:
    receiver.fail("post", http.status(code))
    with pytest.raises(Ambiguous):
        a_sink(receiver).send(a_message())


@pytest.mark.parametrize(
    ("code", "remedy"), [(400, "template"), (401, "api_key"), (404, "url"), (413, "group_by"), (418, "log")]
)
def test_a_refusal_is_for_good_and_names_a_remedy(receiver: FakeReceiver, code: int, remedy: str) -> None:
    receiver.fail("post", http.status(code))
    with pytest.raises(Permanent, match=f"webhook: HTTP {code}.*{remedy}"):
        a_sink(receiver).send(a_message())


def test_a_redirect_is_not_followed(receiver: FakeReceiver) -> None:
    receiver.fail("post", http.status(307, Location=receiver.url + "/elsewhere"))
    with pytest.raises(Permanent, match=r"sinks\.hook\.url"):
        a_sink(receiver).send(a_message())
    assert receiver.received == []


def test_a_closed_port_and_an_unknown_host_are_tried_later(receiver: FakeReceiver) -> None:
    for url in ("http://127.0.0.1:1/", "https://receiver.invalid/"):
        with pytest.raises(Transient) as caught:
            a_sink(receiver, url=url).send(a_message())
        assert not isinstance(caught.value, Ambiguous)
        assert url not in str(caught.value)


# --- the presets ---------------------------------------------------------------------------------


def test_pagerduty_gets_one_alert_a_finding_and_its_closing(receiver: FakeReceiver) -> None:
    sink = a_sink(receiver, format="pagerduty", api_key="R" * 32)
    sink.send(a_message(a_notice(ticket="https://jira.example.com/browse/SEC-1")))
    sink.resolve(a_notice(), NOW)
    opened, closed = (request.body for request in receiver.received)
    assert (opened["event_action"], opened["dedup_key"]) == ("trigger", "KS-ABCDEFGHIJ")
    assert opened["routing_key"] == "R" * 32
    assert (opened["payload"]["severity"], opened["payload"]["source"]) == ("critical", "prod (111122223333)")
    assert opened["links"][0]["href"].endswith("SEC-1")
    assert closed == {"event_action": "resolve", "dedup_key": "KS-ABCDEFGHIJ", "routing_key": "R" * 32}


def test_opsgenie_opens_an_alert_and_closes_it_by_its_alias(receiver: FakeReceiver) -> None:
    sink = a_sink(receiver, format="opsgenie", api_key="key-1", url=receiver.url + "/v2/alerts")
    sink.send(a_message(a_notice(urgency="info", headline="x" * 200)))
    sink.resolve(a_notice(), NOW)
    opened, closed = receiver.received
    assert opened.headers["Authorization"] == "GenieKey key-1"
    assert (opened.body["alias"], opened.body["priority"]) == ("KS-ABCDEFGHIJ", "P5")
    assert len(opened.body["message"]) == 130
    assert opened.body["details"]["User"] == "ci-deploy"
    assert (closed.path, closed.query) == ("/v2/alerts/KS-ABCDEFGHIJ/close", {"identifierType": "alias"})


def test_teams_gets_an_adaptive_card_within_its_limit(receiver: FakeReceiver) -> None:
    a_sink(receiver, format="teams", group_by="owner").send(a_message(*many(200, user="u" * 64)))
    request = the_request(receiver)
    [attachment] = request.body["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert len(request.raw.encode()) < 28_000
    assert "and 192 more" in request.raw


def test_a_card_has_no_markdown_that_a_name_could_smuggle_in() -> None:
    made = json.loads(
        body("teams", Post("notice", a_message(a_notice(user="[x](http://evil)"))), Texts(), "")
    )
    kinds = {element["type"] for element in made["attachments"][0]["content"]["body"]}
    assert kinds == {"RichTextBlock"}


@pytest.mark.parametrize("form", ["keysteward", "pagerduty", "opsgenie", "teams"])
@pytest.mark.parametrize("event", ["notice", "resolved"])
def test_whatever_people_type_stays_data(form: Any, event: str) -> None:
    nasty = 'a "b" \\ </script> {{ 7*7 }}\n\t\x07 é 🔑'
    notice = a_notice(**dict.fromkeys(("user", "account", "headline", "reason", "last_used", "stage"), nasty))
    post = Post("notice", a_message(notice)) if event == "notice" else closing(notice, NOW)
    assert json.loads(body(form, post, Texts(), "k"))


def test_an_own_template_takes_the_place_of_the_built_in_one(receiver: FakeReceiver, tmp_path: Path) -> None:
    (tmp_path / "webhook_keysteward.json.j2").write_text('{"text": {{ title | json }}}')
    a_sink(receiver, Texts(tmp_path)).send(a_message())
    assert list(the_request(receiver).body) == ["text"]


@pytest.mark.parametrize("template", ["{{ title }}", "[1]", '{"text": {{ title }}}'])
def test_a_template_that_makes_no_json_object_is_named(
    receiver: FakeReceiver, tmp_path: Path, template: str
) -> None:
    (tmp_path / "webhook_teams.json.j2").write_text(template)
    with pytest.raises(Permanent, match=r"webhook_teams\.json\.j2"):
        a_sink(receiver, Texts(tmp_path), format="teams").send(a_message())
    assert receiver.received == []


# --- the options ---------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["https://x.example/a?b=c", "http://127.0.0.1:8080", "http://[::1]/x"])
def test_a_url_is_https_or_this_machine_itself(url: str) -> None:
    assert settings(url=url, secret="secretsmanager:NAME").url is not None


@pytest.mark.parametrize(
    "options",
    [
        {"url": "http://hooks.example/canary"},
        {"url": "https:///canary"},
        {"url": "https://x.example:canary"},
        {"url": "ftp://canary.example"},
        {"secret": "whsec_canary!"},
        {"headers": {"bad name": "canary"}},
        {"headers": {"Webhook-Id": "canary"}},
        {"headers": {"X-A": "canary\nX-B: c"}},
        {"format": "pagerduty", "runs": True, "api_key": "canary"},
        {"format": "opsgenie", "group_by": "owner", "api_key": "canary"},
    ],
)
def test_a_wrong_option_is_refused_without_its_value(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(**options)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(("form", "option"), [("keysteward", "url"), ("pagerduty", "api_key")])
def test_what_is_missing_is_named_with_its_variable(form: str, option: str) -> None:
    with pytest.raises(ConfigError, match=f"KEYSTEWARD_SINKS__HOOK__{option.upper()}"):
        WebhookSink("hook", settings(format=form), Tools())


def test_every_secret_of_the_config_is_masked_in_logs_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    headers = {"X-Key": "canary-header"}
    hook = {"type": "webhook", "url": "https://x.example/canary-url", "headers": headers}
    path.write_text(json.dumps({"sinks": {"hook": hook}}))
    read_config(path, {}, tmp_path, NOW)
    assert "canary" not in redactor("canary-header and https://x.example/canary-url")
