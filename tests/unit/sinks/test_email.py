"""Mail: what it says, and what each answer of the server means."""

from collections.abc import Iterator
from email import message_from_string, policy
from email.message import EmailMessage
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.ses.models import ses_backends

from app.errors import Ambiguous, ConfigError, Permanent, RecipientUnreachable, Transient
from app.sinks.email.settings import EmailSettings
from app.sinks.email.sink import EmailSink
from app.sinks.email.text import as_html
from app.sinks.texts import Texts
from app.sinks.tools import Tools
from tests.fakes.notices import JANE, a_message, a_notice, many
from tests.fakes.smtp import FakeSmtp


@pytest.fixture
def smtp() -> Iterator[FakeSmtp]:
    with FakeSmtp() as fake:
        yield fake


def a_sink(smtp: FakeSmtp, **options: Any) -> EmailSink:
    given = {"type": "email", "from": "keys@example.com", "host": "127.0.0.1", "port": smtp.port}
    return EmailSink(
        "mail", EmailSettings.model_validate({**given, "starttls": False, "timeout": 0.5, **options}), Tools()
    )


def the_mail(smtp: FakeSmtp) -> EmailMessage:
    [raw] = smtp.mails
    return message_from_string(raw, policy=policy.default)


def test_one_mail_carries_the_whole_digest_as_text_and_html(smtp: FakeSmtp) -> None:
    receipt = a_sink(smtp).send(a_message(*many(3)))
    mail = the_mail(smtp)
    assert (mail["To"], mail["Subject"]) == (JANE, "3 AWS access keys need your attention")
    assert receipt.counts
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        assert part is not None
        assert part.get_content().count("Fri 27 Nov 2026") == 3


def test_a_repeat_has_the_same_message_id(smtp: FakeSmtp) -> None:
    sink = a_sink(smtp)
    first, second = sink.send(a_message()), sink.send(a_message(maybe_sent=True))
    assert first.refs == second.refs == {"message_id": "<msg-1@example.com>"}


@pytest.mark.parametrize("code", [550, 551, 553])
def test_a_mailbox_that_does_not_exist_is_unreachable(smtp: FakeSmtp, code: int) -> None:
    smtp.replies["RCPT"] = f"{code} no such user"
    with pytest.raises(RecipientUnreachable):
        a_sink(smtp).send(a_message())


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_a_server_that_is_busy_is_tried_again(smtp: FakeSmtp, verb: str) -> None:
    smtp.replies[verb] = "451 try again"
    with pytest.raises(Transient) as caught:
        a_sink(smtp).send(a_message())
    assert not isinstance(caught.value, Ambiguous)


def test_a_refusal_for_good_is_permanent(smtp: FakeSmtp) -> None:
    smtp.replies["DATA"] = "554 spam"
    with pytest.raises(Permanent):
        a_sink(smtp).send(a_message())


def test_a_lost_answer_is_ambiguous(smtp: FakeSmtp) -> None:
    smtp.stall_after_data = True
    with pytest.raises(Ambiguous):
        a_sink(smtp).send(a_message())


def test_a_server_that_does_not_encrypt_gets_nothing(smtp: FakeSmtp) -> None:
    with pytest.raises(Transient, match="starttls"):
        a_sink(smtp, starttls=True).send(a_message())
    assert smtp.mails == []


@pytest.mark.parametrize("address", ["#iam-keys", "a@b.c, evil@example.com", "a@b.c\nBcc: evil@example.com"])
def test_only_one_plain_address_is_written_to(smtp: FakeSmtp, address: str) -> None:
    with pytest.raises(RecipientUnreachable):
        a_sink(smtp).send(a_message(recipient=address))
    assert smtp.mails == []


def test_a_name_can_not_inject_html() -> None:
    trick = "<script>alert(1)</script>"
    html = as_html(a_message(a_notice(user=trick, headline=trick, reason=trick)), Texts())
    assert "<script>" not in html


# --- SES -----------------------------------------------------------------------------------------


@pytest.fixture
def ses(monkeypatch: pytest.MonkeyPatch) -> Iterator[EmailSink]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        options = {"type": "email", "from": "keys@example.com", "transport": "ses", "region": "eu-central-1"}
        yield EmailSink("mail", EmailSettings.model_validate(options), Tools())


def test_ses_takes_the_same_mail(ses: EmailSink) -> None:
    boto3.client("ses", region_name="eu-central-1").verify_email_identity(EmailAddress="keys@example.com")
    assert ses.send(a_message()).counts
    [sent] = ses_backends["123456789012"]["eu-central-1"].sent_messages
    assert "Fri 27 Nov 2026" in sent.raw_data
    assert set(sent.destinations) == {JANE}


def test_a_sender_that_ses_does_not_know_is_refused_with_what_to_check(ses: EmailSink) -> None:
    with pytest.raises(Permanent, match=r"check that sinks\.mail\.from"):
        ses.send(a_message())


def test_ses_without_a_region_is_an_error_of_the_config(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    options = {"type": "email", "from": "keys@example.com", "transport": "ses"}
    with pytest.raises(ConfigError, match=r"sinks\.mail\.region: missing"):
        EmailSink("mail", EmailSettings.model_validate(options), Tools())
