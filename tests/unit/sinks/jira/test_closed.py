"""Tickets that people close while the key is still bad, and those that are gone."""

from typing import Any

import pytest

from app.errors import Permanent
from app.plan.notices import CLOSED_STAGE
from app.sinks.jira.sink import JiraSink
from tests.fakes import http
from tests.fakes.jira import FakeJira
from tests.fakes.notices import NOW, a_message, a_notice
from tests.unit.sinks.jira.bench import LABEL, a_sink

STILL = "This ticket was closed, but the key is still Active"


def tell(jira: FakeJira, sink: JiraSink, **changes: Any) -> None:
    jira.tickets["SEC-1"].status = "Done"
    sink.send(a_message(a_notice(**changes)))


@pytest.mark.parametrize(
    ("when_closed", "stage", "episode", "status"),
    [
        ("reopen", CLOSED_STAGE, 1, "To Do"),
        ("reopen", "deactivate", 1, "To Do"),
        ("reopen", "final", 2, "To Do"),
        ("comment", CLOSED_STAGE, 1, "Done"),
        ("comment", "deactivate", 1, "Done"),
        ("comment", "final", 2, "To Do"),
    ],
)
def test_a_ticket_that_was_closed_by_hand_is_reopened_or_commented_as_configured(
    jira: FakeJira, when_closed: str, stage: str, episode: int, status: str
) -> None:
    sink = a_sink(jira, when_closed=when_closed)
    assert sink.insists is (when_closed == "reopen")
    refs = sink.send(a_message()).refs
    tell(jira, sink, stage=stage, episode=episode, refs=refs)
    ticket = jira.tickets["SEC-1"]
    assert ticket.status == status
    [comment] = ticket.comments
    assert (STILL in comment) is (stage == CLOSED_STAGE)


def test_it_is_reopened_each_time(jira: FakeJira, sink: JiraSink) -> None:
    refs = sink.send(a_message()).refs
    for occurrence in (1, 2, 3):
        tell(jira, sink, stage=CLOSED_STAGE, occurrence=occurrence, refs=refs)
        assert jira.tickets["SEC-1"].status == "To Do"
    assert [comment.count(STILL) for comment in jira.tickets["SEC-1"].comments] == [1, 1, 1]


def test_what_we_closed_ourselves_is_reopened_when_the_key_comes_back(jira: FakeJira) -> None:
    sink = a_sink(jira, when_closed="comment")
    refs = sink.send(a_message()).refs
    sink.resolve(a_notice(refs=refs), NOW)
    sink.send(a_message(a_notice(episode=2, refs=refs)))
    assert jira.tickets["SEC-1"].status == "To Do"


@pytest.mark.parametrize("fault", ["no way", "forbidden", "refused"])
def test_a_ticket_that_can_not_be_reopened_is_commented_and_said(
    jira: FakeJira, sink: JiraSink, fault: str
) -> None:
    refs = sink.send(a_message()).refs
    if fault == "no way":
        jira.transition_names = {"Done": "Close"}
    elif fault == "forbidden":
        jira.fail("transition", http.status(403, {}))
    else:
        jira.fail("transition", http.status(400, {"errorMessages": ["Not now"], "errors": {}}))
    jira.tickets["SEC-1"].status = "Done"
    receipt = sink.send(a_message(a_notice(occurrence=2, refs=refs)))
    [remark] = receipt.remarks
    assert remark.startswith("SEC-1 stays closed: ")
    assert remark.endswith("check sinks.jira.reopen_transition")
    assert len(jira.tickets["SEC-1"].comments) == 1


@pytest.mark.parametrize(
    ("options", "remarks"),
    [
        ({}, ()),
        ({"done_transition": "close"}, ()),
        (
            {"done_transition": "Finish"},
            ('there is no transition "Finish"; set sinks.jira.done_transition to one of Close',),
        ),
    ],
)
def test_an_unknown_transition_is_said_and_another_taken(
    jira: FakeJira, options: dict[str, Any], remarks: tuple[str, ...]
) -> None:
    sink = a_sink(jira, **options)
    refs = sink.send(a_message()).refs
    receipt = sink.resolve(a_notice(refs=refs), NOW)
    assert receipt is not None
    assert receipt.remarks == remarks
    assert jira.tickets["SEC-1"].status == "Done"


def test_a_transition_that_asks_for_more_names_the_option(jira: FakeJira, sink: JiraSink) -> None:
    refs = sink.send(a_message()).refs
    refusal = {"errorMessages": [], "errors": {"resolution": "Resolution is required."}}
    jira.fail("transition", http.status(400, refusal))
    with pytest.raises(Permanent, match=r"Resolution is required.*sinks\.jira\.done_transition"):
        sink.resolve(a_notice(refs=refs), NOW)


def test_resolving_keeps_what_was_remembered(jira: FakeJira, sink: JiraSink, jane: str) -> None:
    refs = sink.send(a_message()).refs
    receipt = sink.resolve(a_notice(refs=refs), NOW)
    assert receipt is not None
    assert receipt.refs == refs


# --- which are closed ----------------------------------------------------------------------------


def test_closed_tickets_of_ours_are_found_on_every_page(jira: FakeJira, sink: JiraSink) -> None:
    jira.page_size = 2
    for status in ("Done", "To Do", "Done", "In Progress", "Done", "Done", "Done"):
        jira.open("keysteward", LABEL, status=status)
    assert sink.closed(NOW) == {"SEC-1", "SEC-3", "SEC-5", "SEC-6", "SEC-7"}
    assert len(jira.calls("search_cloud") + jira.calls("search_server")) == 3


@pytest.mark.parametrize(
    ("label", "updated", "found"),
    [
        ("keysteward", "2026-11-19", True),
        ("keysteward", "2026-10-21", True),
        ("keysteward", "2026-10-20", False),
        ("theirs", "2026-11-19", False),
    ],
)
def test_only_our_own_of_the_last_30_days_count_as_closed(
    jira: FakeJira, sink: JiraSink, label: str, updated: str, found: bool
) -> None:
    jira.open(label, status="Done").updated = updated
    assert bool(sink.closed(NOW)) is found


def test_no_ticket_is_closed_when_there_is_none(sink: JiraSink) -> None:
    assert sink.closed(NOW) == frozenset()


# --- gone ----------------------------------------------------------------------------------------


def test_a_deleted_ticket_is_replaced_and_said(jira: FakeJira, sink: JiraSink) -> None:
    receipt = sink.send(a_message(a_notice(refs={"key": "SEC-99"})))
    assert receipt.refs["key"] == "SEC-1"
    assert receipt.remarks == (
        "SEC-99 is gone (deleted, or hidden from the account): a new ticket was opened",
    )


def test_a_moved_ticket_is_found_by_its_label_and_nothing_is_said(jira: FakeJira, sink: JiraSink) -> None:
    jira.open("keysteward", LABEL)
    receipt = sink.send(a_message(a_notice(refs={"key": "OLD-99"})))
    assert (receipt.refs["key"], receipt.remarks) == ("SEC-1", ())


def test_resolving_what_was_deleted_does_nothing(jira: FakeJira, sink: JiraSink) -> None:
    assert sink.resolve(a_notice(refs={"key": "SEC-99"}), NOW) is None
