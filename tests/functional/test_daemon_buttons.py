"""The daemon with its ears open: a notice leaves, a person presses, the ledger and the reader know."""

import json
import signal
from pathlib import Path

from tests.fakes.aws import FakeAws
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser
from tests.fakes.jira import FakeJira
from tests.fakes.slack_socket import APP_TOKEN, SocketSlack
from tests.fakes.stage import DAY, START, Stage
from tests.functional.test_daemon import free_port, until

ACCOUNT = "111111111111"
ANN, EVE = "ann@example.com", "eve@example.com"


def test_a_press_reaches_the_running_daemon_and_is_answered_and_audited(tmp_path: Path) -> None:
    key = FakeKey("AKIAEXAMPLE000000001", START - 900 * DAY, last_used=START)
    account = FakeAccount(ACCOUNT, [FakeUser("ann", [key], tags={"owner": ANN})])
    with FakeAws([account]) as aws, SocketSlack() as slack, FakeJira() as jira:
        slack.add_channel("#iam-keys")
        ann, eve = slack.add_user(ANN).id, slack.add_user(EVE).id
        made = Stage(tmp_path, aws.url, slack, jira, [ACCOUNT])
        made.config |= {"mode": "notify", "http": {"listen": f"127.0.0.1:{free_port()}"}}
        made.config["sinks"]["slack"]["app_token"] = APP_TOKEN
        daemon = made.start("run")
        until(lambda: bool(slack.messages))
        [message] = slack.messages
        [row] = [block for block in message.blocks if block["type"] == "actions"]
        button = next(e for e in row["elements"] if e["action_id"] == "keysteward_rotated")
        slack.press(eve, message, {"block_id": row["block_id"], **button})
        assert "Only ann@example.com" in slack.whispers(1)[0]
        aws.accounts[ACCOUNT].users[0].keys.clear()
        slack.press(ann, message, {"block_id": row["block_id"], **button})
        assert "is gone" in slack.whispers(2)[1]
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=30)
        assert daemon.returncode == 0
        history = json.loads(made.ks("history", "--format", "json").out)
        pressed = [(e["what"], e["by"].split(" ")[0]) for e in history if e["by"] != "keysteward"]
        assert pressed == [("press_refused", EVE), ("said_rotated", ANN)]
        assert "finding_resolved" in [e["what"] for e in history]
