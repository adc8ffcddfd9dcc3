"""Slack's messages: what they say, their buttons, and Slack's limits."""

import json
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.models.blocks import Block

from app.model import Caller
from app.plan.notice import Notice
from app.sinks.interface import Message
from app.sinks.slack.blocks import pages
from app.sinks.slack.kit import MAX_TEXT, Page
from app.sinks.texts import Texts
from tests.fakes.notices import NOW, a_message, a_notice, many
from tests.fakes.slack_blocks import fault_of

CALLER = Caller("203.0.113.7", "Terraform/1.7", "s3", "eu-central-1", 42, NOW)


def _pages(message: Message, **options: bool) -> list[Page]:
    return pages(message, Texts(), **options)


@pytest.mark.parametrize("pressable", [False, True])
@pytest.mark.parametrize("count", [1, 2, 60, 300])
def test_blocks_are_within_slacks_limits_and_every_finding_is_told_once(count: int, pressable: bool) -> None:
    long = {"user": "u" * 64, "reason": "r " * 400, "headline": "h " * 400, "advice": "a&" * 400}
    made = _pages(a_message(*many(count, **long, callers=(CALLER,) * 9, snoozable=True)), pressable=pressable)
    for page in made:
        assert fault_of(list(page.blocks)) == ""
        for block in page.blocks:
            parsed = Block.parse(block)
            assert parsed is not None
            parsed.validate_json()
            assert parsed.to_dict() == block
    told = [finding for page in made for finding in page.findings]
    assert told == [notice.finding_id for notice in many(count)]


@pytest.mark.parametrize("trick", ["<!channel>", "<@U00000001>", "<https://evil.example|click>", "<!here>"])
def test_a_name_can_not_mention_anybody_or_link_anywhere(trick: str) -> None:
    names = dict.fromkeys(("user", "account", "owner", "reason", "headline", "last_used", "ticket"), trick)
    single, digest = a_notice(**names), many(40, **names)
    for message in (a_message(single), a_message(*digest)):
        for page in _pages(message):
            marked_up = [page.text, *(t["text"] for t in _texts(page.blocks) if t["type"] == "mrkdwn")]
            assert not any("<" in text for text in marked_up)


def test_nothing_in_the_text_is_parsed_for_mentions_by_slack() -> None:
    [page] = _pages(a_message(a_notice(user="@here")))
    assert all(text["verbatim"] for text in _texts(page.blocks) if text["type"] == "mrkdwn")


def test_the_day_of_the_act_leads_the_facts() -> None:
    [page] = _pages(a_message())
    fields = next(block["fields"] for block in page.blocks if "fields" in block)
    assert fields[0]["text"] == "*Will be deactivated*\nFri 27 Nov 2026"


def test_the_steps_are_said_once_a_digest() -> None:
    made = json.dumps([page.blocks for page in _pages(a_message(*many(5)))])
    assert made.count("How to rotate") == 1


@pytest.mark.parametrize(
    ("notice", "expected"),
    [
        (a_notice(kind="done"), "keysteward restore KS-ABCDEFGHIJ"),
        (a_notice(ticket="SEC-12"), "ticket SEC-12"),
        (a_notice(kind="done", act="delete"), "*Deleted*"),
        (a_notice(kind="exemption", act=None, act_at=None, headline="Exemption ends"), "Exemption ends"),
    ],
)
def test_each_kind_of_notice_says_what_its_reader_needs(notice: Notice, expected: str) -> None:
    assert expected in json.dumps([page.blocks for page in _pages(a_message(notice))])


def test_a_deletion_offers_no_undo() -> None:
    [page] = _pages(a_message(a_notice(kind="done", act="delete")))
    assert "restore" not in json.dumps(page.blocks)


def test_a_fallback_is_told_why_it_is_asked() -> None:
    [page] = _pages(a_message(is_fallback=True))
    assert "Please pass it on" in json.dumps(page.blocks)


def _texts(value: Any) -> list[dict[str, Any]]:
    """Every text object inside blocks."""
    if isinstance(value, dict):
        own = [value] if isinstance(value.get("text"), str) else []
        return own + [text for child in value.values() for text in _texts(child)]
    if isinstance(value, list | tuple):
        return [text for child in value for text in _texts(child)]
    return []


# --- evidence and buttons ------------------------------------------------------------------------


def test_the_owner_reads_who_uses_the_key_and_what_is_better_than_one() -> None:
    used = a_notice(callers=(CALLER,) * 7, advice="Use a role for EC2")
    [page] = _pages(a_message(used))
    for said in (json.dumps(page.blocks, ensure_ascii=False), page.text):
        assert "203.0.113.7 · Terraform/1.7 · s3 in eu-central-1" in said
        assert said.count("203.0.113.7") == 5
        assert "Use a role for EC2" in said


@pytest.mark.parametrize(
    ("notice", "expected"),
    [
        (a_notice(), ["rotated", "not_mine"]),
        (a_notice(snoozable=True), ["rotated", "snooze", "not_mine"]),
        (a_notice(snoozable=True, owner_is_fallback=True), ["rotated", "snooze"]),
        (a_notice(kind="done", snoozable=True), ["restore"]),
        (a_notice(kind="done", act="delete"), []),
        (a_notice(kind="exemption"), []),
        (a_notice(kind="resolved"), []),
    ],
)
def test_only_what_makes_sense_can_be_pressed(notice: Notice, expected: list[str]) -> None:
    [page] = _pages(a_message(notice), pressable=True)
    [*rows] = (block for block in page.blocks if block["type"] == "actions")
    pressed = [element for row in rows for element in row["elements"]]
    assert [element["action_id"] for element in pressed] == [f"keysteward_{name}" for name in expected]
    assert {element["value"] for element in pressed} <= {"KS-ABCDEFGHIJ/1"}


def test_a_restore_asks_before_it_is_done() -> None:
    [page] = _pages(a_message(a_notice(kind="done")), pressable=True)
    [restore] = page.blocks[-1]["elements"]
    assert restore["style"] == "danger"
    assert "…WXYZ" in restore["confirm"]["text"]["text"]


def test_a_long_digest_has_buttons_then_menus_then_lines() -> None:
    made = [block for page in _pages(a_message(*many(130)), pressable=True) for block in page.blocks]
    assert sum(block["type"] == "actions" for block in made) == 8
    menus = [block["accessory"] for block in made if "accessory" in block]
    assert len(menus) == 92
    assert [option["value"] for option in menus[0]["options"]] == [
        "rotated:KS-0000000008/1",
        "not_mine:KS-0000000008/1",
    ]


def test_a_finding_that_is_told_twice_in_a_message_has_two_block_ids() -> None:
    twice = (a_notice(), a_notice(stage="warn"), *many(20), *many(20))
    for page in _pages(a_message(*twice), pressable=True):
        ids = [block["block_id"] for block in page.blocks if "block_id" in block]
        assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("count", [1, 3, 60])
def test_the_plain_text_tells_the_same_facts(count: int) -> None:
    made = _pages(a_message(*many(count)))
    told = "\n".join(page.text for page in made)
    assert all(len(page.text) <= MAX_TEXT for page in made)
    assert "will be deactivated on 27 Nov 2026" in told
    assert "2 h ago by s3 in eu-central-1" in told
    assert "KS-0000000000" in told
    assert ("Age: 92 days" in told) == (count == 1)


def test_a_template_of_ones_own_that_says_nothing_leaves_valid_blocks(tmp_path: Path) -> None:
    for name in ("facts", "reason", "title", "headline", "slack_button", "slack_confirm"):
        (tmp_path / f"{name}.j2").write_text("")
    for message in (a_message(), a_message(*many(30)), a_message(a_notice(kind="done"))):
        for page in pages(message, Texts(tmp_path), pressable=True):
            assert fault_of(list(page.blocks)) == ""
