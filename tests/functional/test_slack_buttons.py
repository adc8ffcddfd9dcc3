"""Presses of buttons over a real websocket: the whole way from Slack's envelope to the ledger and back."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.model import ACTIVE, FindingState
from app.policy.rules import OwnerByMap, OwnerByTag, OwnerFallback
from app.service.press import Limits, handler
from app.service.run_once import run_once
from app.sinks.slack.settings import SlackSettings
from app.sinks.slack.sink import SlackSink
from app.sinks.tools import Tools
from app.sinks.waits import Waits
from tests.fakes import http
from tests.fakes.pause_gate import Gate
from tests.fakes.policies import policy
from tests.fakes.slack import Posted
from tests.fakes.slack_socket import APP_TOKEN, SocketSlack
from tests.fakes.world import DAY, PROD, START, World, aged

ANN, BOB, ADMIN, EVE = "ann@example.com", "bob@example.com", "oncall@example.com", "eve@example.com"
OWNERS = (OwnerByTag("owner"), OwnerByMap({"ci-*": BOB}), OwnerFallback("sec@example.com"))
Scene = tuple[World, SocketSlack]


def a_sink(slack: SocketSlack, app_token: str | None = APP_TOKEN, gate: Gate | None = None) -> SlackSink:
    given = {
        "type": "slack",
        "token": slack.token,
        "app_token": app_token,
        "base_url": slack.base_url,
        "timeout": 30,
    }
    waits = Waits(sleep=lambda seconds: None, before_sending=gate or Gate())
    return SlackSink("slack", SlackSettings.model_validate(given), Tools(waits))


@contextmanager
def scene(age: float, app_token: str = APP_TOKEN, gate: Gate | None = None) -> Iterator[Scene]:
    """A world whose Slack is the real sink, listening, against the fake Slack."""
    world = World(replace(policy(), owners=OWNERS), aged(age, tags={"owner": ANN}))
    with SocketSlack() as slack:
        for email in (ANN, BOB, ADMIN, EVE):
            slack.add_user(email)
        sink = world.slack = a_sink(slack, app_token, gate)  # type: ignore[assignment]
        limits = Limits(frozenset({ADMIN}), timedelta(days=7))
        listening = sink.listen(handler(world.parts(), limits))
        assert listening is not None
        try:
            yield world, slack
        finally:
            listening.close()


@pytest.fixture
def warned() -> Iterator[Scene]:
    with scene(76) as (world, slack):
        world.day(0)
        yield world, slack


@pytest.fixture
def deactivated() -> Iterator[Scene]:
    with scene(300) as (world, slack):
        world.days(*range(8))
        assert world.acts() == ["deactivate"]
        yield world, slack


def user(slack: SocketSlack, email: str) -> str:
    return slack.add_user(email).id


def last_with(slack: SocketSlack, action: str) -> tuple[Posted, dict[str, Any]]:
    """The latest message with such a button, and the button."""
    for message in reversed(slack.messages):
        for block in message.blocks:
            found = [e for e in block.get("elements", []) if e.get("action_id") == f"keysteward_{action}"]
            if found:
                return message, {"block_id": block["block_id"], **found[0]}
    raise AssertionError(f"no message has the button {action}")


def click(slack: SocketSlack, email: str, action: str, **forged: Any) -> dict[str, Any]:
    message, button = last_with(slack, action)
    who = next(u.id for u in slack._space.users.values() if u.email == email)
    return slack.press(who, message, button, **forged)


def people(world: World) -> list[tuple[str, str]]:
    lines = (event for event in world.ledger.events() if event.by != "keysteward")
    return [(event.what, event.by.partition(" ")[0]) for event in lines]


def test_i_rotated_it_is_acknowledged_read_live_answered_and_audited(warned: Scene) -> None:
    world, slack = warned
    world.keys.clear()
    assert click(slack, ANN, "rotated").get("payload") is None
    [whisper] = slack.whispers(1)
    assert "is gone" in whisper
    [finding] = world.ledger.view().findings.values()
    assert finding.state is FindingState.RESOLVED
    slack.until(lambda: len(slack.messages) == 2)
    root, reply = slack.messages
    assert reply.thread_ts == root.ts
    assert reply.text.startswith(f"<@{slack.ephemerals[0]['user']}>: Thank you")
    assert people(world) == [("said_rotated", ANN)]


def test_while_paused_the_presser_is_answered_and_nobody_else_hears_of_it() -> None:
    gate = Gate()
    with scene(76, gate=gate) as (world, slack):
        world.day(0)
        gate.pause()
        click(slack, ANN, "not_mine")
        assert "is not ann@example.com" in slack.whispers(1)[0]
        click(slack, ANN, "rotated")
        slack.whispers(2)
        assert len(slack.messages) == 1


def test_the_same_click_sent_again_by_slack_counts_once(warned: Scene) -> None:
    world, slack = warned
    for _ in range(2):
        click(slack, ANN, "not_mine", actions=[{**last_with(slack, "not_mine")[1], "action_ts": "7.0"}])
    slack.whispers(1)
    click(slack, ANN, "rotated")
    assert len(slack.whispers(2)) == 2
    assert [what for what, _ in people(world)] == ["disowned", "press_refused"]


def test_snooze_asks_for_a_reason_in_a_window_and_takes_no_empty_one(warned: Scene) -> None:
    world, slack = warned
    click(slack, ANN, "snooze")
    window = slack.window()
    who = slack.ephemerals  # nothing was said yet
    ann = next(u.id for u in slack._space.users.values() if u.email == ANN)
    refused = slack.submit(ann, window, "  ")
    assert refused["payload"] == {"response_action": "errors", "errors": {"reason": "Please say why."}}
    assert world.ledger.view().snoozes == {}
    assert who == []
    slack.submit(ann, window, "a release this week")
    assert "is snoozed until 8 Jun 2026" in slack.whispers(1)[0]
    [snooze] = world.ledger.view().snoozes.values()
    assert (snooze.reason, snooze.by.partition(" ")[0]) == ("a release this week", ANN)


def test_a_window_filled_in_by_somebody_else_snoozes_nothing(warned: Scene) -> None:
    world, slack = warned
    click(slack, ANN, "snooze")
    eve = next(u.id for u in slack._space.users.values() if u.email == EVE)
    slack.submit(eve, slack.window(), "let me")
    assert "Only ann@example.com" in slack.whispers(1)[0]
    assert world.ledger.view().snoozes == {}


@pytest.mark.parametrize("action", ["rotated", "not_mine"])
def test_a_stranger_is_answered_alone_and_changes_nothing(warned: Scene, action: str) -> None:
    world, slack = warned
    before = world.ledger.view()
    click(slack, EVE, action)
    assert "Only ann@example.com and Keysteward's admins" in slack.whispers(1)[0]
    assert world.ledger.view() == before
    assert people(world) == [("press_refused", EVE)]
    assert len(slack.messages) == 1


def test_not_mine_sends_the_next_notice_to_the_next_owner_in_a_message_of_his_own(warned: Scene) -> None:
    world, slack = warned
    click(slack, ANN, "not_mine")
    assert f"asks {BOB}" in slack.whispers(1)[0]
    world.day(1)
    assert len(slack.messages_to(BOB)) == 1


@pytest.mark.parametrize("who", [ANN, ADMIN])
def test_restore_reactivates_for_the_owner_and_for_an_admin(deactivated: Scene, who: str) -> None:
    world, slack = deactivated
    click(slack, who, "restore")
    assert "is active again" in slack.whispers(1)[0]
    assert world.keys[0].status == ACTIVE
    assert ("restored", who) in people(world)
    click(slack, who, "restore")
    assert "not deactivated" in slack.whispers(2)[1]
    assert world.acts() == ["deactivate", "activate"]


@pytest.mark.parametrize("who", [EVE, BOB])
def test_restore_by_a_stranger_is_refused(deactivated: Scene, who: str) -> None:
    world, slack = deactivated
    click(slack, who, "restore")
    assert "Only ann@example.com" in slack.whispers(1)[0]
    assert world.acts() == ["deactivate"]


def test_the_name_of_an_account_mentions_nobody(deactivated: Scene) -> None:
    world, slack = deactivated
    world.accounts = [replace(PROD, name="<!channel> prod")]
    before = len(slack.messages)
    click(slack, ANN, "restore")
    assert "in &lt;!channel&gt; prod is active again" in slack.whispers(1)[0]
    slack.until(lambda: len(slack.messages) > before)
    assert "<!channel>" not in slack.messages[-1].text


@pytest.mark.parametrize(("action", "method"), [("rotated", "users.info"), ("snooze", "views.open")])
def test_who_can_not_be_heard_is_told_to_press_again(warned: Scene, action: str, method: str) -> None:
    world, slack = warned
    slack.fail(method, http.status(503))
    click(slack, ANN, action)
    assert "press again" in slack.whispers(1)[0]
    assert people(world) == []


def test_a_window_whose_sender_can_not_be_known_is_answered_and_snoozes_nothing(warned: Scene) -> None:
    world, slack = warned
    click(slack, ANN, "snooze")
    window = slack.window()
    slack.fail("users.info", http.status(503))
    slack.submit(slack._space.users[ANN].id, window, "a release")
    assert "press again" in slack.whispers(1)[0]
    assert world.ledger.view().snoozes == {}


def _window(finding: str) -> dict[str, Any]:
    told = f'{{"finding_id": {finding}, "channel": "C1", "ts": "1.0", "thread_ts": ""}}'
    values = {"reason": {"text": {"value": "a release"}}}
    return {"callback_id": "keysteward_snooze", "private_metadata": told, "state": {"values": values}}


FORGED: dict[str, dict[str, Any]] = {
    "another workspace": {"team": {"id": "T_OTHER"}},
    "no team": {"team": None},
    "an unknown action": {
        "actions": [{"action_id": "keysteward_delete", "value": "KS-X/1", "action_ts": "1"}]
    },
    "another app's action": {"actions": [{"action_id": "approve", "value": "1", "action_ts": "2"}]},
    "no value": {"actions": [{"action_id": "keysteward_restore", "action_ts": "3"}]},
    "no number": {"actions": [{"action_id": "keysteward_rotated", "value": "KS-X/one", "action_ts": "4"}]},
    "digits of another script": {
        "actions": [{"action_id": "keysteward_rotated", "value": "KS-AAAAAAAAAA/١", "action_ts": "5"}]
    },
    "half a character": {
        "actions": [{"action_id": "keysteward_rotated", "value": "KS-\ud800/1", "action_ts": "6"}]
    },
    "an endless number": {"type": "view_submission", "view": _window('"KS-AAAAAAAAAA", "episode": 1e999')},
    "half a number": {"type": "view_submission", "view": _window('"KS-AAAAAAAAAA", "episode": 1.9')},
    "no end": {"type": "view_submission", "view": _window("[" * 2_900)},
    "no actions": {"actions": []},
    "actions that are none": {"actions": "x"},
    "no container": {"container": None},
    "no user": {"user": {}},
    "an unknown user": {"user": {"id": "U_NOBODY"}},
    "a window of another app": {
        "type": "view_submission",
        "view": {"callback_id": "x", "state": {"values": {}}},
    },
    "a window without metadata": {"type": "view_submission", "view": {"callback_id": "keysteward_snooze"}},
    "another type": {"type": "shortcut"},
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=list(FORGED))
def test_a_forged_payload_is_acknowledged_and_does_nothing(
    warned: Scene, forged: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    world, slack = warned
    before = world.ledger.view()
    with caplog.at_level(logging.DEBUG):
        click(slack, ANN, "rotated", **forged)
        click(slack, EVE, "rotated")  # and the next press is heard all the same
        assert "Only ann@example.com" in slack.whispers(1)[0]
    assert world.ledger.view() == before
    assert people(world) == [("press_refused", EVE)]
    assert world.writes == []


def test_a_made_up_finding_is_refused(warned: Scene) -> None:
    _, slack = warned
    _, button = last_with(slack, "rotated")
    click(slack, ANN, "rotated", actions=[{**button, "value": "KS-AAAAAAAAAA/1", "action_ts": "9"}])
    assert "not known here" in slack.whispers(1)[0]


@pytest.mark.parametrize(
    "flags",
    [
        {"is_bot": True},
        {"deleted": True},
        {"is_stranger": True},
        {"is_email_confirmed": False},
        {"team_id": "T_OTHER"},
    ],
    ids=str,
)
def test_only_a_confirmed_member_of_this_workspace_speaks_for_an_address(
    warned: Scene, flags: dict[str, Any]
) -> None:
    _, slack = warned
    ann = slack._space.users[ANN]
    slack._space.users[ANN] = replace(ann, **flags)
    click(slack, ANN, "rotated")
    assert "Only ann@example.com" in slack.whispers(1)[0]


def test_no_token_and_no_key_id_is_logged(warned: Scene, caplog: pytest.LogCaptureFixture) -> None:
    world, slack = warned
    with caplog.at_level(logging.DEBUG):
        click(slack, ANN, "rotated")
        slack.whispers(1)
    assert APP_TOKEN not in caplog.text
    assert world.keys[0].id not in caplog.text + str(slack.ephemerals) + str(slack.messages)


def test_without_an_app_token_messages_have_no_buttons_and_nobody_listens() -> None:
    world = World(replace(policy(), owners=OWNERS), aged(76, tags={"owner": ANN}))
    with SocketSlack() as slack:
        slack.add_user(ANN)
        sink = a_sink(slack, app_token=None)
        parts = replace(world.parts(), sinks={"slack": sink})
        world.clock.instant = START + DAY
        assert run_once(parts).outcome == "success"
        assert sink.listen(handler(parts, Limits())) is None
        assert slack.connections == 0
        [message] = slack.messages
        assert not [block for block in message.blocks if block["type"] == "actions"]


def test_an_app_token_that_slack_refuses_stops_nothing_but_the_buttons(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING), scene(76, app_token="xapp-revoked") as (world, slack):
        assert world.day(0).outcome == "success"
        slack.until(lambda: slack.connections > 0)
    assert len(slack.messages) == 1
    assert "xapp-revoked" not in caplog.text


@pytest.mark.slow
def test_a_connection_that_fails_leaves_no_threads_behind() -> None:
    """The SDK starts some before it connects: one attempt after another, they would fill the machine."""
    before = set(threading.enumerate())
    with scene(76, app_token="xapp-revoked") as (_, slack):
        slack.until(lambda: slack.connections > 0)
        of_the_sdk = [t for t in set(threading.enumerate()) - before if "(_run)" in t.name]
        for thread in of_the_sdk:
            thread.join(60)
        assert not any(thread.is_alive() for thread in of_the_sdk)
