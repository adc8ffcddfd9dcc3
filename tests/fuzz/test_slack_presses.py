"""Slack's payloads: whatever is in one, nobody presses for another person, or on another finding."""

import json
import logging
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest

from app.model import Finding, FindingState
from app.policy.rules import OwnerByTag, OwnerFallback
from app.service.press import Limits, handler
from app.sinks.presses import Answer, Button, Handler, Press
from app.sinks.slack import modal
from app.sinks.slack.api import SlackApi
from app.sinks.slack.clicks import Clicks
from app.sinks.waits import Waits
from tests.fakes.policies import policy
from tests.fakes.slack import TEAM, User
from tests.fakes.world import World, aged
from tests.fuzz import texts, trees
from tests.fuzz.attack import attack, each_effort

ANN, BOB, EVE = "ann@example.com", "bob@example.com", "eve@example.com"
USERS = {f"U0000000{number}": email for number, email in enumerate((ANN, BOB, EVE), start=1)}
KEYS = {ANN: "AKIAEXAMPLE000000001", BOB: "AKIAEXAMPLE000000002"}
FINDINGS = {email: Finding.id_for(f"111122223333/{key_id}") for email, key_id in KEYS.items()}


class Directory(SlackApi):
    """A workspace that knows its people, and remembers what was said to whom."""

    def __init__(self) -> None:
        super().__init__("xoxb-none", "http://127.0.0.1:9/", 1, Waits(sleep=lambda seconds: None))
        self.asked: list[str] = []
        self.written: list[tuple[str, dict[str, Any]]] = []

    def read(self, method: str, **params: Any) -> dict[str, Any]:
        assert method == "users.info"
        self.asked.append(params["user"])
        email = USERS.get(params["user"], "")
        return {"user": User(params["user"], email).shown()} if email else {}

    def write(self, method: str, **body: Any) -> dict[str, Any]:
        json.dumps(body).encode()
        self.written.append((method, body))
        return {}


def click(user: str, action: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "block_actions",
        "user": {"id": user, "team_id": TEAM},
        "team": {"id": TEAM, "domain": "example"},
        "trigger_id": "trigger-1",
        "container": {
            "type": "message",
            "message_ts": "1.000001",
            "channel_id": "C00000001",
            "thread_ts": "1.0",
        },
        "actions": [{"action_ts": "7.0", "block_id": "b", **action}],
    }


def submission(user: str, finding: str) -> dict[str, Any]:
    window = modal.view(finding, 1, modal.Place("C00000001", "1.000001", "1.0"))
    values = {modal.BLOCK: {modal.INPUT: {"type": "plain_text_input", "value": "a release this week"}}}
    view = {**window, "id": "V1", "state": {"values": values}}
    return {"type": "view_submission", "user": {"id": user}, "team": {"id": TEAM}, "view": view}


def payloads(user: str) -> list[dict[str, Any]]:
    """Every valid one by this person, on findings of their own and of others."""
    found = []
    for finding in FINDINGS.values():
        subject = f"{finding}/1"
        found += [click(user, {"action_id": f"keysteward_{b}", "value": subject}) for b in Button]
        menu = {"selected_option": {"value": f"not_mine:{subject}"}}
        found += [click(user, {"action_id": "keysteward_more", **menu}), submission(user, finding)]
    return found


VALID = [payload for user in USERS for payload in payloads(user)]


def noting(heard: list[Press]) -> Handler:
    def answer(press: Press) -> Answer:
        heard.append(press)
        return Answer("noted", done=True)

    return answer


def a_world() -> World:
    """A key of Ann's and one of Bob's, of which both were told on day 0."""
    keys = [
        aged(76, key_id, email.partition("@")[0], tags={"owner": email}) for email, key_id in KEYS.items()
    ]
    world = World(policy(), *keys)
    world.with_policy(owners=(OwnerByTag("owner"), OwnerFallback("sec@example.com")))
    world.day(0)
    assert len(world.ledger.view().findings) == 2
    return world


@each_effort
def test_a_payload_is_passed_over_or_is_the_press_that_it_spells_out(
    examples: int, caplog: pytest.LogCaptureFixture
) -> None:
    def check(payload: Any) -> None:
        api, heard = Directory(), list[Press]()
        clicks = Clicks(api, noting(heard))
        clicks.team = TEAM
        assert modal.fault(payload) in (
            None,
            {"response_action": "errors", "errors": {"reason": "Please say why."}},
        )
        clicks.hear(payload)
        clicks.hear(payload)
        assert len(heard) <= 1
        for press in heard:
            spelled_out(press, payload)
        answered_to_the_presser_alone(api, payload)
        assert not [record for record in caplog.records if record.levelno > logging.WARNING]
        caplog.clear()

    attack(trees.spoiled(VALID), check, examples)


def spelled_out(press: Press, payload: Any) -> None:
    """Slack's own word for who, the message's for the rest, and both to the letter."""
    user = payload["user"]["id"]
    assert press.presser.id == f"slack:{user}"
    assert press.presser.email == USERS.get(user, "")
    assert payload["team"]["id"] == TEAM
    assert re.fullmatch("KS-[A-Z2-7]{10}", press.finding_id)
    subject = f"{press.finding_id}/{press.episode}"
    if payload["type"] == "view_submission":
        told = json.loads(payload["view"]["private_metadata"])
        assert press.button is Button.SNOOZE
        assert (told["finding_id"], told["episode"]) == (press.finding_id, press.episode)
    elif payload["actions"][0]["action_id"] == "keysteward_more":
        assert payload["actions"][0]["selected_option"]["value"] == f"{press.button}:{subject}"
    else:
        action = payload["actions"][0]
        assert (action["action_id"], action["value"]) == (f"keysteward_{press.button}", subject)


def answered_to_the_presser_alone(api: Directory, payload: Any) -> None:
    for method, body in api.written:
        if method == "chat.postEphemeral":
            assert body["user"] == payload["user"]["id"]
        if method == "views.open":
            assert body["trigger_id"] == payload["trigger_id"]


@each_effort
def test_what_a_payload_changes_is_its_pressers_own(examples: int, caplog: pytest.LogCaptureFixture) -> None:
    worlds, changed = [a_world()], Counter[str]()

    def check(payload: Any) -> None:
        world = worlds[-1]
        before = {email: rows(world, email) for email in KEYS}
        clicks = Clicks(Directory(), handler(world.parts(), Limits()))
        clicks.team = TEAM
        clicks.hear(payload)
        for email in KEYS:
            if rows(world, email) != before[email]:
                assert USERS[payload["user"]["id"]] == email
                changed[email] += 1
                worlds[:] = [a_world()]
        assert world.writes == []
        assert not [record for record in caplog.records if record.levelno > logging.WARNING]
        caplog.clear()

    attack(trees.spoiled(VALID), check, examples // 2)
    assert changed


def rows(world: World, email: str) -> Mapping[str, Any]:
    """Everything that the ledger holds of this person's key."""
    view, uid = world.ledger.view(), f"111122223333/{KEYS[email]}"
    finding = view.findings[uid]
    assert finding.state is FindingState.OPEN
    parts = (view.facts[uid], view.snoozes.get(uid), view.refusals.by_uid.get(uid, ()))
    return {"finding": finding, "rest": parts, "deliveries": tuple(view.deliveries.get(finding.id, ()))}


def test_what_is_spoiled_was_valid() -> None:
    heard = list[Press]()
    for payload in VALID:
        clicks = Clicks(Directory(), noting(heard))
        clicks.hear(payload)
    windows = sum(payload["type"] == "block_actions" for payload in VALID) // (len(Button) + 1)
    assert len(heard) == len(VALID) - windows  # a snooze is asked about first
    assert {press.presser.email for press in heard} == {ANN, BOB, EVE}
    assert texts.KEY_ID not in str(heard)
