"""Dead letters: what is shown of them, and how they are put back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from app.errors import Permanent, RecipientUnreachable, Transient
from app.ledger.interface import Change
from app.model import Breaker, DeliveryState, Mode, Verb
from app.service.letters import letters, requeue
from app.service.lookup import NotFound
from app.service.retry import retry_failed
from app.sinks.snapshot import DeliveryRow
from tests.fakes.policies import FINAL, WARN, ladder
from tests.fakes.world import DAY, PROD, START, World, aged

TWIN = "AKIAEXAMPLE000000002"
ONCE = replace(WARN, repeat=None)


def dead_letters(*more: str) -> World:
    """The owner's notice is refused for good."""
    world = World(ladder(ONCE, FINAL), aged(80), *(aged(80, key_id, "dev") for key_id in more))
    world.slack.fault = lambda m: Permanent("HTTP 400: no such template")
    world.day(0)
    world.slack.fault = lambda m: None
    return world


def listed(world: World) -> list[DeliveryRow]:
    return letters(world.ledger, world.ledger.undelivered(), world.ledger.frame().breakers)


def back(world: World, *ids: str, sink: str | None = None) -> list[DeliveryRow]:
    return requeue(world.parts(), ids, "ann", "the template is mended", sink)


def retry(world: World, days: float) -> None:
    world.clock.instant = START + days * DAY
    retry_failed(world.parts())


def test_a_dead_letter_is_shown_masked_with_its_reason() -> None:
    (row,) = listed(dead_letters())
    assert (row.state, row.sink, row.key_tail, row.user, row.account) == (
        "dead",
        "slack",
        "…0001",
        "ci-deploy",
        "prod",
    )
    assert (row.attempts, row.next_attempt_at, row.why) == (1, None, "HTTP 400: no such template")


def test_what_waits_for_its_sink_to_answer_is_shown_with_the_sinks_time() -> None:
    world = dead_letters()
    (row,) = world.ledger.undelivered()
    waiting = replace(row, state=DeliveryState.PENDING, next_attempt_at=START, error="")
    rests = Breaker("slack", 7, 3, START, START + DAY, "HTTP 503")
    world.ledger.apply(Change(deliveries=(waiting,), breakers=(rests,)))
    (shown,) = listed(world)
    assert (shown.next_attempt_at, shown.why) == (START + DAY, "the sink rests: HTTP 503")


def test_one_whose_fallback_was_told_is_shown_so_and_is_no_dead_letter() -> None:
    world = World(ladder(ONCE), aged(80))
    world.slack.fallback = "#iam-keys"
    world.slack.fault = lambda m: RecipientUnreachable("users_not_found") if "@" in m.recipient else None
    world.day(0)
    (row,) = listed(world)
    assert (row.passed_on, row.why) == (True, "users_not_found; #iam-keys was told instead")
    assert back(world) == []
    with pytest.raises(NotFound):
        back(world, row.id)


@pytest.mark.parametrize("by", ["delivery", "finding", "all"])
def test_one_that_is_put_back_is_sent_by_the_next_retry_and_audited(by: str) -> None:
    world = dead_letters()
    (row,) = world.ledger.undelivered()
    assert [
        r.id for r in back(world, *{"delivery": [row.id], "finding": [row.finding_id], "all": []}[by])
    ] == [row.id]
    retry(world, 0.01)
    assert world.told() == [(0, "warn")]
    (event,) = (e for e in world.ledger.events() if e.what == "requeued")
    assert (event.by, event.finding_id, event.key) == ("ann", row.finding_id, "…0001")
    assert event.detail == "the warn notice by slack: the template is mended"


def test_or_by_the_next_run_with_todays_facts() -> None:
    world = dead_letters()
    back(world)
    world.day(3)
    (notice,) = world.slack.notices
    assert (notice.stage, notice.age_days) == ("warn", 83)


@pytest.mark.parametrize("lowered", ["account", "rule"])
def test_where_nothing_is_to_leave_any_more_it_waits(lowered: str) -> None:
    world, account = dead_letters(), replace(PROD, mode=Mode.OBSERVE)
    if lowered == "account":
        world.accounts = [account]
    else:
        world.policy = replace(world.policy, rules=(replace(world.policy.rules[0], mode=Mode.OBSERVE),))
    world.day(0.5)
    (row,) = back(world)
    world.clock.instant += timedelta(hours=1)
    retry_failed(replace(world.parts(), known_account=lambda _: world.accounts[0]))
    assert world.told() == []
    (waiting,) = world.ledger.undelivered()
    assert (waiting.id, waiting.state) == (row.id, DeliveryState.PENDING)


def test_it_is_put_back_only_where_it_is_meant() -> None:
    world = dead_letters(TWIN)
    first, second = world.ledger.undelivered()
    assert [r.id for r in back(world, first.id)] == [first.id]
    assert back(world, sink="jira") == []
    with pytest.raises(NotFound, match="KS-NONE: `keysteward deliveries` lists them"):
        back(world, second.id, "KS-NONE")
    assert world.ledger.delivery(second.id) == second


def test_once_it_was_put_back_it_has_all_its_attempts_again() -> None:
    world = dead_letters()
    (row,) = world.ledger.undelivered()
    world.ledger.apply(Change(deliveries=(replace(row, attempts=99, created_at=START - 30 * DAY),)))
    back(world)
    world.slack.fault = lambda m: Transient("HTTP 503")
    retry(world, 0.01)
    (row,) = world.ledger.undelivered()
    assert (row.state, row.attempts) == (DeliveryState.FAILED, 1)


@pytest.mark.parametrize("daemon", [True, False], ids=["retry", "run --once"])
@pytest.mark.parametrize("what", ["the key is gone", "its stage has passed", "it was reactivated"])
def test_what_no_longer_holds_is_cancelled_rather_than_sent(what: str, daemon: bool) -> None:
    """Moved on while it was dead; put back after that."""
    world = dead_letters()
    (row,) = world.ledger.undelivered()
    if what == "the key is gone":
        world.keys.clear()
    elif what == "it was reactivated":
        world.keys[0].status = "Inactive"
        world.day(1)
        world.keys[0].status = "Active"
    world.day(8)
    told = list(world.told())
    world.ledger.apply(Change(deliveries=(row,)))  # as dead as it was
    assert len(back(world, row.id)) == 1
    if daemon:
        retry(world, 8.01)
    else:
        world.day(8.01)
    after = world.ledger.delivery(row.id)
    assert after
    assert after.state is DeliveryState.CANCELLED
    assert world.told() == told


def test_a_closing_whose_finding_is_open_again_is_not_carried_out() -> None:
    world = dead_letters()
    (row,) = world.ledger.undelivered()
    closing = replace(row, stage="resolved", verb=Verb.RESOLVE)
    world.ledger.apply(Change(deliveries=(closing,)))
    back(world, closing.id)
    retry(world, 0.01)
    after = world.ledger.delivery(closing.id)
    assert after
    assert (after.state, after.error) == (
        DeliveryState.CANCELLED,
        "no longer holds: its finding is open again",
    )


def test_nothing_is_put_back_that_a_daemon_is_about_to_send() -> None:
    world = dead_letters()
    (row,) = world.ledger.undelivered()
    with world.ledger.lease("daemon", timedelta(0)) as lease:
        assert lease
        assert len(back(world, row.id)) == 1, "it needs no lease"
        world.ledger.claim([row.id], "m", lease)
        with pytest.raises(NotFound):
            back(world, row.id)
