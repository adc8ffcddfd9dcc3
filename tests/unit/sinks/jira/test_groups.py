"""One ticket for all keys of an owner or of an account."""

from dataclasses import replace
from typing import Any

import pytest

from app.errors import Ambiguous, PausedMeanwhile, Transient
from app.plan.notice import Notice
from app.sinks.interface import Receipt
from app.sinks.jira import text
from app.sinks.jira.sink import JiraSink
from tests.fakes import http
from tests.fakes.jira import FakeJira, Ticket
from tests.fakes.notices import JANE, NOW, a_message, a_notice, many
from tests.fakes.pause_gate import Gate
from tests.unit.sinks.jira.bench import a_sink

BOB = "bob@example.com"
OWNERS = "keysteward-owner-8c87b489ce35"
ACCOUNTS = "keysteward-account-111122223333"
A, B, C = (a_notice(finding_id=f"KS-{name * 10}") for name in "ABC")


@pytest.fixture
def by_owner(jira: FakeJira) -> JiraSink:
    return a_sink(jira, group_by="owner")


def again(notice: Notice, receipt: Receipt, **changes: Any) -> Notice:
    return replace(notice, refs=receipt.refs, occurrence=notice.occurrence + 1, **changes)


def label(notice: Notice) -> str:
    return text.label(notice)


@pytest.mark.parametrize(("group_by", "home"), [("owner", OWNERS), ("account", ACCOUNTS)])
def test_one_ticket_lists_all_keys_worst_first_under_a_label_of_the_group(
    jira: FakeJira, group_by: str, home: str
) -> None:
    receipt = a_sink(jira, group_by=group_by).send(a_message(A, B))
    [ticket] = jira.tickets.values()
    assert ticket.labels == ["keysteward", home, label(A), label(B)]
    assert ticket.description.index(A.finding_id) < ticket.description.index(B.finding_id)
    assert receipt.refs["group"] == home
    assert JANE not in str(ticket.labels)


@pytest.mark.parametrize(
    ("group_by", "summary"),
    [
        ("finding", "Rotate AWS access key …WXYZ of ci-deploy in prod"),
        ("owner", f"Rotate the AWS access keys of {JANE}"),
        ("account", "Rotate the AWS access keys in prod (111122223333)"),
    ],
)
def test_the_summary_says_what_the_ticket_is_about(jira: FakeJira, group_by: str, summary: str) -> None:
    sink = a_sink(jira, group_by=group_by)
    assert sink.grouping == group_by
    sink.send(a_message(A))
    assert jira.tickets["SEC-1"].fields["summary"] == summary


@pytest.mark.parametrize("forgot", [False, True], ids=["same process", "after a restart"])
def test_a_key_that_comes_later_joins_the_ticket(jira: FakeJira, by_owner: JiraSink, forgot: bool) -> None:
    by_owner.send(a_message(A))
    sink = a_sink(jira, group_by="owner") if forgot else by_owner
    receipt = sink.send(a_message(B))
    [ticket] = jira.tickets.values()
    assert receipt.refs["key"] == ticket.key
    assert label(B) in ticket.labels
    assert f"More keys, as of Fri 20 Nov 2026:\n\n* {B.finding_id}" in ticket.description
    assert B.finding_id in ticket.comments[0]


def test_a_key_is_listed_once_however_often_it_is_told(jira: FakeJira, by_owner: JiraSink) -> None:
    receipt = by_owner.send(a_message(A))
    by_owner.send(a_message(again(A, receipt)))
    assert "More keys" not in jira.tickets["SEC-1"].description


def test_a_new_ticket_is_found_before_the_index_has_it(jira: FakeJira, by_owner: JiraSink) -> None:
    jira.unindexed = {"SEC-1"}
    by_owner.send(a_message(A))
    by_owner.send(a_message(B))
    assert list(jira.tickets) == ["SEC-1"]


def test_a_comment_names_each_key_of_the_message_and_no_other(jira: FakeJira, by_owner: JiraSink) -> None:
    receipt = by_owner.send(a_message(A, B, C))
    by_owner.send(a_message(again(A, receipt), again(C, receipt)))
    [comment] = jira.tickets["SEC-1"].comments
    assert [n.finding_id in comment for n in (A, B, C)] == [True, False, True]


def test_more_keys_than_a_comment_holds_go_on_in_further_ones(jira: FakeJira, by_owner: JiraSink) -> None:
    notices = many(text.ROWS * 2 + 1)
    by_owner.send(a_message(*notices))
    ticket = jira.tickets["SEC-1"]
    assert len(ticket.comments) == 2
    told = "".join([ticket.description, *ticket.comments])
    assert [n.finding_id for n in notices if told.count(f"* {n.finding_id}:") != 1] == []


def test_what_broke_off_between_two_comments_goes_on_where_it_stopped(
    jira: FakeJira, by_owner: JiraSink
) -> None:
    notices = many(text.ROWS * 3)
    jira.fail("comment", http.PASS, http.status(503))
    with pytest.raises(Transient):
        by_owner.send(a_message(*notices))
    by_owner.send(a_message(*notices))
    told = "".join(jira.tickets["SEC-1"].comments)
    counts = [told.count(f"* {notice.finding_id}:") for notice in notices]
    assert counts == [0] * text.ROWS + [1] * text.ROWS * 2


@pytest.mark.parametrize("requests", [1, 2])
def test_a_pause_between_two_requests_repeats_nothing_afterwards(jira: FakeJira, requests: int) -> None:
    gate, notices = Gate(), many(text.ROWS * 3)
    by_owner = a_sink(jira, gate=gate, group_by="owner")
    gate.pause(after=requests)
    with pytest.raises(PausedMeanwhile):
        by_owner.send(a_message(*notices))
    assert len(jira.tickets["SEC-1"].comments) == requests - 1
    gate.resume()
    by_owner.send(a_message(*notices))
    told = "".join(jira.tickets["SEC-1"].comments)
    counts = [told.count(f"* {notice.finding_id}:") for notice in notices]
    assert counts == [0] * text.ROWS + [1] * text.ROWS * 2


@pytest.mark.parametrize("operation", ["create", "comment"])
def test_a_lost_answer_repeats_nothing(jira: FakeJira, by_owner: JiraSink, operation: str) -> None:
    if operation == "comment":
        by_owner.send(a_message(C))
    jira.fail(operation, http.ARRIVES_THEN_HANGS)
    with pytest.raises(Ambiguous):
        by_owner.send(a_message(A, B))
    by_owner.send(a_message(A, B, maybe_sent=True))
    [ticket] = jira.tickets.values()
    assert len(ticket.comments) == (operation == "comment")


# --- resolving -----------------------------------------------------------------------------------


def resolved(notice: Notice, receipt: Receipt, siblings: int) -> Notice:
    return replace(again(notice, receipt), siblings=siblings, headline=f"Resolved: {notice.finding_id}")


def test_only_the_last_key_closes_the_ticket(jira: FakeJira, by_owner: JiraSink) -> None:
    receipt = by_owner.send(a_message(A, B))
    by_owner.resolve(resolved(A, receipt, siblings=1), NOW)
    ticket = jira.tickets["SEC-1"]
    assert (ticket.status, label(A) in ticket.labels) == ("To Do", False)
    by_owner.resolve(resolved(B, receipt, siblings=0), NOW)
    assert ticket.status == "Done"
    assert [f"Resolved: {n.finding_id}" in c for n, c in zip((A, B), ticket.comments, strict=True)] == [
        True
    ] * 2


def test_keys_that_are_resolved_together_are_both_named(jira: FakeJira, by_owner: JiraSink) -> None:
    receipt = by_owner.send(a_message(A, B))
    for notice in (A, B, A):
        by_owner.resolve(resolved(notice, receipt, siblings=0), NOW)
    assert len(jira.tickets["SEC-1"].comments) == 2


def test_a_ledger_that_forgot_the_ticket_does_not_close_it_over_other_keys(
    jira: FakeJira, by_owner: JiraSink
) -> None:
    by_owner.send(a_message(A, B))
    by_owner.resolve(A, NOW)
    assert jira.tickets["SEC-1"].status == "To Do"
    by_owner.resolve(B, NOW)
    assert jira.tickets["SEC-1"].status == "Done"


def test_a_new_key_reopens_the_owners_ticket(jira: FakeJira, by_owner: JiraSink) -> None:
    receipt = by_owner.send(a_message(A))
    by_owner.resolve(resolved(A, receipt, siblings=0), NOW)
    by_owner.send(a_message(B))
    assert [ticket.status for ticket in jira.tickets.values()] == ["To Do"]


# --- moving --------------------------------------------------------------------------------------


def moved(jira: FakeJira, sink: JiraSink, *on_it: Notice) -> tuple[Ticket, Ticket, Receipt]:
    """Jane's ticket with ``on_it``, and Bob's after A has become his."""
    receipt = sink.send(a_message(*on_it))
    his = sink.send(a_message(again(A, receipt, owner=BOB), recipient=BOB))
    return jira.tickets["SEC-1"], jira.tickets["SEC-2"], his


def test_a_new_owner_takes_the_key_to_their_own_ticket(jira: FakeJira, by_owner: JiraSink) -> None:
    old, new, receipt = moved(jira, by_owner, A, B)
    assert receipt.refs["key"] == "SEC-2"
    assert label(A) in new.labels
    assert label(A) not in old.labels
    assert "is followed up in SEC-2 from now on" in old.comments[0]
    assert old.status == "To Do"


def test_a_ticket_that_lost_its_last_key_to_another_is_closed(jira: FakeJira, by_owner: JiraSink) -> None:
    old, new, _ = moved(jira, by_owner, A)
    assert (old.status, new.status) == ("Done", "To Do")


def test_moving_is_told_once(jira: FakeJira, by_owner: JiraSink) -> None:
    old, _, receipt = moved(jira, by_owner, A, B)
    by_owner.send(a_message(again(A, receipt, owner=BOB), recipient=BOB))
    assert len(old.comments) == 1


def test_a_former_ticket_that_can_not_be_told_does_not_undo_the_new_one(
    jira: FakeJira, by_owner: JiraSink
) -> None:
    receipt = by_owner.send(a_message(A, B))
    jira.fail("comment", http.status(503))
    his = by_owner.send(a_message(again(A, receipt, owner=BOB), recipient=BOB))
    assert his.refs["key"] == "SEC-2"
    assert his.remarks == (
        "SEC-1 could not be told that KS-AAAAAAAAAA has moved: Jira: HTTP 503; tried again later",
    )


def test_a_former_ticket_is_told_after_a_pause_that_came_before_it(jira: FakeJira) -> None:
    gate = Gate()
    by_owner = a_sink(jira, gate=gate, group_by="owner")
    moving = again(A, by_owner.send(a_message(A, B)), owner=BOB)
    gate.pause(after=1)
    with pytest.raises(Ambiguous):
        by_owner.send(a_message(moving, recipient=BOB))
    gate.resume()
    by_owner.send(a_message(moving, recipient=BOB, maybe_sent=True))
    assert len(jira.tickets["SEC-1"].comments) == 1
    assert jira.tickets["SEC-2"].comments == []


def test_a_former_ticket_that_was_deleted_is_not_missed(jira: FakeJira, by_owner: JiraSink) -> None:
    receipt = by_owner.send(a_message(A, B))
    del jira.tickets["SEC-1"]
    jira.open("unrelated")
    jira.open("unrelated")
    assert by_owner.send(a_message(again(A, receipt), recipient=BOB)).remarks == ()


@pytest.mark.parametrize(
    ("first", "then"), [("finding", "owner"), ("owner", "finding"), ("owner", "account")]
)
def test_another_grouping_in_the_config_moves_keys_at_their_next_notice(
    jira: FakeJira, first: str, then: str
) -> None:
    receipt = a_sink(jira, group_by=first).send(a_message(A))
    a_sink(jira, group_by=then).send(a_message(again(A, receipt)))
    assert [ticket.status for ticket in jira.tickets.values()] == ["Done", "To Do"]


# --- whom it is for ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owners", "counts"), [((JANE,), True), ((JANE, JANE), True), ((JANE, BOB), False), ((BOB,), False)]
)
def test_an_accounts_ticket_counts_only_for_keys_whose_owner_has_it(
    jira: FakeJira, jane: str, owners: tuple[str, ...], counts: bool
) -> None:
    jira.add_user(BOB)
    sink = a_sink(jira, group_by="account")
    sink.send(a_message(C))
    notices = [replace(n, owner=owner) for n, owner in zip((A, B), owners, strict=False)]
    assert sink.send(a_message(*notices)).counts is counts
    assert jira.tickets["SEC-1"].assignee == jane


@pytest.mark.usefixtures("jane")
def test_an_owner_who_can_not_be_looked_up_now_stops_the_message_before_it_is_said(jira: FakeJira) -> None:
    sink = a_sink(jira, group_by="account")
    sink.send(a_message(A))
    jira.fail("user_search", http.status(503))
    with pytest.raises(Transient):
        sink.send(a_message(B, replace(C, owner=BOB)))
    assert jira.tickets["SEC-1"].comments == []


@pytest.mark.parametrize(
    ("due", "expected"),
    [("2026-12-24", "2026-11-27"), ("2026-11-25", "2026-11-25"), ("2026-11-01", "2026-11-27")],
    ids=["this one is earlier", "another key's is earlier", "the old day has passed"],
)
def test_the_due_date_is_the_earliest_that_is_still_to_come(
    jira: FakeJira, by_owner: JiraSink, due: str, expected: str
) -> None:
    jira.open("keysteward", OWNERS, duedate=due)
    by_owner.send(a_message(A))
    assert jira.tickets["SEC-1"].fields["duedate"] == expected


def test_a_description_that_is_full_is_left_as_it_is(jira: FakeJira, by_owner: JiraSink) -> None:
    long = "x" * (text.MAX_BODY - 50)
    body: Any = long
    if jira.deployment == "Cloud":
        words = {"type": "text", "text": long}
        body = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [words]}]}
    jira.open("keysteward", OWNERS, description=body)
    by_owner.send(a_message(A))
    assert "More keys" not in jira.tickets["SEC-1"].description
    assert A.finding_id in jira.tickets["SEC-1"].comments[0]
