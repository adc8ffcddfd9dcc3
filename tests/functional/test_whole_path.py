"""The whole program from outside: the command line against fake AWS, Slack and Jira, day by day."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.aws import HUB, Bucket, FakeAws
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser
from tests.fakes.http import Fault, status
from tests.fakes.jira import FakeJira
from tests.fakes.slack import FakeSlack, not_ok
from tests.fakes.stage import DAY, JIRA_TOKEN, START, Stage

A, B, C, DENIED = "111111111111", "222222222222", "333333333333", "444444444444"
FULL_ID = re.compile(r"A(KI|SI)A[A-Z0-9]{16}")


def key(number: int, age: float, used_days_ago: float | None = 0.1, status: str = "Active") -> FakeKey:
    used = None if used_days_ago is None else START - used_days_ago * DAY
    return FakeKey(f"AKIAEXAMPLE{number:09d}", START - age * DAY, status, used)


def user(name: str, *keys: FakeKey, **tags: str) -> FakeUser:
    return FakeUser(name, list(keys), "/people/", tags or {"owner": f"{name}@example.com"})


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with FakeSlack() as fake:
        fake.add_channel("#iam-keys")
        for name in ("ann", "bob", "security"):
            fake.add_user(f"{name}@example.com")
        yield fake


@pytest.fixture
def jira() -> Iterator[FakeJira]:
    with FakeJira() as fake:
        for name in ("ann", "bob", "security"):
            fake.add_user(f"{name}@example.com")
        yield fake


def statuses(aws: FakeAws) -> dict[str, str]:
    return {k.id: k.status for account in aws.accounts.values() for u in account.users for k in u.keys}


def fleet() -> list[FakeAccount]:
    """Three readable accounts that page, throttle and delay, one of which hides last uses; one denied."""
    busy, idle = key(1, 60, 0.1), key(2, 300, 300)
    crowd = [user(f"user{n}", key(100 + n, 10)) for n in range(9)]
    return [
        FakeAccount(A, [user("ann", busy, idle), user("bob", key(3, 300)), *crowd], report_polls=1),
        FakeAccount(B, [user("ann", key(4, 50, None)), user("bob", key(5, 30, None)), user("x", key(6, 89))]),
        FakeAccount(C, [user("ann", key(7, 300))], denied={"iam:GetAccessKeyLastUsed"}),
        FakeAccount(DENIED, [user("ann", key(8, 300))], denied={"iam:*"}),
    ]


def test_exactly_the_due_keys_are_deactivated_and_the_denied_account_is_left_alone(
    tmp_path: Path, slack: FakeSlack, jira: FakeJira
) -> None:
    with FakeAws(fleet(), page_size=4, bucket=Bucket(40, 8)) as aws:
        stage = Stage(tmp_path, aws.url, slack, jira, [A, B, C, DENIED])
        first = stage.day(0)
        assert first.code == 1
        assert f"({DENIED})" in first.err
        assert "AccessDenied" in first.err or "denied" in first.err
        for number in range(1, 7):
            stage.day(number)
        assert set(statuses(aws).values()) == {"Active"}
        stage.day(7)
        gone = {name for name, word in statuses(aws).items() if word == "Inactive"}
        assert gone == {f"AKIAEXAMPLE00000000{n}" for n in (2, 3, 4, 6)}
        assert "1 by last_use_unknown" in stage.day(9).out  # the report told it; the live key can't be asked
        assert statuses(aws)["AKIAEXAMPLE000000007"] == "Active"
        assert aws.count(DENIED, "iam:UpdateAccessKey") == 0
        assert f"acct-{DENIED[:1]}" not in "".join(str(m.blocks) for m in slack.messages)


@pytest.fixture
def lone(tmp_path: Path, slack: FakeSlack, jira: FakeJira) -> Iterator[tuple[Stage, FakeAws]]:
    """One account with one 300-day-old key."""
    with FakeAws([FakeAccount(A, [user("ann", key(1, 300))])]) as aws:
        yield Stage(tmp_path, aws.url, slack, jira, [A]), aws


@pytest.mark.slow
def test_a_300_day_old_key_is_told_on_day_0_and_goes_on_day_7(lone: tuple[Stage, FakeAws]) -> None:
    stage, aws = lone
    assert stage.day(0).code == 0
    (ticket,) = stage.jira.tickets.values()
    assert str(ticket.fields["duedate"]) == "2026-06-08"
    assert "8 Jun 2026" in str(stage.slack.messages_to("ann@example.com")[0].blocks)
    stage.days(1, 2, 3, 4, 5, 6)
    assert len(stage.slack.messages) == 7
    assert len(stage.jira.tickets) == 1
    assert set(statuses(aws).values()) == {"Active"}
    stage.day(7)
    assert set(statuses(aws).values()) == {"Inactive"}
    stage.day(7)
    assert aws.count(A, "iam:UpdateAccessKey") == 1
    assert len(stage.slack.messages) == 8


@pytest.mark.slow
def test_rotated_by_hand_closes_the_ticket_and_a_new_episode_reopens_it(lone: tuple[Stage, FakeAws]) -> None:
    stage, aws = lone
    stage.days(0, 1, 2)
    keys = aws.accounts[A].users[0].keys
    old = keys[0]
    keys[:] = [key(2, -3)]
    stage.day(3)
    (ticket,) = stage.jira.tickets.values()
    assert ticket.status == "Done"
    keys[:] = [old]
    stage.day(4)
    assert list(stage.jira.tickets.values()) == [ticket]
    assert ticket.status != "Done"
    stage.days(5, 6, 7, 8, 9, 10)
    assert set(statuses(aws).values()) == {"Active"}
    stage.day(11)
    assert set(statuses(aws).values()) == {"Inactive"}


def test_observe_makes_no_writing_call_anywhere(lone: tuple[Stage, FakeAws]) -> None:
    stage, aws = lone
    stage.config["mode"] = "observe"
    for number in range(0, 10, 3):
        assert stage.day(number).code == 0
    assert "observed: deactivate" in stage.ks("plan", "--format", "csv").out
    assert not stage.slack.requests
    assert not stage.jira.requests
    assert not [action for _, action in aws.calls if re.search(":(Update|Delete|Create|Put|Tag)", action)]


@pytest.mark.slow
def test_no_full_key_id_and_no_secret_shows_up_anywhere(lone: tuple[Stage, FakeAws]) -> None:
    stage, aws = lone
    ann = aws.accounts[A].users[0]
    ann.tags |= {"AKIAEXAMPLE000000001": "nightly export", "note": "AKIASECOND0000000002"}
    aws.accounts[A].users.append(user("AKIAUSERNAME00000001", key(9, 300)))
    stage.days(0, 3.5, 7)
    for args in (("scan",), ("scan", "--format", "json"), ("plan",), ("history",), ("explain", "ann")):
        stage.ks(*args)
    stage.ks("explain", "AKIAEXAMPLE000000001")
    stage.ks("explain", "AKIANOTTHERE00000000")
    seen = stage.everything()
    assert "…0001" in seen
    assert not FULL_ID.search(seen)
    for secret in (stage.slack.token, JIRA_TOKEN, "canary-of-the-hub"):
        assert secret not in seen


@pytest.mark.slow
@pytest.mark.parametrize(
    "faults",
    [
        {"slack": status(500), "jira": status(500)},
        {"slack": not_ok("internal_error"), "jira": status(401)},
        {"slack": not_ok("invalid_auth"), "jira": status(404)},
    ],
    ids=["500", "ok:false and 401", "invalid_auth and 404"],
)
def test_nobody_told_means_nothing_done_and_it_is_tried_again(
    lone: tuple[Stage, FakeAws], faults: dict[str, Fault]
) -> None:
    stage, aws = lone
    for number in (0, 3, 7, 8):
        stage.slack.fail("chat.postMessage", *[faults["slack"]] * 20)
        for operation in ("create", "search", "GET /search", "POST /issue"):
            stage.jira.fail(operation, *[faults["jira"]] * 5)
        done = stage.day(number)
        assert done.code == 1
        assert "not delivered" in done.err
    assert set(statuses(aws).values()) == {"Active"}
    assert not stage.slack.messages


@pytest.mark.slow
def test_a_stranger_to_slack_is_told_through_the_channel_and_that_counts(lone: tuple[Stage, FakeAws]) -> None:
    stage, aws = lone
    aws.accounts[A].users[0].tags = {"owner": "left@example.com"}
    stage.days(0, 1, 2, 3, 4, 5, 6)
    assert len(stage.slack.messages_to("#iam-keys")) == 7
    stage.day(7)
    assert set(statuses(aws).values()) == {"Inactive"}


# --- people ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_snooze_restore_pause_and_history_from_the_command_line(lone: tuple[Stage, FakeAws]) -> None:
    stage, aws = lone
    stage.days(0, 1, 2, 3, 4)
    assert stage.ks("snooze", "ann", "--for", "5d", "--reason", "release", "--by", "ann").code == 0
    stage.days(7, 8)
    assert set(statuses(aws).values()) == {"Active"}
    assert len(stage.slack.messages) == 5
    stage.day(9)
    assert "11 Jun 2026" in str(stage.slack.messages[-1].blocks)
    stage.day(10)
    assert set(statuses(aws).values()) == {"Inactive"}
    assert stage.ks("pause", "--reason", "incident", "--by", "ann").code == 0
    assert stage.ks("restore", "0001", "--reason", "it broke", "--by", "ann").code == 1
    assert stage.ks("resume", "--by", "ann").code == 0
    assert stage.ks("restore", "0001", "--reason", "it broke", "--by", "ann").code == 0
    assert set(statuses(aws).values()) == {"Active"}
    stage.days(11, 16)
    assert len(stage.slack.messages) == 7
    stage.days(17, 18, 19, 20, 21, 22, 23)
    assert set(statuses(aws).values()) == {"Active"}
    stage.day(24)
    assert set(statuses(aws).values()) == {"Inactive"}
    history = stage.ks("history", "--format", "csv").out
    for what in ("snoozed", "deactivated", "paused", "resumed", "restored"):
        assert f",{what}," in history


@pytest.mark.slow
def test_exit_codes_of_a_wrong_command_line(lone: tuple[Stage, FakeAws]) -> None:
    stage, aws = lone
    aws.accounts[A].users[0].keys.append(key(2, 200))
    stage.day(0)
    several = stage.ks("explain", "ann")
    assert several.code == 2
    assert "…0001" in several.err
    assert "…0002" in several.err
    assert stage.ks("snooze", "ann", "--for", "1d", "--reason", "x").code == 2
    assert stage.ks("snooze", "nobody", "--for", "1d", "--reason", "x").code == 1
    assert stage.ks("snooze", "ann", "--for", "soon", "--reason", "x").code == 2
    assert stage.ks("run", "--once").code == 2  # a ledger of rehearsals
    assert stage.ks("run", "--once", "--at", "yesterday").code == 2
    assert stage.ks("fly").code == 2
    stage.config["ledger"] = "sqlite:////proc/nowhere/ledger.db"
    assert stage.ks("history").code == 0  # there is none yet
    assert stage.ks("run", "--once").code == 3
    (stage.folder / "garbage.db").write_bytes(b"no database" * 1000)
    stage.config["ledger"] = f"sqlite:///{stage.folder / 'garbage.db'}"
    damaged = stage.ks("history")
    assert damaged.code == 3
    assert damaged.err.count("\n") == 1


def test_without_aws_nothing_can_start_and_one_line_says_so(lone: tuple[Stage, FakeAws]) -> None:
    stage, aws = lone
    aws.fail(HUB, "sts:GetCallerIdentity", "InvalidClientTokenId", times=50, status=403)
    for args in (("scan",), ("plan",), ("run", "--once", "--at", "2026-06-01")):
        done = stage.ks(*args)
        assert done.code == 3
        assert "GetCallerIdentity" in done.err


def test_a_rehearsal_refuses_the_real_aws_and_a_ledger_of_normal_runs(lone: tuple[Stage, FakeAws]) -> None:
    stage, _ = lone
    url, stage.aws_url = stage.aws_url, "https://iam.amazonaws.com"
    refused = stage.ks("run", "--once", "--at", "2026-06-01")
    assert refused.code == 2
    assert "AWS_ENDPOINT_URL" in refused.err
    stage.aws_url = url
    stage.config["mode"] = "observe"
    assert stage.ks("run", "--once").code == 0
    assert stage.ks("run", "--once", "--at", "2026-06-01").code == 2


def test_scan_needs_no_config_at_all(tmp_path: Path, slack: FakeSlack, jira: FakeJira) -> None:
    hub = FakeAccount(HUB, [user("ann", key(1, 300), key(2, 10))])
    with FakeAws([hub]) as aws:
        stage = Stage(tmp_path, aws.url, slack, jira, [])
        env = {k: v for k, v in stage.env.items() if k != "KEYSTEWARD_CONFIG"}
        command = [sys.executable, "-m", "app", "scan", "--format", "json"]
        done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert '"state": "deactivate"' in done.stdout
        assert not list(tmp_path.iterdir())


def test_check_config_tells_faults_from_mere_warnings(lone: tuple[Stage, FakeAws]) -> None:
    stage, _ = lone
    assert stage.ks("check-config").code == 0
    stage.config["rules"][0]["stages"][2].pop("repeat")
    warned = stage.ks("check-config")
    assert (warned.code, warned.err.count("\n")) == (0, 1)
    stage.config["rules"][0]["stages"][0] |= {"notfy": ["slack"], "when": {"age": "soon"}}
    wrong = stage.ks("check-config")
    assert wrong.code == 2
    assert 'did you mean "notify"?' in wrong.out
    assert wrong.out.count("config.yaml:") == 2


@pytest.mark.slow
def test_explain_tells_the_rule_the_dates_and_what_was_delivered(lone: tuple[Stage, FakeAws]) -> None:
    stage, aws = lone
    early = stage.ks("explain", "ann", "--at", START.isoformat())
    assert early.code == 0
    assert "deactivate" in early.out
    stage.days(0, 1)
    told = stage.ks("explain", "0001")
    assert "earliest 8 Jun 2026" in told.out
    assert "the date that was named is 8 Jun 2026" in told.out
    assert "tag owner" in told.out
    assert told.out.count("delivered") >= 3
    aws.accounts[A].users[0].keys.clear()
    gone = stage.ks("explain", "0001")
    assert (gone.code, gone.err.count("\n")) == (1, 1)
