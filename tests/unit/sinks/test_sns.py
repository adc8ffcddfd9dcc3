"""SNS: what is published, what subscriptions filter by, and what each failure means."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from pydantic import ValidationError

from app.errors import Ambiguous, Permanent, Transient
from app.plan.summary import RunSummary, SummaryRow
from app.sinks.sns.settings import SnsSettings
from app.sinks.sns.sink import SnsSink, as_subject
from app.sinks.tools import Tools
from tests.fakes import http
from tests.fakes.aws import point_sdk_at
from tests.fakes.notices import NOW, a_message, a_notice
from tests.fakes.sns import FakeSns, refusal
from tests.fakes.summaries import a_summary, an_alert

TOPIC = "arn:aws:sns:eu-central-1:111122223333:iam-keys"
RUN = RunSummary(NOW, "1.0", "notify", "success")


@pytest.fixture
def sns() -> Iterator[FakeSns]:
    with FakeSns() as fake:
        yield fake


def settings(**options: Any) -> SnsSettings:
    return SnsSettings.model_validate({"type": "sns", "topic_arn": TOPIC, "timeout": 1.5, **options})


def a_sink(sns: FakeSns, **options: Any) -> SnsSink:
    return SnsSink("topic", settings(**options), Tools(), sns.client(0.5))


def the_publication(sns: FakeSns) -> dict[str, Any]:
    [parameters] = sns.published
    return parameters


def attributes(parameters: dict[str, Any]) -> dict[str, str]:
    prefix = "MessageAttributes.entry."
    names = {k: v for k, v in parameters.items() if k.startswith(prefix) and k.endswith("Name")}
    return {v: parameters[k.replace("Name", "Value.StringValue")] for k, v in names.items()}


def test_a_notice_is_published_with_a_subject_and_attributes_to_filter_by(sns: FakeSns) -> None:
    receipt = a_sink(sns).send(a_message())
    told = the_publication(sns)
    assert json.loads(told["Message"])["event"] == "notice"
    assert told["Subject"] == "Rotate key ..WXYZ of ci-deploy in prod: it will be deactivated on 27 Nov 2026"
    assert attributes(told) == {"event": "notice", "urgency": "critical", "account_id": "111122223333"}
    assert (receipt.counts, receipt.refs) == (False, {"alert": "KS-ABCDEFGHIJ"})
    assert "MessageGroupId" not in told


def test_a_fifo_topic_keeps_the_order_of_each_finding_and_drops_repeats(sns: FakeSns) -> None:
    sink = a_sink(sns, topic_arn=TOPIC + ".fifo", runs=True)
    sink.send(a_message())
    sink.resolve(a_notice(), NOW)
    sink.report(RUN)
    places = [(told["MessageGroupId"], told["MessageDeduplicationId"]) for told in sns.published]
    assert places == [
        ("KS-ABCDEFGHIJ", "msg-1"),
        ("KS-ABCDEFGHIJ", "KS-ABCDEFGHIJ-1-resolved"),
        ("run", "run-20261120T090000Z"),
    ]


def test_a_run_is_published_only_where_that_is_asked_for(sns: FakeSns) -> None:
    a_sink(sns).report(RUN)
    assert sns.published == []
    a_sink(sns, runs=True).report(RUN)
    assert attributes(the_publication(sns)) == {"event": "run"}


def test_a_run_that_is_too_large_leaves_its_rows_out_and_says_so(sns: FakeSns) -> None:
    row = SummaryRow("warned", "KS-1", "111122223333", "prod", "u" * 64, "…WXYZ", "é" * 200)
    a_sink(sns, runs=True).report(RunSummary(NOW, "1.0", "notify", "success", rows=(row,) * 1000))
    told = json.loads(the_publication(sns)["Message"])["run"]
    assert told["rows"] == []
    assert told["warnings"] == ["1000 rows are left out: they are more than SNS takes"]


def test_an_alert_that_is_too_large_leaves_its_rows_out_and_keeps_its_text(sns: FakeSns) -> None:
    a_sink(sns, runs=True).report(a_summary(alerts=(an_alert(2_000),)))
    told = json.loads(the_publication(sns)["Message"])["run"]
    assert told["warnings"] == ["2001 rows are left out: they are more than SNS takes"]
    [alert] = told["alerts"]
    assert (alert["what"], alert["plan"], alert["rows"]) == ("approval", "3f2a91c04d5e", [])


@pytest.mark.parametrize("text", ["x" * 300, "Schlüssel für\nBjörn\x07", "🔑" * 200])
def test_a_subject_is_short_ascii_on_one_line(text: str) -> None:
    made = as_subject(text)
    assert made.isascii()
    assert made.isprintable()
    assert 0 < len(made) <= 100


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (refusal(403, "AuthorizationError", "canary"), Transient, "sns:Publish"),
        (refusal(403, "KMSAccessDenied"), Transient, "kms:GenerateDataKey"),
        (refusal(404, "NotFound"), Transient, "topic_arn"),
        (refusal(429, "Throttled"), Transient, "later"),
        (refusal(503, "ServiceUnavailable"), Transient, "later"),
        (refusal(500, "InternalError"), Ambiguous, "same id"),
        (refusal(400, "InvalidParameter", "canary"), Permanent, "InvalidParameter"),
        (http.ARRIVES_THEN_HANGS, Ambiguous, "same id"),
        (http.ARRIVES_THEN_RESETS, Ambiguous, "same id"),
        (http.status(200, "<html>a proxy</html>"), Ambiguous, "same id"),
    ],
)
def test_each_failure_says_whether_to_try_again_and_what_to_mend(
    sns: FakeSns, fault: http.Fault, kind: type[Exception], words: str
) -> None:
    sns.fail("Publish", fault)
    with pytest.raises(kind, match=words) as caught:
        a_sink(sns).send(a_message())
    assert type(caught.value) is kind
    assert "canary" not in str(caught.value)


def test_a_closed_port_is_tried_later(sns: FakeSns) -> None:
    client = sns.client(0.5)
    sns.__exit__()
    with pytest.raises(Transient) as caught:
        SnsSink("topic", settings(), Tools(), client).send(a_message())
    assert not isinstance(caught.value, Ambiguous)


def test_the_region_is_that_of_the_topic_unless_another_is_given() -> None:
    assert settings().in_region == "eu-central-1"
    assert settings(region="us-east-1").in_region == "us-east-1"


@pytest.mark.parametrize("arn", ["iam-keys", "arn:aws:sqs:eu-central-1:111122223333:q", TOPIC + " "])
def test_a_topic_is_given_by_its_arn(arn: str) -> None:
    with pytest.raises(ValidationError):
        settings(topic_arn=arn)


@pytest.mark.parametrize("fifo", [False, True])
def test_what_is_published_arrives_in_a_subscribed_queue(monkeypatch: pytest.MonkeyPatch, fifo: bool) -> None:
    point_sdk_at("", monkeypatch)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    with mock_aws():
        suffix, traits = (".fifo", {"FifoTopic": "true"}) if fifo else ("", {})
        topic = boto3.client("sns").create_topic(Name=f"keys{suffix}", Attributes=traits)["TopicArn"]
        queues: Any = boto3.client("sqs")
        url = queues.create_queue(QueueName=f"q{suffix}", Attributes={"FifoQueue": "true"} if fifo else {})[
            "QueueUrl"
        ]
        arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        boto3.client("sns").subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=arn,
            Attributes={"FilterPolicy": json.dumps({"urgency": ["critical"]}), "RawMessageDelivery": "true"},
        )
        sink = SnsSink("topic", settings(topic_arn=topic), Tools())
        sink.send(a_message())
        sink.send(a_message(a_notice(urgency="info"), id="msg-2"))
        [arrived] = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        assert json.loads(arrived["Body"])["id"] == "msg-1"
