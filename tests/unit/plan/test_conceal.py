"""How many characters of a key's id people get to see."""

from datetime import UTC, datetime

import pytest

from app.model import Caller
from app.plan.conceal import conceal
from app.plan.summary import Alert, RunSummary, SummaryRow
from tests.fakes.notices import NOW, a_notice

KEY_ID = "AKIA" + "IOSFODNN7EXAMPLE"[:12] + "WXYZ"


@pytest.mark.parametrize(("shown", "tail"), [(4, "…WXYZ"), (3, "…XYZ"), (2, "…YZ"), (1, "…Z"), (0, "…")])
def test_the_tail_is_as_long_as_asked_wherever_it_stands(shown: int, tail: str) -> None:
    notice = conceal(a_notice(steps=("Delete …WXYZ",), next_owners=(("a@example.com", "key …WXYZ"),)), shown)
    assert notice.key_tail == tail
    assert notice.headline == f"Rotate key {tail} of ci-deploy in prod: it will be deactivated on 27 Nov 2026"
    assert notice.steps == (f"Delete {tail}",)
    assert notice.next_owners == (("a@example.com", f"key {tail}"),)


def test_it_never_shows_more_than_is_there() -> None:
    notice = a_notice()
    assert conceal(conceal(notice, 2), 4).key_tail == "…YZ"
    assert conceal(notice, 9) == notice
    assert conceal(notice, -1).key_tail == "…"


def test_another_key_that_a_name_or_a_caller_quotes_is_concealed_too() -> None:
    caller = Caller("203.0.113.7", f"script {KEY_ID}", "s3", "", 3, datetime(2026, 11, 1, tzinfo=UTC))
    notice = conceal(a_notice(user=f"bot-{KEY_ID}", callers=(caller,)), 0)
    assert notice.user == "bot-…"
    assert notice.callers[0].agent == "script …"
    assert notice.callers[0].calls == 3


def test_the_rows_of_an_alert_are_concealed_like_all_others() -> None:
    row = SummaryRow("held", "KS-1", "1", "prod", "x", "…WXYZ", "why")
    run = RunSummary(NOW, "1.0", "enforce", "success", alerts=(Alert("approval", "of …WXYZ", rows=(row,)),))
    [alert] = conceal(run, 0).alerts
    assert (alert.text, alert.rows[0].key_tail) == ("of …", "…")


def test_a_key_whose_id_was_not_read_is_concealed_alike() -> None:
    assert conceal(a_notice(key_tail="…????"), 0).key_tail == "…"


def test_what_follows_a_key_does_not_protect_it() -> None:
    assert conceal(a_notice(user=f"{KEY_ID}99"), 0).user == "…99"
    assert conceal(a_notice(reason="Is it …WXYZ? …and so on"), 0).reason == "Is it …? …and so on"


def test_a_run_summary_is_concealed_in_rows_failures_and_warnings() -> None:
    row = SummaryRow("held", "KS-ABCDEFGHIJ", "111122223333", "prod", "ci", "…WXYZ", "…WXYZ is held", at=NOW)
    run = RunSummary(NOW, "1.0", "enforce", "partial", {"ok": 1}, {}, (row,), ("…WXYZ failed",), ("…WXYZ?",))
    told = conceal(run, 1)
    assert (told.rows[0].key_tail, told.rows[0].why, told.rows[0].at) == ("…Z", "…Z is held", NOW)
    assert (told.failures, told.warnings) == (("…Z failed",), ("…Z?",))
    assert "WXYZ" not in str(told.to_json())
    assert told.accounts == {"ok": 1}
