"""What a press of each button does: by the owner, a stranger, an admin; twice; after the fact; forged."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.errors import LedgerError, Permanent, RecipientUnreachable, Transient
from app.inventory.interface import HubIdentity
from app.ledger.interface import Change, LedgerView
from app.model import ACTIVE, INACTIVE, FindingState, LastUsed, Mode, Pause
from app.model import Event as AuditEvent
from app.policy.rules import Match, OwnerByMap, OwnerByTag, OwnerFallback, Rule, SnoozeLimit
from app.service import changes
from app.service.press import Limits, handler
from app.service.retry import retry_failed
from app.sinks.presses import Answer, Button, Press, Presser
from tests.fakes.policies import LADDER, policy
from tests.fakes.world import DAY, START, World, aged

ANN, BOB, ADMIN, STRANGER = "ann@example.com", "bob@example.com", "oncall@example.com", "eve@example.com"
FALLBACK = "sec@example.com"
OWNERS = (OwnerByTag("owner"), OwnerByMap({"ci-*": BOB}), OwnerFallback(FALLBACK))
ID = "AKIAEXAMPLE000000001"


def a_world(age: float = 76, snooze: SnoozeLimit | None = None) -> World:
    """One key of Ann's that was told of on day 0."""
    rule = Rule("default", Match(), LADDER, snooze=snooze or SnoozeLimit())
    world = World(replace(policy(rule), owners=OWNERS), aged(age, tags={"owner": ANN}))
    world.day(0)
    return world


def finding_id(world: World) -> str:
    return next(iter(world.ledger.view().findings.values())).id


def press(
    world: World,
    button: Button,
    who: str = ANN,
    reason: str = "a release",
    episode: int = 1,
    finding: str = "",
) -> Answer:
    asked = Press(button, finding or finding_id(world), episode, Presser("slack:U1", who), reason)
    return handler(world.parts(), Limits(frozenset({ADMIN}), timedelta(days=7)))(asked)


def audit(world: World) -> list[tuple[str, str]]:
    return [
        (event.what, event.by.split(" ")[0]) for event in world.ledger.events() if event.by != "keysteward"
    ]


# --- who may ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("button", list(Button))
@pytest.mark.parametrize("who", [STRANGER, "", BOB])
def test_a_stranger_changes_nothing_and_is_told_who_may(button: Button, who: str) -> None:
    world = a_world()
    before = world.ledger.view()
    answer = press(world, button, who)
    assert ANN in answer.text
    assert not answer.done
    assert world.ledger.view() == before
    assert world.writes == []
    assert audit(world) == [("press_refused", who or "unknown")]


@pytest.mark.parametrize("who", [ANN, "Ann@Example.com", ADMIN, FALLBACK])
def test_the_owner_the_admins_and_the_fallback_may_snooze(who: str) -> None:
    world = a_world()
    assert press(world, Button.SNOOZE, who).done
    assert audit(world) == [("snoozed", who)]


@pytest.mark.parametrize(("who", "done"), [(ANN, True), (ADMIN, True), (FALLBACK, False), (STRANGER, False)])
def test_only_the_owner_and_the_admins_may_restore(who: str, done: bool) -> None:
    world = deactivated()
    assert press(world, Button.RESTORE, who).done == done
    assert ("activate" in world.acts()) == done


def test_a_forged_finding_is_refused_and_not_written_down_as_one() -> None:
    world = a_world()
    answer = press(world, Button.SNOOZE, finding="KS-FORGEDXXXX")
    assert "not known" in answer.text
    [event] = [e for e in world.ledger.events() if e.what == "press_refused"]
    assert event.finding_id == ""


def test_a_notice_of_an_earlier_episode_presses_nothing() -> None:
    world = a_world()
    answer = press(world, Button.NOT_MINE, episode=7)
    assert "out of date" in answer.text
    assert world.ledger.view().refusals == ()


def test_a_fault_inside_is_an_answer_too() -> None:
    world = a_world()
    asked = Press(Button.ROTATED, finding_id(world), 1, Presser("slack:U1", ANN))
    broken = replace(world.parts(), reader=None)  # type: ignore[arg-type]
    assert "our fault" in handler(broken, Limits())(asked).text


class SilentLedger:
    """A ledger that does not answer any more."""

    def view(self) -> LedgerView:
        raise LedgerError("the ledger does not answer")


def test_a_ledger_that_is_down_is_an_answer_too() -> None:
    world = a_world()
    asked = Press(Button.ROTATED, finding_id(world), 1, Presser("slack:U1", ANN))
    broken = replace(world.parts(), ledger=SilentLedger())  # type: ignore[arg-type]
    assert "did not work" in handler(broken, Limits())(asked).text


def test_a_fault_shows_no_more_of_a_key_than_the_config_allows() -> None:
    world = deactivated()
    world.before_write = lambda: (_ for _ in ()).throw(Permanent("…0001 may not be changed"))
    asked = Press(Button.RESTORE, finding_id(world), 1, Presser("slack:U1", ANN))
    answer = handler(replace(world.parts(), shown_characters=0), Limits())(asked)
    assert answer.text == "That did not work: … may not be changed"


def test_a_pause_that_comes_while_a_press_is_answered_leaves_the_closing_to_the_next_run() -> None:
    world = a_world(age=85)
    world.keys.clear()
    hold = Pause("ops", "an incident", START)

    def hub() -> HubIdentity:
        world.ledger.pause(hold, AuditEvent(START, "ops", "paused"))
        return world.identity

    asked = Press(Button.ROTATED, finding_id(world), 1, Presser("slack:U1", ANN))
    answer = handler(replace(world.parts(), hub=hub), Limits())(asked)
    assert "is gone" in answer.text
    assert world.jira.resolved == []
    world.ledger.pause(None, AuditEvent(START, "ops", "resumed"))
    world.day(1)
    assert len(world.jira.resolved) == 1


# --- I rotated it -------------------------------------------------------------------------------------


def test_a_key_that_is_gone_is_resolved_at_once_and_its_ticket_closed() -> None:
    world = a_world(age=85)  # past the ticket stage
    assert world.told("jira")
    world.keys.clear()
    answer = press(world, Button.ROTATED)
    assert "is gone" in answer.text
    assert "closed" in answer.text
    [finding] = world.ledger.view().findings.values()
    assert finding.state is FindingState.RESOLVED
    assert len(world.jira.resolved) == 1
    world.day(1)
    assert len(world.jira.resolved) == 1


def test_an_account_that_is_known_is_not_listed_again_for_a_press() -> None:
    """Listing an organization takes minutes, and the presser waits."""
    world = a_world()
    account = world.accounts[0]
    world.list = lambda: pytest.fail("listed")  # type: ignore[method-assign]
    asked = Press(Button.ROTATED, finding_id(world), 1, Presser("slack:U1", ANN))
    parts = replace(world.parts(), known_account={account.id: account}.get)
    assert "still Active" in handler(parts, Limits())(asked).text


def test_a_key_that_is_still_active_is_said_to_be_so_with_its_last_use() -> None:
    world = a_world()
    world.keys[0].last_used = LastUsed("at", START - timedelta(minutes=5), "s3", "eu-central-1")
    answer = press(world, Button.ROTATED)
    assert "still Active, last used 5 min ago by s3" in answer.text
    assert not answer.done
    assert audit(world) == [("said_rotated", ANN)]


def test_a_key_that_its_owner_deactivated_waits_for_its_deletion() -> None:
    world = a_world()
    world.keys[0].status = INACTIVE
    answer = press(world, Button.ROTATED)
    assert "is Inactive" in answer.text
    assert "stays open" in answer.text
    [facts] = world.ledger.view().facts.values()
    assert facts.inactive_since == START
    assert world.writes == []


def test_pressed_twice_it_says_that_it_is_resolved_already() -> None:
    world = a_world()
    world.keys.clear()
    press(world, Button.ROTATED)
    assert "resolved already" in press(world, Button.ROTATED).text


def test_while_a_run_is_at_work_the_answer_comes_all_the_same() -> None:
    world = a_world()
    world.keys.clear()
    with world.ledger.lease("a run", timedelta(0)):
        assert "next run closes" in press(world, Button.ROTATED).text
    world.day(1)
    [finding] = world.ledger.view().findings.values()
    assert finding.state is FindingState.RESOLVED


def test_a_press_never_deactivates_even_when_everything_is_due() -> None:
    world = a_world(age=300)
    world.days(1, 2, 3, 4, 5, 6)
    world.clock.instant = START + 8 * DAY
    press(world, Button.ROTATED)
    assert world.writes == []


# --- snooze -------------------------------------------------------------------------------------------


def test_a_snooze_stops_notices_for_seven_days() -> None:
    world = a_world()
    assert "snoozed until 8 Jun 2026" in press(world, Button.SNOOZE).text
    world.days(*range(1, 8))
    assert world.told() == [(0, "warn"), (7, "ticket")]


def test_a_second_press_while_it_is_snoozed_changes_nothing() -> None:
    world = a_world()
    press(world, Button.SNOOZE)
    world.clock.instant = START + 3 * DAY
    answer = press(world, Button.SNOOZE)
    assert "snoozed already" in answer.text
    [snooze] = world.ledger.view().snoozes.values()
    assert snooze.until == START + 7 * DAY


def test_a_snooze_needs_a_reason() -> None:
    assert "needs a reason" in press(a_world(), Button.SNOOZE, reason=" ").text


def test_snoozing_again_and_again_does_not_push_the_deactivation_away() -> None:
    world = a_world(age=84)  # due on day 6; require moves the first possible day to day 7
    for number in range(30):
        world.day(number)
        press(world, Button.SNOOZE)
    assert "deactivate" in world.acts()
    deactivation = next(m.now for m in world.slack.sent if m.notices[0].stage == "deactivate")
    assert (deactivation - START).days <= 12


def test_the_rule_s_limit_holds_over_all_snoozes_of_an_episode() -> None:
    world = a_world(snooze=SnoozeLimit(timedelta(days=10), past_deadline=True))
    press(world, Button.SNOOZE)
    world.day(7)
    assert "snoozed until 11 Jun" in press(world, Button.SNOOZE).text
    world.day(10)
    assert "used up" in press(world, Button.SNOOZE).text


def test_a_snooze_by_command_does_not_give_the_owner_a_new_limit() -> None:
    world = a_world(snooze=SnoozeLimit(timedelta(days=14), past_deadline=True))
    for number in (0, 7):
        world.clock.instant = START + number * DAY
        assert press(world, Button.SNOOZE).done
    world.clock.instant = START + 14 * DAY
    changes.snooze(world.parts(), finding_id(world), DAY, "ops", "a freeze")
    world.day(16)
    assert "used up" in press(world, Button.SNOOZE).text


def test_a_rule_may_forbid_snoozing() -> None:
    answer = press(a_world(snooze=SnoozeLimit(timedelta(0))), Button.SNOOZE)
    assert "does not let owners snooze" in answer.text


def test_a_press_closes_no_ticket_of_what_is_only_observed_now() -> None:
    world = a_world(age=85)
    observed = replace(world.policy.rules[0], mode=Mode.OBSERVE)
    world.with_policy(rules=(observed,))
    world.day(1)
    world.keys.clear()
    assert "The next run" in press(world, Button.ROTATED).text
    assert world.jira.resolved == []


# --- not mine -----------------------------------------------------------------------------------------


def test_not_mine_goes_to_the_next_owner_with_the_next_run() -> None:
    world = a_world()
    answer = press(world, Button.NOT_MINE)
    assert BOB in answer.text
    world.day(1)
    assert [m.recipient for m in world.slack.sent] == [ANN, BOB]
    [finding] = world.ledger.view().findings.values()
    assert finding.owner == BOB
    world.day(2)
    assert len(world.slack.sent) == 2


def test_an_admin_s_double_click_does_not_speak_for_the_next_owner_too() -> None:
    world = a_world()
    press(world, Button.NOT_MINE, ADMIN)
    assert f"noted already: the next run asks {BOB}" in press(world, Button.NOT_MINE, ADMIN).text
    world.day(1)
    assert [m.recipient for m in world.slack.sent] == [ANN, BOB]


def test_two_spellings_of_an_address_are_one_person() -> None:
    world = a_world()
    world.keys[0].tags = {"owner": BOB.upper()}
    world.day(7)
    press(world, Button.NOT_MINE, BOB)
    world.day(8)
    assert [m.recipient for m in world.slack.sent] == [ANN, BOB.upper(), FALLBACK]


def with_ticket_from_the_start() -> World:
    both = replace(LADDER[0], notify=("slack", "jira"))
    world = World(replace(policy(Rule("default", Match(), (both, *LADDER[1:]))), owners=OWNERS))
    world.keys = [aged(76, tags={"owner": ANN})]
    return world


def test_what_failed_is_not_tried_again_on_one_who_does_not_own_it() -> None:
    world = with_ticket_from_the_start()
    world.jira.fault = lambda message: Transient("down")
    world.day(0)
    press(world, Button.NOT_MINE)
    world.jira.fault = lambda message: None
    world.clock.instant += timedelta(hours=2)
    retry_failed(world.parts())
    world.day(1)
    assert [m.recipient for m in world.jira.sent] == [BOB]


def test_the_ticket_of_an_earlier_stage_goes_to_the_next_owner_too() -> None:
    world = a_world(age=85)
    world.days(1, 2)  # the stage is one that tells in the chat alone
    press(world, Button.NOT_MINE)
    world.days(3, 4)
    assert [m.recipient for m in world.jira.sent] == [ANN, BOB]


def test_the_former_owner_can_press_no_more() -> None:
    world = a_world()
    press(world, Button.NOT_MINE)
    assert "Only bob@example.com" in press(world, Button.SNOOZE).text


def test_behind_the_last_owner_comes_the_fallback_who_can_not_pass_it_on() -> None:
    world = a_world()
    press(world, Button.NOT_MINE)
    world.day(1)
    press(world, Button.NOT_MINE, BOB)
    world.day(2)
    assert [m.recipient for m in world.slack.sent] == [ANN, BOB, FALLBACK]
    assert "Nobody else" in press(world, Button.NOT_MINE, FALLBACK).text


def test_what_a_former_owner_was_told_does_not_deactivate_the_next_one_s_key() -> None:
    world = a_world(age=300)
    world.days(*range(7))
    press(world, Button.NOT_MINE)
    world.day(7)
    assert world.writes == []
    assert world.slack.sent[-1].recipient == BOB
    world.days(*range(8, 20))
    assert world.acts() == ["deactivate"]


def test_what_the_fallback_was_told_in_place_of_one_who_does_not_own_it_is_not_enough() -> None:
    """The press is answered with "the next run asks Bob": he is asked before anything happens."""
    world = World(replace(policy(), owners=OWNERS), aged(300, tags={"owner": ANN}))
    world.jira.counts = False
    unknown = RecipientUnreachable("users_not_found")
    world.slack.fault = lambda message: unknown if message.recipient == ANN else None
    world.days(*range(7))
    world.clock.instant += timedelta(hours=1)
    press(world, Button.NOT_MINE, FALLBACK)
    world.day(7)
    assert world.writes == []
    assert world.slack.sent[-1].recipient == BOB
    world.day(8)
    assert world.acts() == ["deactivate"]


def test_an_answer_shows_no_more_of_a_key_than_the_config_allows() -> None:
    world = a_world()
    asked = Press(Button.ROTATED, finding_id(world), 1, Presser("slack:U1", ANN))
    answer = handler(replace(world.parts(), shown_characters=0), Limits())(asked)
    assert "Key … of ci-deploy is still Active" in answer.text


# --- restore ------------------------------------------------------------------------------------------


def deactivated() -> World:
    world = a_world(age=300)
    world.days(*range(1, 9))
    assert world.acts() == ["deactivate"]
    return world


def test_restore_reactivates_the_key_and_snoozes_it() -> None:
    world = deactivated()
    answer = press(world, Button.RESTORE)
    assert "active again" in answer.text
    assert world.keys[0].status == ACTIVE
    world.days(*range(9, 15))
    assert world.acts() == ["deactivate", "activate"]


def test_restore_twice_is_refused_the_second_time() -> None:
    world = deactivated()
    press(world, Button.RESTORE)
    assert "not deactivated" in press(world, Button.RESTORE).text
    assert world.acts() == ["deactivate", "activate"]


def test_restore_by_a_button_ends_after_its_time() -> None:
    world = deactivated()
    world.clock.instant += 8 * DAY
    assert "too late" in press(world, Button.RESTORE).text
    assert world.acts() == ["deactivate"]


def test_while_paused_nothing_is_restored() -> None:
    world = deactivated()
    world.ledger.pause(Pause("ops", "an incident", START), AuditEvent(START, "ops", "paused"))
    assert "paused by ops" in press(world, Button.RESTORE).text
    assert world.acts() == ["deactivate"]


def test_the_ledger_s_change_of_a_press_is_one_transaction() -> None:
    """A snooze without its audit line, or the other way round, can't be."""
    world = a_world()
    seen: list[Change] = []
    apply = world.ledger.apply
    world.ledger.apply = lambda change, lease=None: (seen.append(change), apply(change, lease))[1]  # type: ignore[method-assign,func-returns-value]
    press(world, Button.SNOOZE)
    [change] = seen
    assert len(change.snoozes) == len(change.events) == 1
