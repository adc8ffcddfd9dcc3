"""Mail over SES, on real ports: whom it is not sent to, and what each answer means."""

from collections.abc import Iterator
from email import message_from_string, policy
from typing import Any

import pytest

from app.errors import Ambiguous, ConfigError, Permanent, RecipientLeft, RecipientUnreachable, Transient
from app.sinks.email.settings import EmailSettings
from app.sinks.email.sink import EmailSink
from app.sinks.email.suppressed import REMARK
from app.sinks.tools import Tools
from app.sinks.waits import Waits
from tests.fakes import http
from tests.fakes.aws import point_sdk_at
from tests.fakes.notices import JANE, a_message
from tests.fakes.ses import FakeSes, query_refusal, refusal
from tests.fakes.summaries import a_summary


class Time:
    """Sleeping moves it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def ses(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSes]:
    with FakeSes() as fake:
        point_sdk_at(fake.url, monkeypatch)
        yield fake


@pytest.fixture
def sink(ses: FakeSes, time: Time) -> EmailSink:
    return a_sink(time)


def a_sink(time: Time, **options: Any) -> EmailSink:
    given = {"type": "email", "from": "keys@example.com", "transport": "ses", "region": "eu-central-1"}
    tools = Tools(Waits(time.sleep, time.monotonic))
    return EmailSink("mail", EmailSettings.model_validate({**given, "timeout": 1.5, **options}), tools)


def test_the_mail_goes_out_after_a_look_at_the_suppression_list(sink: EmailSink, ses: FakeSes) -> None:
    receipt = sink.send(a_message())
    [(to, raw)] = ses.sent
    mail = message_from_string(raw, policy=policy.default)
    assert (to, mail["To"], receipt.counts, receipt.remarks) == ([JANE], JANE, True, ())
    assert len(ses.calls("suppressed")) == 1


@pytest.mark.parametrize(("reason", "left"), [("BOUNCE", True), ("COMPLAINT", False)])
def test_who_bounced_has_left_and_who_complained_is_only_out_of_reach(
    sink: EmailSink, ses: FakeSes, reason: str, left: bool
) -> None:
    ses.suppressed[JANE] = reason
    with pytest.raises(RecipientUnreachable, match=reason) as caught:
        sink.send(a_message())
    assert isinstance(caught.value, RecipientLeft) == left
    assert ses.sent == []


def test_an_answer_is_kept_for_hours_and_then_asked_for_again(
    sink: EmailSink, ses: FakeSes, time: Time
) -> None:
    for _ in range(3):
        sink.send(a_message())
    assert len(ses.calls("suppressed")) == 1
    ses.suppressed[JANE] = "BOUNCE"
    time.now += 6 * 3600
    with pytest.raises(RecipientLeft):
        sink.send(a_message())


def test_an_address_that_works_again_is_written_to_again(sink: EmailSink, ses: FakeSes, time: Time) -> None:
    ses.suppressed[JANE] = "BOUNCE"
    with pytest.raises(RecipientLeft):
        sink.send(a_message())
    del ses.suppressed[JANE]
    time.now += 6 * 3600
    assert sink.send(a_message()).counts


def test_a_denial_is_remembered_remarked_upon_and_stops_no_mail(sink: EmailSink, ses: FakeSes) -> None:
    ses.fail("suppressed", refusal(403, "AccessDeniedException"))
    receipts = [sink.send(a_message(recipient=to)) for to in (JANE, JANE, "joe@example.com")]
    assert [receipt.remarks for receipt in receipts] == [(REMARK,)] * 3
    assert (len(ses.sent), len(ses.calls("suppressed"))) == (3, 1)


def test_asking_too_fast_is_paced(sink: EmailSink, ses: FakeSes, time: Time) -> None:
    ses.fail("suppressed", refusal(429, "TooManyRequestsException"), refusal(429, "TooManyRequestsException"))
    ses.suppressed[JANE] = "BOUNCE"
    with pytest.raises(RecipientLeft):
        sink.send(a_message())
    assert time.slept == [1, 1]


@pytest.mark.parametrize("fault", [refusal(500, "InternalError"), http.RESET, http.HANG])
def test_a_list_that_does_not_answer_stops_no_mail_and_is_asked_again(
    sink: EmailSink, ses: FakeSes, fault: http.Fault
) -> None:
    ses.fail("suppressed", fault)
    assert sink.send(a_message()).remarks == ()
    sink.send(a_message())
    assert (len(ses.sent), len(ses.calls("suppressed"))) == (2, 2)


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        (query_refusal(400, "MessageRejected"), Permanent, r"check that sinks\.mail\.from"),
        (
            query_refusal(400, "MailFromDomainNotVerified"),
            Transient,
            r"check sinks\.mail\.from",
        ),
        (query_refusal(403, "AccessDenied"), Transient, "the hub may ses:SendRawEmail"),
        (query_refusal(400, "Throttling"), Transient, "tried again later"),
        (http.ARRIVES_THEN_HANGS, Ambiguous, "may have been sent"),
    ],
)
def test_each_refusal_says_what_to_do(
    sink: EmailSink, ses: FakeSes, fault: http.Fault, error: type[Exception], says: str
) -> None:
    ses.fail("send", fault)
    with pytest.raises(error, match=says):
        sink.send(a_message())


def test_the_report_goes_to_every_admin(ses: FakeSes, time: Time) -> None:
    admins = ["a@example.com", "b@example.com"]
    a_sink(time, report_to=admins).report(a_summary())
    assert ses.sent[0][0] == admins


def test_without_a_region_it_is_an_error_of_the_config(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(ConfigError, match=r"sinks\.mail\.region: missing"):
        a_sink(Time(), region=None)
