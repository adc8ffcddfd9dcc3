"""People on the other end, from outside: an outage of Jira, owners who left, and who answers for what."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.aws import FakeAws
from tests.fakes.aws_fleet import FakeAccount, FakeUser
from tests.fakes.http import Fault, status
from tests.fakes.jira import FakeJira
from tests.fakes.slack import FakeSlack
from tests.fakes.stage import DAY, START, Stage
from tests.functional.test_whole_path import A, key, statuses, user

ANN, BOB, SECURITY = "ann@example.com", "bob@example.com", "security@example.com"
DOWN = [status(503)] * 60


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as fake:
        fake.add_channel("#iam-keys")
        for email in (ANN, BOB, SECURITY):
            fake.add_user(email)
        yield fake


@pytest.fixture
def jira() -> Iterator[FakeJira]:
    with FakeJira() as fake:
        for email in (ANN, BOB, SECURITY):
            fake.add_user(email)
        yield fake


def a_stage(folder: Path, aws: FakeAws, slack: FakeSlack, jira: FakeJira) -> Stage:
    return Stage(folder, aws.url, slack, jira, [A])


def set_outage(jira: FakeJira, down: bool) -> None:
    """Every request is refused while it is down."""
    for operation in ("server_info", "search_cloud", "create", "user_search", "comment", "read", "comments"):
        jira.mend(operation)
        jira.fail(operation, *(DOWN if down else ()))


# --- Jira is down for three days ------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("first_down", [0, 3])
def test_with_jira_down_slack_counts_and_the_ticket_opens_once_when_it_returns(
    tmp_path: Path, slack: FakeSlack, jira: FakeJira, first_down: int
) -> None:
    """Down from the first notice on, and in the middle: the deactivation goes ahead on its day."""
    with FakeAws([FakeAccount(A, [user("ann", key(1, 300))])]) as aws:
        stage = a_stage(tmp_path, aws, slack, jira)
        for day in range(7):
            down = first_down <= day < first_down + 3
            set_outage(jira, down)
            done = stage.day(day)
            assert done.code == (1 if down and first_down == 0 else 0), done.err
            assert len(jira.tickets) == (0 if day < 3 and first_down == 0 else 1)
        assert set(statuses(aws).values()) == {"Active"}
        stage.day(7)
        assert set(statuses(aws).values()) == {"Inactive"}
        assert len(jira.tickets) == 1
        [ticket] = jira.tickets.values()
        assert ticket.fields["duedate"] == "2026-06-08"


@pytest.mark.slow
def test_where_only_tickets_tell_the_deactivation_waits_for_them(
    tmp_path: Path, slack: FakeSlack, jira: FakeJira
) -> None:
    with FakeAws([FakeAccount(A, [user("ann", key(1, 300))])]) as aws:
        stage = a_stage(tmp_path, aws, slack, jira)
        del stage.config["sinks"]["slack"]
        for rung in stage.config["rules"][0]["stages"]:
            rung["notify"] = ["jira"]
        for day in range(10):
            set_outage(jira, day < 3)
            stage.day(day)
        assert set(statuses(aws).values()) == {"Active"}
        stage.day(10)
        assert set(statuses(aws).values()) == {"Inactive"}
        assert len(jira.tickets) == 1


@pytest.mark.slow
def test_a_key_rotated_while_jira_was_down_leaves_no_stale_ticket(
    tmp_path: Path, slack: FakeSlack, jira: FakeJira
) -> None:
    with FakeAws([FakeAccount(A, [user("ann", key(1, 300))])]) as aws:
        stage = a_stage(tmp_path, aws, slack, jira)
        set_outage(jira, True)
        stage.days(0, 1)
        aws.accounts[A].users[0].keys.clear()
        set_outage(jira, False)
        stage.days(2, 3)
        assert [t for t in jira.tickets.values() if t.status != "Done"] == []


# --- who answers for what -------------------------------------------------------------------------------


def owned() -> FakeAccount:
    described = user("batch", key(2, 20), note="x")
    described.tags["AKIAEXAMPLE000000002"] = f"nightly export, ask {BOB}"
    nobody = FakeUser("legacy", [key(3, 400)], "/", {"team": "none"})
    return FakeAccount(A, [user("ann", key(1, 300)), described, nobody])


@pytest.mark.slow
def test_owners_lists_who_answers_for_what_and_how_that_is_known(
    tmp_path: Path, slack: FakeSlack, jira: FakeJira
) -> None:
    with FakeAws([owned()]) as aws:
        stage = a_stage(tmp_path, aws, slack, jira)
        stage.config["owners"] = [{"tag": "owner"}, {"key_description": True}]
        table = stage.ks("owners")
        assert table.code == 0
        rows = {row["user"]: row for row in json.loads(stage.ks("owners", "--format", "json").out)}
        assert (rows["ann"]["owner"], rows["ann"]["how"]) == (ANN, "tag owner")
        assert (rows["batch"]["owner"], rows["batch"]["how"]) == (BOB, "key description")
        assert rows["legacy"]["owner"] == ""
        assert "nobody" in table.out
        assert "nobody for 1" in table.out
        assert "AKIAEXAMPLE" not in stage.everything()


def test_an_owner_who_left_is_passed_over_and_shown_as_such(
    tmp_path: Path, slack: FakeSlack, jira: FakeJira
) -> None:
    slack.add_user(ANN, deleted=True)
    with FakeAws([owned()]) as aws:
        stage = a_stage(tmp_path, aws, slack, jira)
        stage.config["owners"] = [{"tag": "owner"}, {"map": {"ann": BOB}}, {"fallback": SECURITY}]
        assert stage.day(0).code == 0
        assert len(slack.messages_to(BOB)) == 1
        table = stage.ks("owners").out
        assert "Addresses that don't answer" in table
        rows = list(csv.DictReader(stage.ks("owners", "--format", "csv").out.splitlines()))
        [ann] = [row for row in rows if row["user"] == "ann"]
        assert (ann["owner"], ann["passed_over"]) == (BOB, ANN)
        later = (START + 31 * DAY).isoformat()
        assert "Addresses that don't answer" not in stage.ks("owners", "--at", later).out


def test_a_sink_that_fails_for_one_owner_leaves_the_others_alone(
    tmp_path: Path, slack: FakeSlack, jira: FakeJira
) -> None:
    broken: Fault = status(500)
    with FakeAws([FakeAccount(A, [user("ann", key(1, 80)), user("bob", key(2, 80))])]) as aws:
        stage = a_stage(tmp_path, aws, slack, jira)
        slack.fail("chat.postMessage", broken)
        assert stage.day(0).code == 1
        assert len(slack.messages) == 1
