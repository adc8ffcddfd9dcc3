"""A policy mistake from outside: the command line against a fake AWS and Slack, on a real ledger file."""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.aws import FakeAws
from tests.fakes.aws_fleet import FakeAccount
from tests.fakes.http import status
from tests.fakes.jira import FakeJira
from tests.fakes.receiver import FakeReceiver
from tests.fakes.slack import FakeSlack, Posted
from tests.fakes.stage import Stage
from tests.functional.test_whole_path import A, B, C, key, statuses, user

pytestmark = pytest.mark.slow  # whole commands, dozens of them

ACCOUNTS = [A, B, C, "444444444444"]


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as fake:
        fake.add_channel("#on-call")
        yield fake


@pytest.fixture
def jira() -> Iterator[FakeJira]:
    with FakeJira() as fake:
        yield fake


def fleet(of_each: int) -> list[FakeAccount]:
    """Keys of 10 to 60 days, all in use: none is near a stage of the ordinary ladder."""
    return [
        FakeAccount(
            account,
            [
                user(f"user{n}", key(1000 * i + n, 10 + n % 50), owner="ann@example.com")
                for n in range(of_each)
            ],
        )
        for i, account in enumerate(ACCOUNTS)
    ]


def a_stage(folder: Path, aws: FakeAws, slack: FakeSlack, jira: FakeJira) -> Stage:
    """Owners are told on the console, the on-call in Slack; the guards are the default ones."""
    stage = Stage(folder, aws.url, slack, jira, ACCOUNTS)
    del stage.config["sinks"]["jira"]
    stage.config["sinks"]["slack"]["summary_channel"] = "#on-call"
    stage.config["sinks"]["console"] = {"type": "console", "counts": True}
    stage.config["guards"] = {"notices_per_run": 5000}
    for rung in stage.config["rules"][0]["stages"]:
        rung["notify"] = ["console"]
    return stage


def mistake(stage: Stage) -> None:
    """A nine and a zero too few."""
    rung = next(r for r in stage.config["rules"][0]["stages"] if r["name"] == "deactivate")
    rung["when"] = {"any": [{"age": "1d"}, {"unused": "45d"}]}


def deactivated(aws: FakeAws) -> int:
    return list(statuses(aws).values()).count("Inactive")


def calls(slack: FakeSlack) -> list[Posted]:
    """What reached the on-call about a plan, without what goes on in the thread."""
    posts = slack.messages_to("#on-call")
    return [post for post in posts if not post.thread_ts and "approval needed" in post.text]


def named(slack: FakeSlack) -> str:
    """The plan of the last call."""
    found = re.search(r"keysteward approve ([0-9a-f]{12})", str(calls(slack)[-1].blocks))
    assert found
    return found[1]


def test_an_age_of_one_day_on_2000_keys_deactivates_nothing_and_is_told_once_and_approved_once(
    tmp_path: Path, slack: FakeSlack, jira: FakeJira
) -> None:
    with FakeAws(fleet(500)) as aws:
        stage = a_stage(tmp_path, aws, slack, jira)
        assert stage.day(0).code == 0
        mistake(stage)
        stage.days(1, 5)
        held = stage.day(8)
        assert (held.code, deactivated(aws)) == (0, 0)
        assert "held: 2000 by brake" in held.out
        plan = named(slack)
        assert f"plan {plan}: the brake holds 2,000 destructive acts" in held.err
        assert "plan held by the brake" in held.err
        stage.days(8.1, 8.2)
        assert (len(calls(slack)), deactivated(aws)) == (1, 0)
        thread = [post for post in slack.messages_to("#on-call") if post.thread_ts == calls(slack)[0].ts]
        listed = "".join(str(post.blocks) for post in (calls(slack)[0], *thread))
        assert listed.count(" of user") == 500
        assert "and 1,500 more" in listed

        shown = stage.ks("plan", "--format", "csv")
        rows = [row for row in csv.DictReader(shown.out.splitlines()) if "(brake)" in row["what"]]
        assert len(rows) == 2000
        assert all(f"plan {plan} waits for `keysteward approve {plan}`" in row["why"] for row in rows)

        approved = stage.ks("approve", plan, "--reason", "they really go", "--by", "ann")
        assert (approved.code, approved.out.count("500")) == (0, 4)
        assert f"Plan {plan} is approved until 10 Jun 2026 13:48 UTC: 2,000 acts" in approved.out
        stage.day(8.3)
        assert deactivated(aws) == 10  # the pace of a run holds as ever
        again = stage.ks("approve", plan, "--reason", "once more", "--by", "ann")
        assert (again.code, again.err.count("\n")) == (1, 1)
        assert f"plan {plan} is used: ann approved it" in again.err
        stage.day(8.4)
        assert (deactivated(aws), len(calls(slack))) == (20, 1)

        stage.day(9.5)  # the day is over: what is left waits for another word
        assert (deactivated(aws), len(calls(slack))) == (20, 2)
        assert named(slack) != plan
        assert "holds 1,980 destructive acts" in str(calls(slack)[-1].blocks)


def alerts(receiver: FakeReceiver) -> Counter[str]:
    """What the pager was told, by kind, counting no repeats of the same message."""
    runs = [request.body["run"] for request in receiver.messages("run").values()]
    return Counter(alert["what"] for run in runs for alert in run["alerts"])


def test_while_slack_is_down_the_pager_is_told_once_and_slack_once_it_is_back(
    tmp_path: Path, slack: FakeSlack, jira: FakeJira
) -> None:
    """Every command is a process of its own: what is known of it is in the ledger alone."""
    with FakeAws(fleet(30)) as aws, FakeReceiver() as pager:
        stage = a_stage(tmp_path, aws, slack, jira)
        stage.config["sinks"]["pager"] = {"type": "webhook", "url": pager.url, "runs": True}
        stage.day(0)
        mistake(stage)
        stage.days(1, 5)
        slack.fail("chat.postMessage", *[status(503)] * 99)
        held = stage.day(8)
        assert (held.code, deactivated(aws)) == (1, 0)
        assert "slack: the run summary was not delivered: Slack chat.postMessage: HTTP 503" in held.err
        stage.days(8.02, 8.04, 8.06, 8.08)
        assert (alerts(pager), calls(slack)) == (Counter(approval=1), [])
        stage.day(8.081)  # Slack has failed five times: it rests
        assert alerts(pager) == Counter(approval=1, outage=1)
        slack.mend("chat.postMessage")
        stage.days(8.1, 8.2)
        assert (alerts(pager), len(calls(slack))) == (Counter(approval=1, outage=1), 1)

        plan = named(slack)
        approved = stage.ks("approve", plan, "--reason", "they really go", "--by", "ann")
        assert approved.code == 0
        stage.day(8.3)
        assert deactivated(aws) == 10
        again = stage.ks("approve", plan, "--reason", "once more", "--by", "ann")
        assert (again.code, deactivated(aws)) == (1, 10)
        assert f"plan {plan} is used: ann approved it" in again.err
        assert (alerts(pager), len(calls(slack))) == (Counter(approval=1, outage=1), 1)


def test_the_commands_name_the_plan_and_refuse_what_is_not_the_present_one(
    tmp_path: Path, slack: FakeSlack, jira: FakeJira
) -> None:
    with FakeAws(fleet(4)) as aws:
        stage = a_stage(tmp_path, aws, slack, jira)
        mistake(stage)
        stage.days(1, 5)
        unknown = stage.ks("approve", "3f2a91c04d5e", "--reason", "x", "--by", "ann")
        assert (unknown.code, unknown.err.count("\n")) == (1, 1)
        stage.day(8)
        plan = named(slack)
        assert plan in stage.ks("plan").out.replace("\n", "")
        assert stage.ks("approve", plan).code == 2  # no reason
        guards = stage.config["guards"]
        stage.config["guards"] = {**guards, "deactivations_per_run": 5}
        other = stage.ks("approve", plan, "--reason", "x", "--by", "ann")
        assert (other.code, deactivated(aws)) == (1, 0)
        assert "was made under another config" in other.err
        stage.config["guards"] = guards
        done = stage.ks("approve", plan[:5].upper(), "--reason", "they go", "--by", "ann")
        assert done.code == 0
        assert re.search(r"acct-1 +111111111111 +default +deactivate +4", done.out)
        stage.day(8.1)
        assert deactivated(aws) == 4  # a quarter of each account's keys
        history = stage.ks("history", "--format", "csv").out
        for what in ("plan_held", "plan_approved", "approval_used"):
            assert f",{what}," in history
        assert "AKIAEXAMPLE" not in stage.everything()


def test_the_canary_account_goes_first(tmp_path: Path, slack: FakeSlack, jira: FakeJira) -> None:
    with FakeAws(fleet(1)) as aws:
        stage = a_stage(tmp_path, aws, slack, jira)
        mistake(stage)
        stage.config["guards"] |= {"canary": {"accounts": ["acct-2"], "quiet": "12h"}}
        stage.days(1, 5, 8)
        assert [name for name, word in statuses(aws).items() if word == "Inactive"] == [
            "AKIAEXAMPLE000001000"
        ]
        held = stage.ks("plan", "--at", "2026-06-09T12:00:00Z")
        assert "the canary accounts go first" in held.out.replace("\n", " ")
        stage.day(8.4)
        assert deactivated(aws) == 1
        stage.day(8.5)
        assert deactivated(aws) == 4
