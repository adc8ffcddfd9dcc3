"""How the ladder is climbed, day by day, on whole runs: the rules that keep keys alive."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from app.errors import Ambiguous, Paused, Permanent, RecipientUnreachable, Transient
from app.inventory.interface import LiveReader
from app.ledger.interface import Change, Lease
from app.model import (
    ACTIVE,
    EXPIRED,
    INACTIVE,
    Account,
    Credential,
    Event,
    FindingState,
    LastUsed,
    Mode,
    Pause,
    Snooze,
)
from app.plan.freeze import parse_freeze
from app.plan.limits import Brake, Limits
from app.policy.rules import Age, Exemption, Match, OwnerByMap, OwnerFallback, Rule, Unused
from app.service import changes
from app.service.picture import with_deliveries
from app.service.run_once import run_once
from app.sinks.interface import Message
from app.sinks.snapshot import Snapshot
from tests.fakes.policies import DEACTIVATE, DELETE, FINAL, LADDER, TICKET, WARN, days, ladder, policy
from tests.fakes.world import DAY, PROD, START, Key, World, aged

pytestmark = pytest.mark.usefixtures("each_reading")

ID = "AKIAEXAMPLE000000001"
TWIN = "AKIAEXAMPLE000000002"


def used(days_ago: float, at: float = 0) -> LastUsed:
    return LastUsed("at", START + (at - days_ago) * DAY, "s3", "eu-central-1")


def test_a_young_key_climbs_every_rung_on_its_day() -> None:
    world = World(policy(), aged(70))
    world.days(*range(62))
    assert world.told() == [
        (5, "warn"),
        (10, "ticket"),
        (17, "final"),
        (18, "final"),
        (19, "final"),
        (20, "deactivate"),
        (50, "delete"),
    ]
    assert world.writes == [("deactivate", ID), ("delete", ID)]


def test_a_key_that_was_used_today_goes_by_age_alone_when_its_owner_was_told() -> None:
    world = World(policy(), aged(70, last_used=used(0)))
    world.days(*range(21))
    assert world.acts() == ["deactivate"]


def test_a_300_day_old_key_first_seen_today_gets_a_final_notice_and_a_ticket_naming_day_7() -> None:
    world = World(policy(), aged(300, last_used=used(1)))
    world.day(0)
    assert world.told() == [(0, "final")]
    assert world.told("jira") == [(0, "final")]
    assert world.slack.notices[0].act_at == START + 7 * DAY
    world.days(1, 2, 3, 4, 5, 6)
    assert world.told() == [(n, "final") for n in range(7)]
    assert world.told("jira") == [(0, "final")]
    assert world.acts() == []
    world.day(7)
    assert world.acts() == ["deactivate"]


def test_a_50_day_old_idle_key_that_only_unused_makes_due_is_treated_the_same() -> None:
    world = World(policy(), aged(50, last_used=LastUsed.never()))
    world.days(*range(7))
    assert world.told()[0] == (0, "final")
    assert world.acts() == []
    world.day(7)
    assert world.acts() == ["deactivate"]


def test_a_destructive_unused_waits_a_day_beyond_its_threshold() -> None:
    world = World(ladder(FINAL, replace(DEACTIVATE, when=Unused(days(45)))), aged(60, last_used=used(45.5)))
    world.day(0)
    assert world.told() == []
    world.day(0.5)
    assert world.told() == [(0, "final")]


def test_of_two_twins_only_the_idle_one_goes() -> None:
    busy = aged(60, ID, "worker", last_used=used(0))
    idle = aged(300, TWIN, "worker", last_used=used(300))
    world = World(ladder(FINAL, replace(DEACTIVATE, when=Unused(days(45)))), busy, idle)
    world.days(*range(9))
    assert world.writes == [("deactivate", TWIN)]


def test_a_key_whose_last_use_cannot_be_read_is_held_with_that_reason() -> None:
    world = World(ladder(FINAL, replace(DEACTIVATE, when=Unused(days(45)))), aged(300))
    world.unreadable_use = {ID}
    report = world.day(0)
    assert [(h.guard, h.verb.value) for h in report.plan.held] == [("last_use_unknown", "deactivate")]
    assert "AccessDenied" in report.plan.held[0].text
    world.days(*range(1, 30))
    assert world.acts() == []
    assert {n.act_at for n in world.slack.notices} == {None}


def test_a_ladder_of_unused_alone_counts_the_unreadable_key_as_unknown() -> None:
    idle = (replace(WARN, when=Unused(days(30))), replace(DEACTIVATE, when=Unused(days(45))))
    world = World(ladder(*idle), aged(300))
    world.unreadable_use = {ID}
    report = world.day(0)
    assert report.census
    assert [key.state for key in report.census.credentials] == ["unknown"]
    assert [h.guard for h in report.plan.held] == ["last_use_unknown"]
    assert world.told() == []


def test_age_alone_does_not_act_while_the_last_use_is_unreadable() -> None:
    world = World(policy(), aged(300))
    world.days(0, 1, 2, 3, 4, 5, 6)
    world.unreadable_use = {ID}
    report = world.day(7)
    assert world.acts() == []
    assert "last_use_unknown" in {h.guard for h in report.plan.held}
    assert report.warnings == ("held: its last use could not be read: AccessDenied",)
    world.unreadable_use = set()
    world.day(8)
    assert world.acts() == ["deactivate"]


def test_a_missed_week_and_a_half_loses_nothing_and_replays_nothing() -> None:
    world = World(policy(), aged(74))
    world.days(0, 1, 2)
    assert world.told() == [(1, "warn")]
    world.day(12)
    world.day(13)
    assert world.told()[1:] == [(12, "ticket"), (13, "final")]
    world.days(*range(14, 17))
    assert world.acts() == ["deactivate"]


def test_a_key_rotated_by_hand_on_day_3_resolves_its_finding_and_closes_the_ticket() -> None:
    world = World(policy(), aged(300))
    world.days(0, 1, 2)
    world.keys[:] = [aged(-3, TWIN)]
    world.day(3)
    (finding,) = world.ledger.view().findings.values()
    assert finding.state is FindingState.RESOLVED
    assert [n.finding_id for n in world.jira.resolved] == [finding.id]
    world.days(*range(4, 20))
    assert len(world.jira.resolved) == 1
    assert world.acts() == []


def test_a_ticket_that_could_not_be_closed_is_closed_by_a_later_run() -> None:
    world = World(policy(), aged(300))
    world.days(0, 1, 2)
    world.keys.clear()
    world.jira.closing_fault = Transient("Jira answered 503")
    world.days(3, 4)
    world.jira.closing_fault = None
    world.days(5, 6)
    assert len(world.jira.resolved) == 1


def test_a_ticket_whose_key_went_during_a_pause_is_closed_after_it() -> None:
    world = World(policy(), aged(300))
    world.days(0, 1, 2)
    event = Event(world.clock.instant, "ann", "paused")
    world.ledger.pause(Pause("ann", "incident", world.clock.instant), event)
    world.keys.clear()
    world.days(3, 4)
    world.ledger.pause(None, event)
    world.days(5, 6)
    assert len(world.jira.resolved) == 1


@pytest.mark.parametrize("lowered", ["service", "account", "rule"])
def test_observe_closes_no_ticket_until_the_mode_is_raised(lowered: str) -> None:
    world = World(policy(), aged(300))
    world.days(0, 1, 2)
    before, accounts = world.policy, world.accounts
    if lowered == "service":
        world.with_policy(mode=Mode.OBSERVE)
    elif lowered == "account":
        world.accounts = [replace(PROD, mode=Mode.OBSERVE)]
    else:
        world.policy = policy(Rule("default", Match(), LADDER, mode=Mode.OBSERVE))
    world.keys.clear()
    world.days(3, 4)
    assert world.jira.resolved == []
    world.policy, world.accounts = before, accounts
    world.days(5, 6)
    assert len(world.jira.resolved) == 1


def test_a_ticket_is_closed_only_after_its_last_word() -> None:
    """A comment that comes after the closing would open the ticket again, for good."""
    world = World(ladder(TICKET, FINAL, DEACTIVATE), aged(300))
    world.days(*range(7))
    world.jira.fault = lambda m: Transient("Jira answered 503")
    world.days(7, 8)
    assert world.jira.resolved == []
    world.jira.fault = lambda m: None
    world.days(9, 10)
    assert world.told("jira")[-1] == (9, "deactivate")
    assert len(world.jira.resolved) == 1


def test_a_message_that_may_have_arrived_is_looked_for_until_that_is_settled() -> None:
    world = World(policy(), aged(300))
    faults = [Ambiguous("lost"), Transient("503")]
    asked = []

    def fault(message: Message) -> Exception | None:
        asked.append((message.id, message.maybe_sent))
        return faults.pop(0) if faults else None

    world.slack.fault = fault
    for number in (0, 0.25, 0.5):
        world.day(number)
    assert [maybe for _, maybe in asked] == [False, True, True]
    assert len({message_id for message_id, _ in asked}) == 1


def test_a_lost_message_goes_to_the_present_owner_when_it_is_sent_again() -> None:
    world = World(policy(), aged(300))
    world.slack.fault = lambda m: Ambiguous("lost")
    world.day(0)
    world.slack.fault = lambda m: None
    world.policy = replace(world.policy, owners=(OwnerByMap({"*": "new@example.com"}),))
    world.day(1)
    assert [m.recipient for m in world.slack.sent] == ["new@example.com"]


def test_a_lost_message_names_no_date_when_it_is_sent_again_in_notify() -> None:
    world = World(policy(), aged(300))
    world.slack.fault = lambda m: Ambiguous("lost")
    world.day(0)
    world.slack.fault = lambda m: None
    world.with_policy(mode=Mode.NOTIFY)
    world.day(1)
    assert [n.act_at for n in world.slack.notices] == [None]


def test_a_ticket_that_may_have_been_opened_is_closed_when_the_key_is_gone() -> None:
    world = World(policy(), aged(300))
    faults = [Ambiguous("lost"), Transient("503")]
    world.jira.fault = lambda m: faults.pop(0) if faults else None
    world.days(0, 1)
    world.keys.clear()
    world.day(2)
    assert len(world.jira.resolved) == 1


def test_a_newer_twin_alone_resolves_nothing() -> None:
    world = World(policy(), aged(300))
    world.days(0, 1)
    world.keys.append(aged(-1, TWIN))
    world.day(2)
    assert world.told()[-1] == (2, "final")


def test_a_key_deactivated_by_hand_waits_for_its_deletion_where_the_rule_has_one() -> None:
    world = World(policy(), aged(300))
    world.days(0, 1)
    world.keys[0].status = INACTIVE
    world.days(*range(2, 32))
    assert world.told() == [(0, "final"), (1, "final")]
    world.day(32)
    assert world.told()[-1] == (32, "final")
    assert world.slack.notices[-1].act == "delete"
    assert world.slack.notices[-1].act_at == START + 39 * DAY
    world.days(*range(33, 39))
    assert world.acts() == []
    world.day(39)
    assert world.acts() == ["delete"]


def test_a_deletion_is_announced_anew_even_where_the_notice_stage_does_not_repeat() -> None:
    once = replace(FINAL, repeat=None)
    world = World(ladder(once, DEACTIVATE, DELETE), aged(88))
    world.day(0)
    world.keys[0].status = INACTIVE
    world.days(*range(1, 38))
    assert world.told() == [(0, "final"), (31, "final")]
    assert world.slack.notices[-1].act == "delete"
    world.day(38)
    assert world.acts() == ["delete"]


def test_a_key_deactivated_by_hand_resolves_where_nothing_deletes_it() -> None:
    world = World(ladder(FINAL, DEACTIVATE), aged(300))
    world.days(0, 1)
    world.keys[0].status = INACTIVE
    world.day(2)
    assert next(iter(world.ledger.view().findings.values())).state is FindingState.RESOLVED


def test_reactivated_by_hand_begins_a_new_episode_with_its_notices_from_zero() -> None:
    world = World(policy(), aged(300))
    world.days(*range(8))
    assert world.acts() == ["deactivate"]
    world.day(8)
    world.keys[0].status = ACTIVE
    world.days(*range(9, 16))
    assert world.acts() == ["deactivate"]
    assert world.jira.notices[-1].episode == 2
    assert world.jira.notices[-1].refs == {"key": world.jira.sent[0].notices[0].finding_id.join(["SEC-", ""])}
    world.day(16)
    assert world.acts() == ["deactivate", "deactivate"]


def test_a_reactivation_seen_while_the_tags_are_unreadable_begins_a_new_episode_too() -> None:
    world = World(policy(), aged(300))
    world.days(*range(7))
    world.keys[0].status = INACTIVE
    world.day(7)
    world.keys[0].status, world.keys[0].tags = ACTIVE, None
    world.day(8)
    world.keys[0].tags = {}
    world.days(*range(9, 16))
    assert world.acts() == []
    world.day(16)
    assert world.acts() == ["deactivate"]


def test_a_restored_key_that_is_switched_off_by_hand_gets_a_whole_quiet_period() -> None:
    world = World(policy(), aged(300))
    world.days(*range(37))
    changes.restore(world.parts(), ID, "ann", "needed")
    world.keys[0].status = INACTIVE
    world.days(*range(37, 67))
    assert world.acts() == ["deactivate", "activate"]


def test_a_restore_never_shortens_a_snooze() -> None:
    world = World(policy(), aged(300))
    world.days(*range(8))
    changes.snooze(world.parts(), ID, 60 * DAY, "ann", "audit")
    changes.restore(world.parts(), ID, "bob", "needed")
    world.days(*range(8, 67))
    assert world.told()[-1] == (7, "deactivate")


def test_a_restore_loses_no_closing_of_a_ticket() -> None:
    world = World(ladder(TICKET, FINAL, DEACTIVATE), aged(300))
    world.jira.closing_fault = Transient("Jira answered 503")
    world.days(*range(9))
    changes.restore(world.parts(), ID, "ann", "needed")
    world.jira.closing_fault = None
    world.day(9)
    world.keys.clear()
    world.day(10)
    assert len(world.jira.resolved) == 1


def test_a_ticket_that_was_closed_before_a_restore_is_not_closed_twice() -> None:
    world = World(ladder(TICKET, FINAL, DEACTIVATE), aged(300))
    world.days(*range(9))
    changes.restore(world.parts(), ID, "ann", "needed")
    world.day(9)
    world.keys.clear()
    world.day(10)
    assert len(world.jira.resolved) == 1


def test_a_restore_obeys_a_pause_that_came_while_it_waited_for_a_run() -> None:
    world = World(policy(), aged(300))
    world.days(*range(8))
    take = world.ledger.lease

    def paused_meanwhile(holder: str, wait: timedelta) -> AbstractContextManager[Lease | None]:
        event = Event(world.clock.instant, "ann", "paused")
        world.ledger.pause(Pause("ann", "incident", world.clock.instant), event)
        return take(holder, wait)

    world.ledger.lease = paused_meanwhile  # type: ignore[method-assign]
    with pytest.raises(Paused):
        changes.restore(world.parts(), ID, "bob", "needed")
    assert world.acts() == ["deactivate"]


def test_an_exempted_key_is_resolved_and_left_alone_until_its_exemption_lapses() -> None:
    world = World(policy(), aged(300))
    world.days(0, 1, 2)
    exempt = Rule(
        "sealed", Match(users=("ci-*",)), exemption=Exemption("sealed", "ciso@example.com", START + 40 * DAY)
    )
    world.policy = policy(exempt, Rule("default", Match(), LADDER))
    world.days(*range(3, 40))
    assert len(world.jira.resolved) == 1
    assert world.acts() == []
    assert world.told()[3:] == [(26, "exemption-ends")]
    world.days(*range(40, 47))
    assert world.told()[4:] == [(n, "final") for n in range(40, 47)]
    assert world.acts() == []
    world.day(47)
    assert world.acts() == ["deactivate"]


def test_an_exemptions_end_is_told_even_if_the_ladder_behind_it_begins_with_a_ticket() -> None:
    sealed = Rule("sealed", Match(users=("ci-*",)), exemption=Exemption("sealed", until=START + 10 * DAY))
    behind = Rule("default", Match(), (replace(WARN, notify=("jira",)), FINAL, DEACTIVATE))
    world = World(policy(sealed, behind), aged(300))
    world.days(*range(10))
    assert world.told() == [(0, "exemption-ends")]


def test_a_snooze_stops_notices_and_acts_and_a_dated_notice_follows_it() -> None:
    world = World(policy(), aged(300))
    world.days(*range(5))
    snooze = Snooze(f"{PROD.id}/{ID}", START + 10 * DAY, "ann", "release", START + 4 * DAY)
    world.ledger.apply(Change(snoozes=(snooze,)))
    world.days(*range(5, 10))
    assert world.told()[-1] == (4, "final")
    assert world.acts() == []
    world.day(10)
    assert world.told()[-1] == (10, "final")
    assert world.slack.notices[-1].act_at == START + 11 * DAY
    world.day(10.9)
    assert world.acts() == []
    world.day(11)
    assert world.acts() == ["deactivate"]


def test_repeats_within_the_fresh_day_do_not_push_the_date_away() -> None:
    quick = replace(FINAL, repeat=timedelta(hours=6))
    world = World(ladder(quick, DEACTIVATE), aged(300))
    world.days(*range(5))
    snooze = Snooze(f"{PROD.id}/{ID}", START + 10 * DAY, "ann", "release", START + 4 * DAY)
    world.ledger.apply(Change(snoozes=(snooze,)))
    for number in (10, 10.25, 10.5, 10.75):
        world.day(number)
        assert world.slack.notices[-1].act_at == START + 11 * DAY
    world.day(11)
    assert world.acts() == ["deactivate"]


def test_a_new_owner_is_told_before_anything_happens() -> None:
    world = World(policy(), aged(300))
    world.days(*range(7))
    world.policy = replace(
        world.policy, owners=(OwnerByMap({"*": "new@example.com"}), OwnerFallback("sec@example.com"))
    )
    report = world.day(7)
    assert world.acts() == []
    assert "the present owner has not been told yet" in {h.text for h in report.plan.held}
    assert world.slack.sent[-1].recipient == "new@example.com"
    world.day(8)
    assert world.acts() == ["deactivate"]


def test_a_ticket_that_fell_to_the_fallback_for_a_former_owner_does_not_stand_for_the_new_one() -> None:
    world = World(ladder(TICKET, FINAL, DEACTIVATE), aged(300))
    send = world.jira.send
    world.jira.send = lambda m: replace(send(m), recipient="sec@example.com")  # type: ignore[method-assign,assignment]
    world.days(*range(7))
    world.policy = replace(
        world.policy, owners=(OwnerByMap({"*": "new@example.com"}), OwnerFallback("sec@example.com"))
    )
    report = world.day(7)
    assert world.acts() == []
    assert "the present owner has not been told yet" in {h.text for h in report.plan.held}
    world.day(8)
    assert world.acts() == ["deactivate"]


def test_a_new_owner_is_told_even_where_the_stage_does_not_repeat() -> None:
    once = replace(FINAL, repeat=None)
    world = World(
        ladder(replace(WARN, repeat=days(3)), once, replace(DEACTIVATE, when=Age(days(90)))), aged(80)
    )
    world.days(*range(9))
    world.policy = replace(world.policy, owners=(OwnerByMap({"*": "new@example.com"}),))
    world.days(*range(9, 12))
    assert world.slack.sent[-2].recipient == "new@example.com"
    assert world.acts() == ["deactivate"]


def test_a_date_once_told_never_moves_earlier() -> None:
    world = World(policy(), aged(76))
    world.day(0)
    assert world.slack.notices[0].act_at == START + 14 * DAY
    earlier = replace(DEACTIVATE, when=Age(days(79)))
    world.policy = ladder(replace(WARN, repeat=days(1)), earlier)
    world.days(*range(1, 14))
    assert world.acts() == []
    assert {n.act_at for n in world.slack.notices} == {START + 14 * DAY}
    world.day(14)
    assert world.acts() == ["deactivate"]


def test_a_rule_edited_so_that_nothing_applies_rests_the_finding_and_starts_over_later() -> None:
    world = World(policy(), aged(300))
    world.days(0, 1, 2, 3, 4, 5)
    world.policy = ladder(replace(FINAL, when=Age(days(400))), replace(DEACTIVATE, when=Age(days(410))))
    world.days(6, 7, 8)
    assert world.told()[-1] == (5, "final")
    assert world.acts() == []
    world.policy = policy()
    world.days(9, 10)
    assert world.acts() == []
    assert world.slack.notices[-1].episode == 2


def test_observe_writes_no_finding_and_sends_nothing_and_enforce_begins_at_zero() -> None:
    world = World(replace(policy(), mode=Mode.OBSERVE), aged(300))
    world.days(*range(10))
    assert world.told() == []
    assert not world.ledger.view().findings
    assert world.ledger.view().facts
    world.policy = replace(world.policy, mode=Mode.ENFORCE)
    world.days(*range(10, 17))
    assert world.told()[0] == (10, "final")
    assert world.acts() == []
    world.day(17)
    assert world.acts() == ["deactivate"]


def test_notify_names_no_date_and_its_notices_never_count() -> None:
    world = World(replace(policy(), mode=Mode.NOTIFY), aged(300))
    world.days(*range(10))
    assert {n.act_at for n in world.slack.notices} == {None}
    assert world.acts() == []
    world.policy = replace(world.policy, mode=Mode.ENFORCE)
    world.days(*range(10, 17))
    assert world.slack.notices[-1].act_at == START + 17 * DAY
    assert world.acts() == []
    world.day(17)
    assert world.acts() == ["deactivate"]


@pytest.mark.parametrize("lowered", ["account", "rule"])
def test_the_lower_mode_holds(lowered: str) -> None:
    world = World(
        policy(Rule("default", Match(), LADDER, mode=Mode.NOTIFY if lowered == "rule" else None)), aged(300)
    )
    if lowered == "account":
        world.accounts = [replace(PROD, mode=Mode.NOTIFY)]
        world.keys[0].account = world.accounts[0]
    world.days(*range(10))
    assert world.acts() == []


def test_a_key_inactive_at_first_sight_counts_from_then() -> None:
    world = World(policy(), aged(400, status=INACTIVE))
    world.days(0, 29)
    assert world.told() == []
    world.day(30)
    assert world.told() == [(30, "final")]
    world.days(*range(31, 37))
    assert world.acts() == []
    world.day(37)
    assert world.acts() == ["delete"]


def test_an_expired_key_is_neither_deactivated_nor_deleted() -> None:
    world = World(policy(), aged(400, status=EXPIRED))
    world.days(0, 40, 80)
    assert world.acts() == []
    assert world.told() == []


def test_a_slack_outage_gives_one_notice_afterwards_and_no_deactivation_before_it() -> None:
    world = World(policy(), aged(300))
    world.slack.fault = lambda m: Transient("Slack answered 500")
    world.jira.fault = lambda m: Transient("Jira answered 500")
    world.days(*range(12))
    assert world.acts() == []
    world.slack.fault = world.jira.fault = lambda m: None
    world.days(12)
    assert world.told() == [(12, "final")]
    assert world.told("jira") == [(12, "final")]
    world.days(*range(13, 19))
    assert world.acts() == []
    world.day(19)
    assert world.acts() == ["deactivate"]


def test_a_ticket_that_never_got_through_is_opened_by_the_stage_that_is_current_then() -> None:
    world = World(policy(), aged(79))
    world.jira.fault = lambda m: Transient("down")
    world.days(*range(9))
    world.jira.fault = lambda m: None
    world.day(9)
    assert world.told("jira") == [(9, "final")]


def test_the_fallbacks_notice_counts_when_the_owner_cannot_be_reached() -> None:
    world = World(policy(), aged(300))
    world.slack.fallback = "#iam-keys"

    def unknown(message: object) -> Exception | None:
        return RecipientUnreachable("users_not_found") if "@" in message.recipient else None  # type: ignore[attr-defined]

    world.slack.fault = unknown
    world.days(*range(8))
    assert with_deliveries(world.parts(), Snapshot()).dead == {"slack": 0, "jira": 0}
    assert {m.recipient for m in world.slack.sent[:7]} == {"#iam-keys"}
    assert world.acts() == ["deactivate"]


def test_nothing_happens_when_neither_owner_nor_fallback_can_be_reached() -> None:
    world = World(policy(), aged(300))
    world.slack.counts = world.jira.counts = True
    world.slack.fault = world.jira.fault = lambda m: RecipientUnreachable("users_not_found")
    world.days(*range(40))
    assert world.acts() == []


def test_console_and_unassigned_tickets_do_not_count() -> None:
    world = World(policy(), aged(300))
    world.slack.counts = world.jira.counts = False
    world.days(*range(40))
    assert world.acts() == []


def test_a_failed_account_opens_nothing_resolves_nothing_and_holds_what_is_due() -> None:
    world = World(policy(), aged(300))
    world.days(*range(7))
    world.failing = {PROD.id: "AccessDenied"}
    world.keys.clear()
    report = world.day(7)
    assert report.outcome == "partial"
    assert "AccessDenied" in report.failures[0]
    assert {h.guard for h in report.plan.held} == {"scan_failed"}
    assert next(iter(world.ledger.view().findings.values())).state is FindingState.OPEN


def test_an_account_that_is_not_watched_any_more_suspends_and_tells_afresh_when_it_is_back() -> None:
    world = World(policy(), aged(300))
    world.days(*range(7))
    world.accounts = []
    world.day(7)
    assert next(iter(world.ledger.view().findings.values())).state is FindingState.SUSPENDED
    world.accounts = [PROD]
    world.day(20)
    assert world.acts() == []
    assert world.told()[-1] == (20, "final")
    world.day(21)
    assert world.acts() == ["deactivate"]


def test_unreadable_tags_mean_no_notice_and_no_act() -> None:
    world = World(policy(), aged(300, tags=None))
    report = world.day(0)
    world.days(*range(1, 10))
    assert world.told() == []
    assert world.acts() == []
    assert report.census
    assert [key.state for key in report.census.credentials] == ["unknown"]


@pytest.mark.parametrize("by", ["AWS's answer", "config"])
def test_the_services_own_key_is_warned_about_but_never_acted_on(by: str) -> None:
    world = World(policy(), aged(300))
    if by == "config":  # an SMTP user of SES is an access key
        world.own_keys = frozenset({ID})
    else:
        world.identity = replace(world.identity, key_id=ID)
    world.days(*range(10))
    assert world.acts() == []
    assert {n.act_at for n in world.slack.notices} == {None}


def test_the_same_day_run_twice_does_nothing_twice() -> None:
    world = World(policy(), aged(300), aged(50, TWIN, "dev", last_used=LastUsed.never()))
    world.limits = replace(world.limits, share_of_account=1.0)
    for number in range(60):
        world.day(number)
        before = (len(world.slack.sent), len(world.jira.sent), list(world.writes))
        world.day(number)
        assert (len(world.slack.sent), len(world.jira.sent), list(world.writes)) == before


# --- held at the last moment: the live key is asked again ------------------------------------------


def test_a_key_that_changed_between_scan_and_act_is_held() -> None:
    world = World(policy(), aged(300))
    world.days(*range(7))
    world.clock.instant = START + 7 * DAY
    real = world.read

    def exempted_now(account: Account, user: str, key_id: str, now: object) -> object:
        world.keys[0].tags = None
        return real(account, user, key_id, now)  # type: ignore[arg-type]

    world.read = exempted_now  # type: ignore[method-assign,assignment]
    report = world.day(7)
    assert world.acts() == []
    assert report.plan.held[-1].guard == "unreadable"
    assert report.warnings == ("held: iam:ListUserTags is denied",)


def test_a_failing_act_is_reported_and_tried_again_next_time() -> None:
    world = World(policy(), aged(300))
    world.days(*range(7))

    def refuse() -> None:
        raise Permanent("iam:UpdateAccessKey is denied")

    world.before_write = refuse
    report = world.day(7)
    assert report.outcome == "partial"
    assert "iam:UpdateAccessKey" in report.failures[0]
    assert world.told()[-1] == (6, "final")
    world.before_write = lambda: None
    world.day(8)
    assert world.acts() == ["deactivate"]
    assert world.told()[-1] == (8, "deactivate")


# --- guards ------------------------------------------------------------------------------------------


def many(number: int) -> list[Key]:
    return [aged(300 + n, f"AKIAEXAMPLE{n:09d}", f"user{n}") for n in range(number)]


def test_a_run_paces_its_deactivations_oldest_first() -> None:
    world = World(policy(), *many(12))
    world.limits = replace(world.limits, deactivations_per_run=5, share_of_account=1.0)
    world.days(*range(8))
    assert [k for _, k in world.writes] == [f"AKIAEXAMPLE{n:09d}" for n in (11, 10, 9, 8, 7)]
    world.days(8, 9)
    assert len(world.writes) == 12


def test_at_most_a_share_of_an_account_but_at_least_one() -> None:
    world = World(policy(), *many(3))
    world.limits = replace(world.limits, share_of_account=0.25)
    world.days(*range(8))
    assert len(world.writes) == 1


def test_a_plan_past_the_brake_destroys_nothing() -> None:
    world = World(policy(), *many(12))
    world.limits = Limits(share_of_account=1.0, brake=Brake(deactivations=50, share=0.05))
    world.days(*range(10))
    report = world.day(10)
    assert world.acts() == []
    assert {h.guard for h in report.plan.held} == {"brake"}


def test_the_share_brake_leaves_a_small_plan_alone() -> None:
    world = World(policy(), aged(300))
    world.limits = Limits()
    world.days(*range(8))
    assert world.acts() == ["deactivate"]


def test_notices_past_the_cap_go_with_the_next_run() -> None:
    world = World(policy(), *many(5))
    world.limits = replace(world.limits, notices_per_run=4)
    world.day(0)
    assert len(world.slack.notices) + len(world.jira.notices) == 4
    world.day(0.1)
    world.day(0.2)
    assert len(world.slack.notices) + len(world.jira.notices) == 10


@pytest.mark.parametrize("mode", [Mode.NOTIFY, Mode.ENFORCE])
def test_reminders_never_crowd_out_those_who_were_not_told_yet(mode: Mode) -> None:
    world = World(replace(ladder(FINAL, DEACTIVATE), mode=mode), *many(5))
    world.limits = replace(world.limits, notices_per_run=2, deactivations_per_run=0)
    world.days(0, 1, 2)
    assert {n.user for n in world.slack.notices} == {f"user{n}" for n in range(5)}


def test_pause_stops_all_acting_and_notifying() -> None:
    world = World(policy(), aged(300))
    world.days(*range(7))
    event = Event(world.clock.instant, "ann", "paused")
    world.ledger.pause(Pause("ann", "incident", world.clock.instant), event)
    report = world.day(7)
    world.day(8)
    assert world.acts() == []
    assert world.told()[-1] == (6, "final")
    assert {h.guard for h in report.plan.held} == {"pause"}
    world.ledger.pause(None, event)
    world.day(9)
    assert world.acts() == ["deactivate"]


def test_a_clock_that_went_back_holds_every_act() -> None:
    world = World(policy(), aged(300))
    world.days(*range(7))
    pace = world.limits
    world.limits = replace(pace, deactivations_per_run=0)
    world.day(9)
    world.limits = pace
    report = world.day(8)
    assert world.acts() == []
    assert {h.guard for h in report.plan.held} == {"clock"}


def test_nothing_is_destroyed_inside_a_freeze_window() -> None:
    world = World(policy(), aged(300))
    world.limits = replace(world.limits, freeze=(parse_freeze("Mon 00:00 - Tue 12:00 UTC"),))
    world.days(*range(7))
    report = world.day(7)  # a Monday
    assert {h.guard for h in report.plan.held} == {"freeze"}
    world.day(8)
    assert world.acts() == []
    world.day(8.25)
    assert world.acts() == ["deactivate"]


@pytest.mark.parametrize(
    ("minutes", "acts"), [(4, ["deactivate"]), (-6, []), (6, []), (None, ["deactivate"])]
)
def test_a_clock_that_differs_from_awss_holds_every_act(minutes: int | None, acts: list[str]) -> None:
    world = World(policy(), aged(300))
    world.days(*range(7))
    world.clock.instant = START + 7 * DAY
    skew = Skew(None if minutes is None else timedelta(minutes=minutes))
    run_once(replace(world.parts(), aws_clock=skew))
    assert world.acts() == acts


def test_what_was_told_under_a_wrong_clock_never_counts() -> None:
    world = World(policy(), aged(300))
    world.clock.instant = START - 10 * DAY
    run_once(replace(world.parts(), aws_clock=Skew(10 * DAY)))
    assert len(world.slack.notices) == 1
    world.days(*range(7))
    assert world.acts() == []
    world.day(7)
    assert world.acts() == ["deactivate"]


def test_a_clock_that_is_set_in_the_middle_of_a_run_holds_what_is_left_of_it() -> None:
    world = World(policy(), aged(300))
    world.days(*range(7))
    world.clock.instant = START + 7 * DAY
    parts, skew = world.parts(), Skew(timedelta(0))
    reader = SetsTheClock(parts.reader, skew)
    report = run_once(replace(parts, aws_clock=skew, reader=reader))
    assert reader.asked
    assert world.acts() == []
    assert {h.guard for h in report.plan.held} == {"clock"}


class Skew:
    """AWS's clock, so far from ours."""

    def __init__(self, skew: timedelta | None) -> None:
        self.value = skew

    def skew(self) -> timedelta | None:
        return self.value


@dataclass
class SetsTheClock:
    """`LiveReader`, during whose reading just before an act somebody sets this machine's clock."""

    reader: LiveReader
    clock: Skew
    asked: bool = False

    def read(self, account: Account, user: str, key_id: str, now: datetime) -> Credential | None:
        self.asked, self.clock.value = True, DAY
        return self.reader.read(account, user, key_id, now)


# --- the day that was told is over ------------------------------------------------------------------

SOMEBODY_NEW = (OwnerByMap({"*": "new@example.com"}), OwnerFallback("sec@example.com"))


@pytest.mark.parametrize(("told", "changed", "act"), [(7, 8, "deactivate"), (36, 38, "delete")])
def test_a_new_owner_who_hears_of_it_after_its_day_has_24_hours(told: int, changed: int, act: str) -> None:
    world = World(policy(), aged(300))
    world.days(*range(told))
    world.policy = replace(world.policy, owners=SOMEBODY_NEW)
    world.day(changed)
    world.day(changed + 0.9)
    assert act not in world.acts()
    world.day(changed + 1)
    assert act in world.acts()


@pytest.mark.parametrize("lower", [Mode.OBSERVE, Mode.NOTIFY])
def test_after_months_in_a_lower_mode_nothing_happens_without_a_new_notice(lower: Mode) -> None:
    world = World(policy(), aged(300))
    world.days(*range(6))
    world.with_policy(mode=lower)
    world.days(6, 100, 180)
    world.with_policy(mode=Mode.ENFORCE)
    world.day(181)
    assert world.acts() == []
    world.days(182, 183)
    assert world.acts() == ["deactivate"]


def test_acts_that_fail_do_not_use_up_the_turns_of_the_others() -> None:
    keys = [aged(300 + n, f"AKIAEXAMPLE{n:09d}", f"user{n}") for n in range(3)]
    world = World(policy(), *keys)
    world.limits = replace(world.limits, deactivations_per_run=1, share_of_account=1.0)
    world.denied = {keys[2].id}  # the oldest
    world.days(*range(12))
    assert {key_id for _, key_id in world.writes} == {keys[0].id, keys[1].id}
