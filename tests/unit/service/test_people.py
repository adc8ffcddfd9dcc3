"""People who leave, close tickets by hand, and want to know: on whole runs."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from app.errors import Permanent, RecipientLeft, RecipientUnreachable, Transient
from app.model import Account, Caller, DeliveryState, Event, FindingState, LastUsed, Pause
from app.policy.rules import Match, OwnerByAccountTag, OwnerByMap, OwnerByTag, OwnerFallback, Rule
from app.service.run_once import run_once
from app.sinks.interface import Message
from tests.fakes.policies import LADDER, policy
from tests.fakes.world import DAY, PROD, START, Key, World, aged

ANN, BOB, FALLBACK = "ann@example.com", "bob@example.com", "sec@example.com"
OWNERS = (OwnerByTag("owner"), OwnerByMap({"ci-*": BOB}), OwnerFallback(FALLBACK))


def a_world(*keys: Key) -> World:
    given = keys or (aged(300, tags={"owner": ANN}),)
    return World(replace(policy(), owners=OWNERS), *given)


def leavers(*addresses: str) -> object:
    """A fault: these have left."""

    def fault(message: Message) -> Exception | None:
        return RecipientLeft("deactivated in Slack") if message.recipient in addresses else None

    return fault


# --- owners who have left -------------------------------------------------------------------------------


def test_the_next_owner_is_told_in_the_same_run_and_it_counts() -> None:
    world = a_world()
    world.slack.fault = leavers(ANN)  # type: ignore[assignment]
    world.days(*range(8))
    assert {m.recipient for m in world.slack.sent} == {BOB}
    assert world.slack.sent[0].notices[0].owner_how == "map; ann@example.com has left"
    assert not world.slack.sent[0].is_fallback
    assert world.acts() == ["deactivate"]


def test_he_is_asked_no_more_until_a_month_has_passed() -> None:
    world = a_world(aged(76, tags={"owner": ANN}))
    asked: list[str] = []

    def fault(message: Message) -> Exception | None:
        asked.append(message.recipient)
        return RecipientLeft("left") if message.recipient == ANN else None

    world.slack.fault = fault
    world.days(*range(3))
    assert asked == [ANN, BOB]
    [refusal] = world.ledger.view().refusals
    assert (refusal.address, refusal.uid, refusal.by) == (ANN, "", "slack")
    [finding] = world.ledger.view().findings.values()
    assert finding.owner == BOB


def test_one_who_left_is_passed_over_for_all_his_keys_and_on_every_sink() -> None:
    first = aged(300, tags={"owner": ANN})
    second = aged(299, "AKIAEXAMPLE000000002", "ci-other", tags={"owner": ANN})
    world = a_world(first, second)
    world.slack.fault = leavers(ANN)  # type: ignore[assignment]
    world.days(0, 1)
    assert {n.finding_id for n in world.slack.notices if n.owner == BOB} == {
        f.id for f in world.ledger.view().findings.values()
    }
    assert {f.owner for f in world.ledger.view().findings.values()} == {BOB}


@pytest.mark.parametrize("sinks", [("slack", "jira"), ("jira", "slack")])
def test_who_left_on_one_sink_is_replaced_once_on_each(sinks: tuple[str, str]) -> None:
    world = a_world(aged(76, tags={"owner": ANN}))
    both = replace(LADDER[0], notify=sinks)
    world.with_policy(rules=(Rule("default", Match(), (both, *LADDER[1:])),))
    world.slack.fault = leavers(ANN)  # type: ignore[assignment]
    world.days(0, 1, 2, 3)
    assert [m.recipient for m in world.slack.sent] == [BOB]
    assert [m.recipient for m in world.jira.sent] == [ANN, BOB]


def test_the_fallback_of_all_who_left_is_not_told_again_by_the_next_run() -> None:
    world = a_world(aged(76, tags={"owner": ANN}))
    world.slack.fault = leavers(ANN, BOB)  # type: ignore[assignment]
    world.days(0, 1, 2, 3)
    assert [m.recipient for m in world.slack.sent] == [FALLBACK]


def test_who_takes_over_shortly_before_the_day_has_24_hours_all_the_same() -> None:
    world = a_world()
    world.jira.counts = False
    twice_a_day = replace(LADDER[2], repeat=DAY / 2)
    world.with_policy(rules=(Rule("default", Match(), (*LADDER[:2], twice_a_day, *LADDER[3:])),))
    world.days(*range(7))
    world.slack.fault = leavers(ANN)  # type: ignore[assignment]
    world.day(6.6)
    assert [(m.recipient, m.notices[0].act_at) for m in world.slack.sent[-1:]] == [(BOB, START + 7 * DAY)]
    world.day(7.2)
    assert world.writes == []
    world.day(7.6)
    assert world.acts() == ["deactivate"]


def test_who_shares_an_account_s_message_with_a_leaver_is_not_passed_over_for_it() -> None:
    hers, his = (
        aged(76, user="x", tags={"owner": ANN}),
        aged(77, "AKIAEXAMPLE000000002", tags={"owner": "c@d.e"}),
    )
    world = a_world(hers, his)
    world.slack.grouping = "account"
    world.slack.fault = leavers(ANN)  # type: ignore[assignment]
    world.day(0)
    assert BOB not in {m.recipient for m in world.slack.sent}
    assert {n.owner for n in world.slack.notices} == {ANN, "c@d.e"}


def test_when_everybody_has_left_the_fallback_is_told_as_a_fallback() -> None:
    world = a_world()
    world.slack.fault = leavers(ANN, BOB)  # type: ignore[assignment]
    world.days(*range(8))
    assert {(m.recipient, m.is_fallback) for m in world.slack.sent} == {(FALLBACK, True), (FALLBACK, False)}
    assert world.acts() == ["deactivate"]


def test_when_the_fallback_too_has_left_nobody_is_told_and_nothing_is_done() -> None:
    world = a_world()
    world.slack.fault = leavers(ANN, BOB, FALLBACK)  # type: ignore[assignment]
    world.jira.fault = lambda message: Transient("down")
    for number in range(12):
        assert world.day(number).outcome == "partial"
    assert world.slack.sent == []
    assert world.writes == []


def test_an_owner_who_is_only_unknown_to_slack_is_no_leaver() -> None:
    world = a_world()
    unknown = RecipientUnreachable("users_not_found")
    world.slack.fault = lambda message: unknown if message.recipient == ANN else None
    world.day(0)
    assert [(m.recipient, m.is_fallback) for m in world.slack.sent] == [(FALLBACK, True)]
    assert world.ledger.view().refusals == ()


def test_the_account_s_owner_answers_where_no_user_names_one() -> None:
    world = a_world(aged(76))
    account = replace(PROD, tags={"owner": "platform@example.com"})
    world.policy = replace(world.policy, owners=(OwnerByTag("owner"), OwnerByAccountTag("owner")))
    world.accounts = [account]
    world.day(0)
    assert [m.recipient for m in world.slack.sent] == ["platform@example.com"]


# --- one bad finding among many -------------------------------------------------------------------------


def a_crowd(number: int) -> World:
    keys = (aged(76 + n, f"AKIAEXAMPLE{n:09}", f"ci-{n}", tags={"owner": ANN}) for n in range(number))
    return a_world(*keys)


def test_a_digest_that_is_refused_for_one_finding_still_tells_the_others() -> None:
    world = a_crowd(5)
    refused = Permanent("invalid_blocks")
    world.slack.fault = lambda m: refused if any(n.user == "ci-3" for n in m.notices) else None
    assert world.day(0).outcome == "partial"
    assert {n.user for n in world.slack.notices} == {"ci-0", "ci-1", "ci-2", "ci-4"}
    states = [row.state for rows in world.ledger.view().deliveries.values() for row in rows]
    assert states.count(DeliveryState.DEAD) == 1


def test_a_sink_that_refuses_everything_is_not_asked_finding_by_finding() -> None:
    world = a_crowd(20)
    asked: list[int] = []

    def refuse(message: Message) -> Exception:
        asked.append(len(message.notices))
        return Permanent("restricted_action")

    world.slack.fault = refuse
    world.day(0)
    assert asked == [20, 1, 1]
    every = (row for rows in world.ledger.view().deliveries.values() for row in rows)
    assert {row.state for row in every if row.sink == "slack"} == {DeliveryState.DEAD}


# --- tickets closed by hand -----------------------------------------------------------------------------


def with_ticket() -> World:
    world = a_world(aged(82, tags={"owner": ANN}))
    world.day(0)
    [message] = world.jira.sent
    world.jira.closed_by_hand = {f"SEC-{message.notices[0].finding_id}"}
    return world


def test_a_ticket_closed_by_hand_is_answered_in_the_next_run() -> None:
    world = with_ticket()
    world.day(1)
    assert world.told("jira") == [(0, "ticket"), (1, "ticket-closed")]


def test_a_sink_that_insists_answers_each_time_it_is_closed() -> None:
    world = with_ticket()
    world.days(1, 2)
    world.jira.closed_by_hand.clear()
    world.day(3)
    assert world.told("jira") == [(0, "ticket"), (1, "ticket-closed"), (2, "ticket-closed")]


def test_a_sink_that_does_not_insist_says_it_once_an_episode() -> None:
    world = with_ticket()
    world.jira.insists = False
    world.days(1, 2, 3)
    assert world.told("jira") == [(0, "ticket"), (1, "ticket-closed")]


def test_its_remark_names_no_date_and_counts_for_nothing() -> None:
    world = with_ticket()
    world.day(1)
    [finding] = world.ledger.view().findings.values()
    rows = [d for d in world.ledger.deliveries_of(finding.id) if d.stage == "ticket-closed"]
    assert [row.names_date for row in rows] == [None]


def test_the_ticket_of_a_resolved_finding_may_be_closed() -> None:
    world = with_ticket()
    world.keys.clear()
    world.days(1, 2)
    [finding] = world.ledger.view().findings.values()
    assert finding.state is FindingState.RESOLVED
    assert world.told("jira") == [(0, "ticket")]


def test_a_sink_that_can_not_say_what_is_closed_stops_nothing() -> None:
    world = with_ticket()
    world.jira.closed = lambda now: (_ for _ in ()).throw(Transient("down"))  # type: ignore[method-assign]
    assert world.day(1).outcome == "success"


def test_a_sink_that_breaks_when_asked_what_is_closed_stops_nothing() -> None:
    world = with_ticket()
    world.jira.closed = lambda now: (_ for _ in ()).throw(RuntimeError("a plugin"))  # type: ignore[method-assign]
    assert world.day(1).outcome == "success"


# --- the run summary ------------------------------------------------------------------------------------


def test_each_sink_is_told_of_each_run_and_whether_it_brought_news() -> None:
    world = a_world()
    world.days(0, 1)
    world.clock.instant += timedelta(hours=1)
    world.day(1.1)
    first, second, third = world.slack.summaries
    assert [row.what for row in first.rows] == ["warned", "held"]
    assert first.news
    assert second.news
    assert not third.news
    assert world.jira.summaries == world.slack.summaries


def test_a_summary_tells_what_was_done_and_what_was_resolved() -> None:
    world = a_world()
    world.days(*range(8))
    last = world.slack.summaries[-1]
    assert [(row.what, row.key_tail, row.owner) for row in last.rows] == [("deactivated", "…0001", ANN)]
    world.keys.clear()
    world.day(8)
    assert [row.what for row in world.slack.summaries[-1].rows] == ["resolved"]


def test_a_run_that_can_not_start_is_told_too_and_is_news_once() -> None:
    world = a_world(aged(1))
    world.day(0)
    world.list = lambda: (_ for _ in ()).throw(Transient("no list"))  # type: ignore[method-assign]
    world.days(1, 2)
    assert [(s.outcome, s.failures, s.news) for s in world.slack.summaries[1:]] == [
        ("failed", ("no list",), True),
        ("failed", ("no list",), False),
    ]


def test_while_paused_no_summary_is_sent_either() -> None:
    world = a_world()
    world.ledger.pause(Pause("ops", "an incident", START), Event(START, "ops", "paused"))
    world.day(0)
    assert world.slack.summaries == []


def test_a_failure_is_news_when_it_begins_and_when_it_ends() -> None:
    world = a_world(aged(1))
    news = []
    for number, failing in enumerate((False, True, True, False, False)):
        world.failing = {PROD.id: "AccessDenied"} if failing else {}
        world.day(number)
        news.append(world.slack.summaries[-1].news)
    assert news == [False, True, False, True, False]


def test_a_summary_that_can_not_be_delivered_is_said_and_breaks_nothing() -> None:
    world = a_world(aged(1))
    world.slack.report = lambda summary: (_ for _ in ()).throw(Permanent("no such channel"))  # type: ignore[method-assign]
    report = world.day(0)
    assert report.outcome == "partial"
    assert "slack: the run summary was not delivered: no such channel" in report.failures
    assert world.jira.summaries


def test_a_run_that_could_not_start_is_told_once_and_again_when_it_can() -> None:
    world = a_world(aged(1))
    world.day(0)
    listed = world.list
    world.list = lambda: (_ for _ in ()).throw(Transient("no list"))  # type: ignore[method-assign]
    world.days(1, 2)
    world.list = listed  # type: ignore[method-assign]
    world.day(3)
    told = [(s.outcome, s.news) for s in world.slack.summaries]
    assert told == [("success", False), ("failed", True), ("failed", False), ("success", True)]
    assert world.slack.summaries[1].failures == ("no list",)


def test_while_paused_no_summary_leaves() -> None:
    world = a_world()
    world.ledger.pause(Pause("ops", "an incident", START), Event(START, "ops", "paused"))
    world.day(0)
    assert world.slack.summaries == []


def test_a_sink_that_breaks_over_a_summary_leaves_the_others_theirs() -> None:
    world = a_world(aged(1))
    world.slack.report = lambda summary: (_ for _ in ()).throw(RuntimeError("a plugin"))  # type: ignore[method-assign]
    report = world.day(0)
    assert "slack: the run summary was not delivered: RuntimeError" in report.failures
    assert world.jira.summaries


# --- who uses the key -----------------------------------------------------------------------------------


class Trail:
    """CloudTrail: one caller for every key, or a fault."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault, self.asked = fault, 0

    def callers(
        self, account: Account, key_id: str, regions: Sequence[str], now: datetime
    ) -> tuple[Caller, ...]:
        self.asked += 1
        if self.fault:
            raise self.fault
        return (Caller("203.0.113.7", "Terraform/1.7", "s3", regions[0], 12, now - DAY),)


def test_a_warning_says_who_uses_the_key_and_advises_by_it() -> None:
    world = a_world(aged(76, user="nightly", last_used=LastUsed("at", START - DAY, "s3", "eu-central-1")))
    plain = a_world(aged(76, user="nightly", last_used=LastUsed("at", START - DAY, "s3", "eu-central-1")))
    world.callers = Trail()
    world.day(0)
    plain.day(0)
    [notice], [without] = world.slack.notices, plain.slack.notices
    assert [(c.source, c.region, c.calls) for c in notice.callers] == [("203.0.113.7", "eu-central-1", 12)]
    assert notice.advice
    assert without.callers == ()


@pytest.mark.parametrize("fault", [Permanent("denied"), Transient("throttled")])
def test_what_can_not_be_looked_up_is_left_out_and_asked_once_an_account(fault: Exception) -> None:
    world = a_world(aged(76), aged(77, "AKIAEXAMPLE000000002", "ci-b"))
    trail = world.callers = Trail(fault)
    assert world.day(0).outcome == "success"
    assert len(world.slack.notices) == 2
    assert trail.asked == 1


def test_a_key_that_nobody_is_told_of_is_not_looked_up() -> None:
    world = a_world(aged(76))
    trail = world.callers = Trail()
    world.days(0, 1, 2)
    assert trail.asked == 1


def test_a_slow_trail_does_not_keep_notices_waiting() -> None:
    world = a_world(*(aged(76, f"AKIAEXAMPLE{n:09}", f"ci-{n}") for n in range(9)))
    trail = world.callers = Trail()
    ticks = iter(range(0, 10_000, 50))
    parts = replace(world.parts(), monotonic=lambda: float(next(ticks)))
    run_once(parts)
    assert 0 < trail.asked < 5
    assert len(world.slack.notices) == 9
