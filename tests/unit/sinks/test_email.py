"""Mail: what it says, and what each answer of the server means."""

from collections.abc import Iterator
from datetime import timedelta
from email import message_from_string, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from app.errors import Ambiguous, Permanent, RecipientUnreachable, Transient
from app.model import Caller
from app.sinks.email.settings import EmailSettings
from app.sinks.email.sink import EmailSink
from app.sinks.email.text import CARDS, as_html, as_text
from app.sinks.texts import Texts
from app.sinks.tools import Tools
from tests.fakes.certificates import server_context
from tests.fakes.notices import JANE, NOW, a_message, a_notice, many
from tests.fakes.smtp import FakeSmtp

GMAIL_CUTS_AT = 102_000  # bytes of HTML


@pytest.fixture
def smtp() -> Iterator[FakeSmtp]:
    with FakeSmtp() as fake:
        yield fake


def a_sink(smtp: FakeSmtp, **options: Any) -> EmailSink:
    given = {"type": "email", "from": "keys@example.com", "host": "127.0.0.1", "port": smtp.port}
    return EmailSink(
        "mail", EmailSettings.model_validate({**given, "tls": "none", "timeout": 1.5, **options}), Tools()
    )


def the_mail(smtp: FakeSmtp) -> EmailMessage:
    [raw] = smtp.mails
    return message_from_string(raw, policy=policy.default)


def test_one_mail_carries_the_whole_digest_as_text_and_html(smtp: FakeSmtp) -> None:
    receipt = a_sink(smtp).send(a_message(*many(3)))
    mail = the_mail(smtp)
    assert (mail["To"], mail["Subject"]) == (
        JANE,
        "3 AWS access keys need your attention, the first by Fri 27 Nov 2026",
    )
    assert receipt.counts
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        assert part is not None
        assert part.get_content().count("Fri 27 Nov 2026") >= 3


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
        a_sink(smtp, tls="starttls").send(a_message())
    assert smtp.mails == []


@pytest.mark.parametrize(
    "address",
    ["#iam-keys", "a@b.c, evil@example.com", "a@b.c\n", "a@b.c\nBcc: evil@example.com", '"a@b.c', "a(x)@b.c"],
)
def test_only_one_plain_address_is_written_to(smtp: FakeSmtp, address: str) -> None:
    with pytest.raises(RecipientUnreachable):
        a_sink(smtp).send(a_message(recipient=address))
    assert smtp.mails == []


def test_an_address_that_the_server_can_not_write_to_is_unreachable(smtp: FakeSmtp) -> None:
    with pytest.raises(RecipientUnreachable, match="ASCII"):
        a_sink(smtp).send(a_message(recipient="jürgen@example.com"))


def test_no_machine_answers_and_an_urgent_mail_says_so(smtp: FakeSmtp) -> None:
    a_sink(smtp).send(a_message())
    mail = the_mail(smtp)
    assert (mail["Auto-Submitted"], mail["Importance"]) == ("auto-generated", "high")
    a_sink(smtp).send(a_message(a_notice(urgency="info")))
    assert message_from_string(smtp.mails[-1], policy=policy.default)["Importance"] is None


# --- encryption and login ------------------------------------------------------------------------


@pytest.mark.parametrize(("tls", "implicit"), [("starttls", False), ("implicit", True)])
def test_over_tls_it_logs_in_and_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tls: str, implicit: bool
) -> None:
    context, trusted = server_context(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    with FakeSmtp(context, implicit=implicit) as smtp:
        a_sink(smtp, tls=tls, username="keys", password="hunter2", timeout=60).send(a_message())
        assert (smtp.encrypted, smtp.logins, len(smtp.mails)) == (True, [("keys", "hunter2")], 1)


@pytest.mark.parametrize(("tls", "implicit"), [("starttls", False), ("implicit", True)])
def test_a_server_that_can_not_prove_its_name_gets_nothing(tmp_path: Path, tls: str, implicit: bool) -> None:
    context, _ = server_context(tmp_path)
    with FakeSmtp(context, implicit=implicit) as smtp:
        with pytest.raises(Transient, match=r"sinks\.mail.*tls"):
            a_sink(smtp, tls=tls, timeout=60).send(a_message())
        assert smtp.mails == []


@pytest.mark.parametrize(
    ("given", "meant"), [({}, "starttls"), ({"starttls": True}, "starttls"), ({"starttls": "false"}, "none")]
)
def test_the_older_option_starttls_means_what_it_did(given: dict[str, Any], meant: str) -> None:
    read = EmailSettings.model_validate({"type": "email", "from": "keys@example.com", **given})
    assert read.tls == meant


@pytest.mark.parametrize("given", [{"starttls": True, "tls": "none"}, {"starttls": "perhaps"}])
def test_both_options_or_nonsense_are_errors(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="give tls"):
        EmailSettings.model_validate({"type": "email", "from": "keys@example.com", **given})


# --- what it says --------------------------------------------------------------------------------

CALLERS = (Caller("203.0.113.7", "Terraform/1.7", "ec2", "eu-central-1", 87, NOW - timedelta(days=9)),)
TICKET = "https://example.atlassian.net/browse/SEC-7"


def both(*notices: Any, **changes: Any) -> list[str]:
    message = a_message(*notices, **changes)
    return [as_text(message, Texts()), as_html(message, Texts())]


def test_what_happens_to_which_key_on_which_day_comes_first_and_then_what_to_do() -> None:
    for shown in both():
        body = shown[shown.find("<table") :] if "<table" in shown else shown
        order = ["…WXYZ", "Rotate the key before that day", "Last used", "2 h ago by s3", "How to rotate"]
        at = [body.index(words) for words in order]
        assert at == sorted(at)
        assert body.index("Fri 27 Nov 2026") < body.index("Last used")
        assert "in 7 days" in body


def test_the_evidence_is_all_there() -> None:
    for shown in both(a_notice(callers=CALLERS, advice="Give the instance a role.", ticket=TICKET)):
        for words in (
            "203.0.113.7",
            "87 calls",
            "Give the instance a role.",
            TICKET,
            "tag owner",
            "92 days old",
        ):
            assert words in shown
        for words in ("KS-ABCDEFGHIJ", "rule default", "stage final", "prod (111122223333)"):
            assert words in shown


@pytest.mark.parametrize(
    ("days", "said"), [(0, "today"), (-1, "today"), (1, "tomorrow"), (2, "in 2 days"), (30, "in 30 days")]
)
def test_the_day_is_said_as_people_count(days: int, said: str) -> None:
    for shown in both(a_notice(act_at=NOW + timedelta(days=days))):
        assert said in shown


def test_after_a_deactivation_it_says_how_to_undo_it() -> None:
    text, html = both(a_notice(kind="done", act="deactivate", act_at=NOW))
    assert 'keysteward restore KS-ABCDEFGHIJ --reason "…"' in text
    assert "KS-ABCDEFGHIJ</span>" in html
    assert "How to rotate" not in text + html


def test_nothing_can_be_undone_after_a_deletion() -> None:
    for shown in both(a_notice(kind="done", act="delete", act_at=NOW)):
        assert "gone for good" in shown
        assert "restore" not in shown


def test_without_a_day_it_names_none() -> None:
    for shown in both(a_notice(act=None, act_at=None, headline="Rotate …WXYZ", urgency="info")):
        assert "Will be" not in shown
        assert "Rotate …WXYZ" in shown


def test_before_a_deletion_and_at_the_end_of_an_exemption_it_says_what_to_do() -> None:
    assert all("nobody needs it back" in shown for shown in both(a_notice(act="delete")))
    assert "Last call for" in both(a_notice(act="delete"))[1]
    ending = a_notice(kind="exemption", act=None, act_at=None, stage="exemption-ends")
    assert all("exemption renewed" in shown for shown in both(ending))


def test_a_fallback_is_told_why() -> None:
    assert all("Please pass it on" in shown for shown in both(is_fallback=True))


def test_a_big_digest_has_cards_for_the_worst_and_a_line_each_for_the_rest() -> None:
    for shown in both(*many(200, callers=CALLERS * 5)):
        assert f"And {200 - CARDS} more" in shown
        assert shown.count("Terraform/1.7") == 5 * CARDS
        assert shown.count("…WXYZ") >= 200
        assert shown.count("How to rotate") == 1
        assert len(shown.encode()) < GMAIL_CUTS_AT


def test_the_html_loads_nothing_and_fits_a_phone() -> None:
    html = as_html(a_message(*many(12, ticket=TICKET)), Texts())
    for forbidden in ("<img", "<link", "<script", "src=", "url(", "@import", "<form"):
        assert forbidden not in html
    assert "width=device-width" in html
    assert "prefers-color-scheme: dark" in html
    assert "max-width:600px" in html


def test_only_web_addresses_become_links() -> None:
    trick = "javascript:alert(1)//x"
    for ticket in ("SEC-7", trick):
        assert "href" not in as_html(a_message(a_notice(ticket=ticket)), Texts())
    quoted = 'https://example.com/"onmouseover="x'
    assert '"onmouseover' not in as_html(a_message(a_notice(ticket=quoted)), Texts())


def test_a_name_can_not_inject_html() -> None:
    trick = "<script>alert(1)</script>"
    caller = Caller(trick, trick, trick, trick, 1, NOW)
    texts = dict.fromkeys(
        (
            "user",
            "account",
            "owner",
            "owner_how",
            "headline",
            "reason",
            "last_used",
            "status",
            "rule",
            "stage",
        ),
        trick,
    )
    many_ = (a_notice(**texts, callers=(caller,), advice=trick, ticket=trick),) * (CARDS + 1)
    html = as_html(a_message(*many_, is_fallback=True, recipient=trick), Texts())
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_the_users_own_template_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "mail.html.j2").write_text("<p>{{ title }} {{ cards[0].notice.user }}</p>")
    html = as_html(a_message(a_notice(headline="A & B", user="<x>")), Texts(tmp_path))
    assert html == "<p>A &amp; B &lt;x&gt;</p>"
