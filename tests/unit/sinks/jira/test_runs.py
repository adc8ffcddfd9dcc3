"""Whole runs with the real sink: the ledger's references, the plan and the tickets keep in step."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.policy.rules import OwnerByMap, Policy
from app.service.parts import Parts
from tests.fakes import http
from tests.fakes.jira import FakeJira, Ticket
from tests.fakes.policies import DEACTIVATE, DELETE, TICKET, days, ladder
from tests.fakes.world import Key, World, aged
from tests.unit.sinks.jira.bench import a_sink

ANN, BOB = "ann@example.com", "bob@example.com"
FIRST, SECOND = "AKIAEXAMPLE000000001", "AKIAEXAMPLE000000002"
STILL = "This ticket was closed, but"


class JiraWorld(World):
    """A world whose tickets are Jira's."""

    def __init__(self, jira: FakeJira, policy: Policy, *keys: Key, **options: Any) -> None:
        super().__init__(policy, *keys)
        self.sink = a_sink(jira, **options)

    def parts(self) -> Parts:
        return replace(super().parts(), sinks={"slack": self.slack, "jira": self.sink})


@pytest.fixture
def jira() -> Iterator[FakeJira]:
    with FakeJira() as fake:
        for address in (ANN, BOB):
            fake.add_user(address)
        yield fake


def owned_by(address: str, repeat: float | None = 7) -> Policy:
    again = days(repeat) if repeat else None
    stages = (replace(TICKET, repeat=again), DEACTIVATE, DELETE)
    return replace(ladder(*stages), owners=(OwnerByMap({"*": address}),))


def two_keys() -> tuple[Key, Key]:
    return aged(80, FIRST, user="ci-deploy"), aged(80, SECOND, user="backup")


def only(jira: FakeJira) -> Ticket:
    [ticket] = jira.tickets.values()
    return ticket


@pytest.mark.parametrize(("group_by", "tickets"), [("finding", 2), ("owner", 1), ("account", 1)])
def test_two_keys_are_told_as_configured_and_the_last_one_closes(
    jira: FakeJira, group_by: str, tickets: int
) -> None:
    world = JiraWorld(jira, owned_by(ANN), *two_keys(), group_by=group_by)
    world.days(0, 1)
    assert [ticket.status for ticket in jira.tickets.values()] == ["To Do"] * tickets
    world.keys.pop()
    world.day(2)
    open_ones = [ticket for ticket in jira.tickets.values() if ticket.status != "Done"]
    assert len(open_ones) == 1
    world.keys.pop()
    world.day(3)
    assert {ticket.status for ticket in jira.tickets.values()} == {"Done"}
    assert len(jira.tickets) == tickets


def test_keys_that_vanish_together_close_their_ticket(jira: FakeJira) -> None:
    world = JiraWorld(jira, owned_by(ANN), *two_keys(), group_by="owner")
    world.day(0)
    world.keys.clear()
    world.day(1)
    assert only(jira).status == "Done"
    assert len(only(jira).comments) == 2


@pytest.mark.parametrize("group_by", ["finding", "owner"])
@pytest.mark.parametrize(("when_closed", "told"), [("reopen", 3), ("comment", 1)])
def test_a_ticket_closed_by_hand_is_answered_as_configured(
    jira: FakeJira, group_by: str, when_closed: str, told: int
) -> None:
    world = JiraWorld(
        jira, owned_by(ANN, repeat=None), aged(80, FIRST), group_by=group_by, when_closed=when_closed
    )
    world.day(0)
    for number in (1, 2, 3):
        only(jira).status = "Done"
        world.day(number)
        assert only(jira).status == ("To Do" if when_closed == "reopen" else "Done")
    assert sum(STILL in comment for comment in only(jira).comments) == told


def test_a_ticket_that_we_closed_is_not_taken_for_one_that_a_person_closed(jira: FakeJira) -> None:
    world = JiraWorld(jira, owned_by(ANN), *two_keys(), group_by="owner")
    world.day(0)
    world.keys.clear()
    world.days(1, 2, 3)
    assert not any(STILL in comment for comment in only(jira).comments)


def test_a_new_owner_gets_a_ticket_of_their_own_and_the_old_one_is_closed(jira: FakeJira) -> None:
    world = JiraWorld(jira, owned_by(ANN), *two_keys(), group_by="owner")
    world.day(0)
    world.policy = owned_by(BOB)
    world.days(7, 8)
    anns, bobs = jira.tickets.values()
    assert (anns.status, bobs.status) == ("Done", "To Do")
    assert sum("is followed up in SEC-2" in comment for comment in anns.comments) == 2
    assert (anns.assignee, bobs.assignee) == ("acc-1", "acc-2")


def test_a_findings_ticket_follows_its_owner(jira: FakeJira) -> None:
    world = JiraWorld(jira, owned_by(ANN), aged(80, FIRST))
    world.day(0)
    world.policy = owned_by(BOB)
    world.day(7)
    assert only(jira).assignee == "acc-2"


@pytest.mark.parametrize("group_by", ["finding", "owner", "account"])
def test_a_key_that_comes_back_to_life_reopens_its_ticket(jira: FakeJira, group_by: str) -> None:
    once = replace(ladder(replace(TICKET, repeat=None), DEACTIVATE), owners=(OwnerByMap({"*": ANN}),))
    world = JiraWorld(jira, once, aged(80, FIRST), group_by=group_by, when_closed="comment")
    world.day(0)
    world.keys[0].status = "Inactive"
    world.day(1)
    assert only(jira).status == "Done"
    world.keys[0].status = "Active"
    world.day(2)
    assert only(jira).status == "To Do"


def test_what_an_operator_should_mend_is_said_once_a_run(jira: FakeJira) -> None:
    world = JiraWorld(jira, owned_by(ANN), *two_keys(), fields={"customfield_404": "x"})
    report = world.day(0)
    assert len(jira.tickets) == 2
    assert [text.split(":")[1] for text in report.warnings] == [" Jira does not take field customfield_404"]


def test_after_an_outage_of_three_days_each_ticket_is_opened_once(jira: FakeJira) -> None:
    world = JiraWorld(jira, owned_by(ANN), *two_keys())
    jira.fail("create", *[http.status(503)] * 6)
    world.days(0, 1, 2)
    assert jira.tickets == {}
    world.days(3, 4)
    assert len(jira.tickets) == 2
    assert [ticket.comments for ticket in jira.tickets.values()] == [[], []]


def test_a_ticket_that_can_not_be_reopened_is_remarked_upon_once(jira: FakeJira) -> None:
    """No transition leads out of Done: every run would find it closed again."""
    jira.transition_names = {"Done": "Done"}
    world = JiraWorld(jira, owned_by(ANN, repeat=None), aged(80, FIRST))
    world.day(0)
    only(jira).status = "Done"
    world.days(1, 2, 3, 4)
    assert sum(STILL in comment for comment in only(jira).comments) == 1
