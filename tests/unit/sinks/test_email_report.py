"""The run report that admins get by mail."""

import json
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_string, policy
from email.message import EmailMessage
from typing import Any

import pytest

from app.errors import Permanent
from app.plan.summary import BETWEEN, Alert, RunSummary
from app.sinks.email.report import compose_report
from app.sinks.email.settings import EmailSettings
from app.sinks.email.sink import EmailSink
from app.sinks.texts import Texts
from app.sinks.tools import Tools
from tests.fakes.smtp import FakeSmtp
from tests.fakes.summaries import a_summary, an_alert, rows

ADMINS = ("a@example.com", "b@example.com")
MOST = 25


@pytest.fixture
def smtp() -> Iterator[FakeSmtp]:
    with FakeSmtp() as fake:
        yield fake


def a_sink(smtp: FakeSmtp, **options: Any) -> EmailSink:
    given = {"type": "email", "from": "keys@example.com", "host": "127.0.0.1", "port": smtp.port}
    more = {"tls": "none", "timeout": 1.5, "report_to": list(ADMINS), **options}
    return EmailSink("mail", EmailSettings.model_validate({**given, **more}), Tools())


def report(summary: RunSummary) -> EmailMessage:
    return compose_report(summary, "keys@example.com", ADMINS, Texts())


def both(summary: RunSummary) -> list[str]:
    parts = [report(summary).get_body((kind,)) for kind in ("plain", "html")]
    return [str(part.get_content()) for part in parts if part]


def test_one_mail_goes_to_all_admins_with_the_run_as_json(smtp: FakeSmtp) -> None:
    summary = a_summary(*rows("deactivated", 1))
    a_sink(smtp).report(summary)
    [raw] = smtp.mails
    mail = message_from_string(raw, policy=policy.default)
    [attached] = mail.iter_attachments()
    assert smtp.recipients == list(ADMINS)
    assert attached.get_filename() == "keysteward-run-2026-11-20.json"
    assert attached.get_content_type() == "application/json"
    assert json.loads(attached.get_content()) == summary.to_json()


@pytest.mark.parametrize(
    ("reports", "news", "sent"),
    [("changes", True, 1), ("changes", False, 0), ("always", False, 1), ("never", True, 0)],
)
def test_the_config_says_which_runs_are_reported(smtp: FakeSmtp, reports: str, news: bool, sent: int) -> None:
    a_sink(smtp, reports=reports).report(a_summary(news=news))
    assert len(smtp.mails) == sent


@pytest.mark.parametrize("reports", ["changes", "always", "never"])
def test_an_alert_is_reported_in_any_case(smtp: FakeSmtp, reports: str) -> None:
    a_sink(smtp, reports=reports).report(a_summary(news=False, alerts=(an_alert(),)))
    assert len(smtp.mails) == 1


def test_what_somebody_must_look_at_comes_before_all_else() -> None:
    some = a_summary(*rows("deactivated", 1), alerts=(an_alert(40),))
    assert "Fri 20 Nov 2026: approval needed, 1 deactivated" in str(report(some)["Subject"])
    for shown in both(some):
        assert "`keysteward approve 3f2a91c04d5e`" in shown
        assert "and 15 more: see the attached" in shown
        assert shown.index("keysteward approve") < shown.rindex("Deactivated")


def test_nobody_is_told_where_nobody_asked(smtp: FakeSmtp) -> None:
    a_sink(smtp, report_to=[]).report(a_summary())
    assert smtp.mails == []


def test_an_admin_that_the_server_refuses_is_said_while_the_others_have_it(smtp: FakeSmtp) -> None:
    smtp.unknown.add(ADMINS[1])
    with pytest.raises(Permanent, match="refused 1 of the addresses; the others have it"):
        a_sink(smtp).report(a_summary())
    assert len(smtp.mails) == 1


def test_the_subject_counts_what_matters() -> None:
    some = a_summary(*rows("held", 2), *rows("warned", 3), *rows("deactivated", 1), failures=("x",))
    said = "Keysteward run of Fri 20 Nov 2026: 1 deactivated, 3 warned, 2 held back, 1 failure"
    assert report(some)["Subject"] == said


def test_a_run_that_did_nothing_says_so() -> None:
    quiet = a_summary(rows=(), accounts={}, delivered={})
    assert report(quiet)["Subject"] == "Keysteward run of Fri 20 Nov 2026: nothing to do"
    assert all("1.2.3" in shown for shown in both(quiet))


def test_what_is_told_between_two_runs_is_not_said_to_be_one() -> None:
    between = replace(
        a_summary(rows=(), accounts={}), outcome=BETWEEN, alerts=(Alert("config", "It is broken"),)
    )
    assert report(between)["Subject"] == "Keysteward, Fri 20 Nov 2026: config refused"
    for shown in both(between):
        assert "It is broken" in shown
        for words in ("Run of", "run of", "between", "whole run", "Accounts", "Resolved"):
            assert words not in shown


def test_it_tells_what_was_done_held_and_why_and_what_failed() -> None:
    done = (*rows("deactivated", 1), *rows("deleted", 1), *rows("warned", 1), *rows("resolved", 1))
    held = (
        *rows("held", 2, guard="freeze", why="freeze window Fri-Mon"),
        *rows("held", 1, guard="brake", why="past the brake"),
    )
    for shown in both(a_summary(*done, *held, failures=("prod: denied",), warnings=("mail: no permission",))):
        for words in ("Held back by freeze", "freeze window Fri-Mon", "Held back by brake", "past the brake"):
            assert words in shown
        for words in ("Deactivated", "Deleted", "Warned", "Resolved", "prod: denied", "mail: no permission"):
            assert words in shown
        for words in ("1.2.3", "enforce", "success", "12 by slack", "keysteward-run-2026-11-20.json"):
            assert words in shown


def test_a_long_list_is_cut_and_points_at_the_attachment() -> None:
    for shown in both(a_summary(*rows("warned", 337), failures=tuple(f"fault {n}" for n in range(30)))):
        assert "and 312 more: see the attached keysteward-run-2026-11-20.json" in shown
        assert "and 5 more" in shown
        assert shown.count("user-") == MOST


def test_no_text_injects_html_or_holds_a_full_key_id() -> None:
    trick = "<script>x</script> " + "AKIA" + "CANARY7CANARY7WX"
    summary = a_summary(
        *rows("held", 2, user=trick, why=trick, account=trick, owner=trick, guard=trick),
        failures=(trick,),
        warnings=(trick,),
    )
    mail = report(summary)
    attached = next(iter(mail.iter_attachments())).get_content()
    for shown in (*both(summary), attached, mail["Subject"]):
        assert "CANARY7CANARY" not in str(shown)
    assert "<script>" not in both(summary)[1]
