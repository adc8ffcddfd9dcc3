"""Whom a ticket is assigned to, and who is left in peace."""

import pytest

from app.sinks.jira.sink import JiraSink
from tests.fakes import http
from tests.fakes.jira import FakeJira
from tests.fakes.notices import JANE, a_message, a_notice
from tests.unit.sinks.jira.bench import a_sink

BOB = "bob@example.com"


@pytest.mark.parametrize(
    ("by_hand", "expected"),
    [("nothing", BOB), ("somebody else", "carol@example.com"), ("nobody", None), ("the new owner", BOB)],
)
def test_a_new_owner_gets_the_ticket_unless_a_person_gave_it_away(
    jira: FakeJira, sink: JiraSink, jane: str, by_hand: str, expected: str | None
) -> None:
    users = {who: jira.add_user(who) for who in (BOB, "carol@example.com")}
    refs = sink.send(a_message()).refs
    if by_hand == "somebody else":
        jira.assign("SEC-1", users["carol@example.com"])
    elif by_hand == "the new owner":
        jira.assign("SEC-1", users[BOB])
    elif by_hand == "nobody":
        jira.tickets["SEC-1"].fields["assignee"] = None
    sink.send(a_message(a_notice(owner=BOB, refs=refs, occurrence=2), recipient=BOB))
    assert jira.tickets["SEC-1"].assignee == (users[expected] if expected else None)


def test_the_new_owner_is_remembered_for_the_next_change(jira: FakeJira, sink: JiraSink, jane: str) -> None:
    jira.add_user(BOB)
    refs = sink.send(a_message()).refs
    refs = sink.send(a_message(a_notice(owner=BOB, refs=refs, occurrence=2), recipient=BOB)).refs
    sink.send(a_message(a_notice(refs=refs, occurrence=3)))
    assert jira.tickets["SEC-1"].assignee == jane


def test_an_owner_whom_jira_does_not_know_does_not_take_it_from_the_former(
    jira: FakeJira, sink: JiraSink, jane: str
) -> None:
    refs = sink.send(a_message()).refs
    sink.send(a_message(a_notice(owner=BOB, refs=refs, occurrence=2), recipient=BOB))
    assert jira.tickets["SEC-1"].assignee == jane


@pytest.mark.usefixtures("jane")
def test_who_may_not_be_assigned_is_left_out_and_said(jira: FakeJira, sink: JiraSink) -> None:
    jira.unassignable = {"acc-2", "user2"}
    receipt = sink.send(a_message())
    assert (receipt.counts, jira.tickets["SEC-1"].assignee) == (False, None)
    [remark] = receipt.remarks
    assert remark.startswith("Jira does not take field assignee: User '")
    assert '"Assignable User"' in remark


@pytest.mark.parametrize("address", [JANE.upper(), JANE])
def test_an_address_is_the_same_in_capitals(jira: FakeJira, sink: JiraSink, jane: str, address: str) -> None:
    sink.send(a_message(recipient=address))
    assert jira.tickets["SEC-1"].assignee == jane


def test_people_are_looked_up_once(jira: FakeJira, sink: JiraSink, jane: str) -> None:
    refs = sink.send(a_message()).refs
    sink.send(a_message(a_notice(refs=refs, occurrence=2)))
    sink.send(a_message(a_notice(finding_id="KS-OTHER")))
    assert len(jira.calls("user_search")) == 1


def test_the_accounts_own_name_for_a_person_is_sent(jira: FakeJira, slept: list[float], jane: str) -> None:
    a_sink(jira, slept).send(a_message())
    [call] = jira.calls("create")
    by = "accountId" if jira.deployment == "Cloud" else "name"
    assert call.body["fields"]["assignee"] == {by: jane}


@pytest.mark.usefixtures("jane")
@pytest.mark.parametrize("status", [401, 403])
def test_that_people_may_not_be_looked_up_is_said(jira: FakeJira, sink: JiraSink, status: int) -> None:
    jira.fail("user_search", http.status(status, {}))
    [remark] = sink.send(a_message()).remarks
    assert remark == (
        f"owners can't be looked up, so tickets have no assignee (HTTP {status}): give the account "
        '"Browse users and groups" and its token the scope read:jira-user'
    )
