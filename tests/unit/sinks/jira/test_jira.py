"""Jira: one ticket a finding, whom it is for, and what each failure means."""

from datetime import timedelta

import pytest

from app.errors import Ambiguous, Permanent, Transient
from app.sinks.jira import markup, text
from app.sinks.jira.sink import JiraSink
from app.sinks.texts import Texts
from tests.fakes import http
from tests.fakes.jira import FakeJira
from tests.fakes.notices import JANE, NOW, a_message, a_notice
from tests.unit.sinks.jira.bench import LABEL, a_sink

# --- opening -------------------------------------------------------------------------------------


def test_a_ticket_says_what_whose_and_by_when(jira: FakeJira, sink: JiraSink, jane: str) -> None:
    receipt = sink.send(a_message())
    ticket = jira.tickets["SEC-1"]
    assert receipt.refs == {"key": "SEC-1", "url": f"{jira.url}/browse/SEC-1", "assignee": jane}
    assert ticket.fields["summary"] == "Rotate AWS access key …WXYZ of ci-deploy in prod"
    assert ticket.fields["duedate"] == "2026-11-27"
    assert ticket.labels == ["keysteward", LABEL]
    assert ticket.assignee == jane
    assert "# Create a second key" in ticket.description


def test_labels_of_the_config_are_added(jira: FakeJira, slept: list[float]) -> None:
    a_sink(jira, slept, labels=["aws"]).send(a_message())
    assert jira.tickets["SEC-1"].labels == ["keysteward", LABEL, "aws"]


def test_only_the_very_address_is_assigned_and_nobody_else(jira: FakeJira, sink: JiraSink) -> None:
    jira.add_user("jane.other@example.com")
    receipt = sink.send(a_message())
    assert jira.tickets["SEC-1"].assignee is None
    assert (receipt.recipient, receipt.counts) == ("SEC (unassigned)", False)


def test_an_inactive_user_is_not_assigned(jira: FakeJira, sink: JiraSink) -> None:
    jira.add_user(JANE, active=False)
    assert not sink.send(a_message()).counts


def test_an_unknown_owners_ticket_goes_to_the_fallback(jira: FakeJira, slept: list[float]) -> None:
    boss = jira.add_user("boss@example.com")
    receipt = a_sink(jira, slept, fallback_assignee="boss@example.com").send(a_message())
    assert jira.tickets["SEC-1"].assignee == boss
    assert (receipt.recipient, receipt.counts) == ("boss@example.com", True)


def test_the_fallback_may_be_an_account_id(jira: FakeJira, slept: list[float]) -> None:
    boss = jira.add_user("boss@example.com")
    a_sink(jira, slept, fallback_assignee=boss).send(a_message())
    assert jira.tickets["SEC-1"].assignee == boss


def test_a_config_may_say_that_tickets_do_not_count(jira: FakeJira, slept: list[float], jane: str) -> None:
    assert not a_sink(jira, slept, counts=False).send(a_message()).counts


@pytest.mark.usefixtures("jane")
@pytest.mark.parametrize(("field", "counts"), [("duedate", True), ("assignee", False)])
def test_a_field_off_the_screen_is_left_out(jira: FakeJira, sink: JiraSink, field: str, counts: bool) -> None:
    jira.screenless = {field}
    assert sink.send(a_message()).counts is counts
    assert field not in jira.tickets["SEC-1"].fields


def test_a_refused_field_that_matters_is_permanent_in_jiras_own_words(jira: FakeJira, sink: JiraSink) -> None:
    jira.screenless = {"labels"}
    with pytest.raises(Permanent, match=r"labels: .*not on the appropriate screen"):
        sink.send(a_message())


# --- finding it again ----------------------------------------------------------------------------


def test_a_ticket_is_found_by_its_label_when_the_ledger_forgot_it(jira: FakeJira, sink: JiraSink) -> None:
    jira.open("other-label")
    jira.open(LABEL)
    receipt = sink.send(a_message())
    assert receipt.refs["key"] == "SEC-2"
    assert len(jira.tickets) == 2


def test_an_open_ticket_is_preferred_to_a_closed_one(jira: FakeJira, sink: JiraSink) -> None:
    jira.open(LABEL, status="Done")
    jira.open(LABEL)
    assert sink.send(a_message()).refs["key"] == "SEC-2"


def test_a_deleted_ticket_is_opened_anew(jira: FakeJira, sink: JiraSink) -> None:
    assert sink.send(a_message(a_notice(refs={"key": "SEC-99"}))).refs["key"] == "SEC-1"


def test_a_create_that_timed_out_is_not_repeated(jira: FakeJira, sink: JiraSink, jane: str) -> None:
    jira.fail("create", http.ARRIVES_THEN_HANGS)
    with pytest.raises(Ambiguous):
        sink.send(a_message())
    assert sink.send(a_message(maybe_sent=True)).refs["key"] == "SEC-1"
    assert [ticket.comments for ticket in jira.tickets.values()] == [[]]


def test_what_is_found_days_later_is_no_notice_of_that_day(jira: FakeJira, sink: JiraSink, jane: str) -> None:
    """With Slack's of the first day it made two notices, half a week apart, and a key was deactivated."""
    jira.fail("create", http.ARRIVES_THEN_HANGS)
    with pytest.raises(Ambiguous):
        sink.send(a_message())
    found = sink.send(a_message(maybe_sent=True))
    assert (found.counts, found.refs["key"]) == (False, "SEC-1")
    assert sink.send(a_message(a_notice(occurrence=2, refs=found.refs))).counts


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_comment_whose_answer_a_gateway_lost_is_not_repeated(
    jira: FakeJira, sink: JiraSink, status: int
) -> None:
    again = a_notice(occurrence=2, refs=sink.send(a_message()).refs)
    jira.fail("comment", http.Fault(http.Answer(status, "<html>Bad Gateway</html>"), arrives=True))
    with pytest.raises(Ambiguous):
        sink.send(a_message(again))
    sink.send(a_message(again, maybe_sent=True))
    assert len(jira.tickets["SEC-1"].comments) == 1


def test_a_comment_that_timed_out_is_not_repeated(jira: FakeJira, sink: JiraSink) -> None:
    again = a_notice(occurrence=2, refs=sink.send(a_message()).refs)
    jira.fail("comment", http.ARRIVES_THEN_RESETS)
    with pytest.raises(Ambiguous):
        sink.send(a_message(again))
    sink.send(a_message(again, maybe_sent=True))
    assert len(jira.tickets["SEC-1"].comments) == 1


def test_occurrence_1_is_not_taken_for_occurrence_11(jira: FakeJira, sink: JiraSink) -> None:
    refs = sink.send(a_message(a_notice(stage="warn"))).refs
    sink.send(a_message(a_notice(occurrence=11, refs=refs)))
    sink.send(a_message(a_notice(occurrence=1, refs=refs), maybe_sent=True))
    assert len(jira.tickets["SEC-1"].comments) == 2


# --- following up --------------------------------------------------------------------------------


def test_a_later_notice_is_a_comment_and_moves_the_due_date(jira: FakeJira, sink: JiraSink) -> None:
    refs = sink.send(a_message()).refs
    later = a_notice(occurrence=2, refs=refs, act_at=NOW + timedelta(days=20), headline="Now it is urgent")
    sink.send(a_message(later))
    ticket = jira.tickets["SEC-1"]
    assert ticket.fields["duedate"] == "2026-12-10"
    [comment] = ticket.comments
    assert comment.startswith("Now it is urgent")
    assert comment.endswith("Keysteward KS-ABCDEFGHIJ e1 final/2")


def test_a_due_date_that_can_not_be_edited_does_not_stop_the_comment(jira: FakeJira, sink: JiraSink) -> None:
    refs = sink.send(a_message()).refs
    jira.screenless = {"duedate"}
    sink.send(a_message(a_notice(occurrence=2, refs=refs, act_at=NOW)))
    assert len(jira.tickets["SEC-1"].comments) == 1


def test_an_unassigned_ticket_is_assigned_once_its_owner_is_known(
    jira: FakeJira, sink: JiraSink, jane: str
) -> None:
    jira.open(LABEL)
    assert sink.send(a_message()).counts
    assert jira.tickets["SEC-1"].assignee == jane


def test_who_a_person_assigned_it_to_is_left_alone(jira: FakeJira, sink: JiraSink, jane: str) -> None:
    ticket = jira.open(LABEL)
    other = jira.add_user("colleague@example.com")
    jira.assign(ticket.key, other)
    receipt = sink.send(a_message())
    assert (ticket.assignee, receipt.recipient) == (other, "colleague@example.com")


def test_what_was_done_tells_how_to_undo_it(jira: FakeJira, sink: JiraSink) -> None:
    refs = sink.send(a_message()).refs
    sink.send(a_message(a_notice(kind="done", stage="deactivate", refs=refs)))
    assert "keysteward restore KS-ABCDEFGHIJ" in jira.tickets["SEC-1"].comments[0]


def test_a_closed_ticket_is_reopened_by_the_configured_transition(jira: FakeJira, sink: JiraSink) -> None:
    jira.open(LABEL, status="Done")
    sink.send(a_message())
    assert jira.tickets["SEC-1"].status == "To Do"


def test_a_workflow_with_other_names_is_reopened_all_the_same(jira: FakeJira, slept: list[float]) -> None:
    jira.open(LABEL, status="Done")
    del jira.transition_names["To Do"]
    a_sink(jira, slept, reopen_transition="Backlog").send(a_message())
    assert jira.tickets["SEC-1"].status == "In Progress"


# --- resolving -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Done", "close", "no such transition"])
def test_resolving_says_why_and_closes_by_name_or_by_category(
    jira: FakeJira, slept: list[float], name: str
) -> None:
    sink = a_sink(jira, slept, done_transition=name)
    refs = sink.send(a_message()).refs
    sink.resolve(a_notice(headline="The key is gone", refs=refs), NOW)
    ticket = jira.tickets["SEC-1"]
    assert ticket.status == "Done"
    assert ticket.comments[0].startswith("The key is gone")


def test_resolving_twice_says_it_once(jira: FakeJira, sink: JiraSink) -> None:
    refs = sink.send(a_message()).refs
    jira.fail("transition", http.status(503))
    with pytest.raises(Transient):
        sink.resolve(a_notice(refs=refs), NOW)
    sink.resolve(a_notice(refs=refs), NOW)
    sink.resolve(a_notice(refs=refs), NOW)
    assert len(jira.tickets["SEC-1"].comments) == 1
    assert jira.tickets["SEC-1"].status == "Done"


def test_a_workflow_without_an_end_is_named(jira: FakeJira, sink: JiraSink) -> None:
    refs = sink.send(a_message()).refs
    del jira.transition_names["Done"]
    with pytest.raises(Permanent, match="SEC-1 has no transition that closes it"):
        sink.resolve(a_notice(refs=refs), NOW)


def test_the_next_episode_reopens_the_same_ticket(jira: FakeJira, sink: JiraSink) -> None:
    refs = sink.send(a_message()).refs
    sink.resolve(a_notice(refs=refs), NOW)
    again = sink.send(a_message(a_notice(episode=2, refs=refs)))
    assert again.refs == refs
    assert jira.tickets["SEC-1"].status == "To Do"


# --- failures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_says_what_to_check(jira: FakeJira, sink: JiraSink, status: int) -> None:
    jira.fail("create", http.status(status, {}))
    with pytest.raises(Transient, match=r"sinks\.jira\.token"):
        sink.send(a_message())


def test_an_unknown_project_says_what_to_check(jira: FakeJira, slept: list[float]) -> None:
    with pytest.raises(Transient, match=r"valid project is required; check sinks\.jira\.project"):
        a_sink(jira, slept, project="NOPE").send(a_message())


def test_a_short_rate_limit_is_sat_out(jira: FakeJira, sink: JiraSink, slept: list[float]) -> None:
    jira.fail("create", http.status(429, {}, Retry_After="9"))
    sink.send(a_message())
    assert slept == [9]
    assert len(jira.tickets) == 1


def test_a_time_out_while_reading_is_not_ambiguous(jira: FakeJira, sink: JiraSink) -> None:
    jira.fail("user_search", http.HANG)
    with pytest.raises(Transient) as caught:
        sink.send(a_message())
    assert not isinstance(caught.value, Ambiguous)
    assert jira.calls("create") == []


def test_a_site_that_is_not_there_is_transient_and_not_ambiguous(slept: list[float]) -> None:
    with FakeJira() as jira:
        sink = a_sink(jira, slept)
        sink.send(a_message())
    with pytest.raises(Transient) as caught:
        sink.send(a_message())
    assert not isinstance(caught.value, Ambiguous)


def test_nothing_is_asked_before_the_first_notice_and_the_server_only_once(
    jira: FakeJira, sink: JiraSink
) -> None:
    assert jira.requests == []
    for _ in range(2):
        sink.send(a_message())
    assert len(jira.calls("server_info")) == 1


def test_a_named_deployment_is_not_asked_for(jira: FakeJira, slept: list[float]) -> None:
    a_sink(jira, slept, deployment=jira.deployment.lower()).send(a_message())
    assert jira.calls("server_info") == []
    assert len(jira.tickets) == 1


# --- text ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("trick", ["[~admin]", "{code}", "!http://evil.example/x.png!", "[a|http://e]"])
def test_a_name_can_not_become_a_mention_or_a_macro(trick: str) -> None:
    notice = a_notice(**dict.fromkeys(("user", "account", "reason", "headline", "last_used", "owner"), trick))
    assert trick not in markup.to_wiki(text.description("finding", [notice], Texts()))
    assert trick not in markup.to_wiki(text.comment("finding", [notice], Texts()))


def test_a_long_name_does_not_make_the_summary_too_long() -> None:
    assert len(text.summary("finding", [a_notice(user="u" * 300)], Texts())) == 255


@pytest.mark.usefixtures("jane")
@pytest.mark.parametrize("status", [403, 404])
def test_a_ticket_is_opened_unassigned_where_people_may_not_be_looked_up(
    jira: FakeJira, sink: JiraSink, status: int
) -> None:
    jira.fail("user_search", http.status(status, {}))
    assert sink.send(a_message()).counts is False
    assert jira.tickets["SEC-1"].assignee is None
