"""SIGKILL at every request of a run, before and after it took effect; started again, nothing is lost."""

from collections import Counter
from pathlib import Path

import pytest

from tests.fakes.aws import FakeAws
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser
from tests.fakes.jira import FakeJira
from tests.fakes.slack import FakeSlack
from tests.fakes.stage import DAY, START, Sniper, Stage

ACCOUNT = "111111111111"
HORIZON = 80  # more requests than any of these runs makes


def world(folder: Path, aws: FakeAws, slack: FakeSlack, jira: FakeJira) -> Stage:
    slack.add_channel("#iam-keys")
    slack.add_user("ann@example.com")
    jira.add_user("ann@example.com")
    folder.mkdir()
    return Stage(folder, aws.url, slack, jira, [ACCOUNT])


def shot_at(folder: Path, before: list[float], day: float, at: int, after: bool) -> bool:
    """One life with a SIGKILL at request ``at`` of ``day``. False when the run made fewer requests."""
    key = FakeKey("AKIAEXAMPLE000000001", START - 300 * DAY, last_used=START)
    account = FakeAccount(ACCOUNT, [FakeUser("ann", [key], tags={"owner": "ann@example.com"})])
    with FakeAws([account]) as aws, FakeSlack() as slack, FakeJira() as jira:
        stage = world(folder, aws, slack, jira)
        stage.days(*before)
        sniper = Sniper(aws, slack, jira)
        sniper.at, sniper.after = at, after
        sniper.victim = stage.start("run", "--once", "--at", (START + day * DAY).isoformat())
        victim = sniper.victim
        victim.communicate(timeout=60)
        hit = sniper.victim is None
        stage.day(day)
        _converged(aws, slack, jira, key, len(before) + 1, acted=day >= 7)
        return hit


def _converged(aws: FakeAws, slack: FakeSlack, jira: FakeJira, key: FakeKey, days: int, acted: bool) -> None:
    assert len(jira.tickets) == 1
    assert key.status == ("Inactive" if acted else "Active")
    texts = Counter(m.text for m in slack.messages)
    told = len(slack.messages)
    assert days <= told <= days + 1, texts
    if acted:
        assert any("was deactivated" in text for text in texts)
        (ticket,) = jira.tickets.values()
        assert 1 <= sum("was deactivated" in str(comment) for comment in ticket.comments) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("before", "day"), [([], 0), ([0.0, 4.0], 7)], ids=["notices", "deactivation"])
def test_a_sigkill_at_any_request_loses_and_doubles_nothing(
    tmp_path: Path, before: list[float], day: float, after: bool
) -> None:
    for at in range(1, HORIZON):
        if not shot_at(tmp_path / str(at), before, day, at, after):
            break
    else:
        pytest.fail("the run makes more requests than were tried")
    assert at > 8
