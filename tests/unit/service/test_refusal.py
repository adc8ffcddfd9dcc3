"""The on-call hears of a refused config once, however many replicas refuse it."""

from dataclasses import replace
from datetime import timedelta

from app.errors import Transient
from app.ledger.interface import Change
from app.model import Breaker, Event, Mode, Pause
from app.service.parts import Parts
from app.service.refusal import note_reload, tell_refusal
from tests.fakes.policies import policy
from tests.fakes.world import START, World

FAULTS = ("config.yaml:3: mode: is wrong", "config.yaml:9: rules: is missing")


def replicas(world: World, count: int) -> list[Parts]:
    return [replace(world.parts(), holder=f"host-{number}:1", config_hash="abc") for number in range(count)]


def told(world: World) -> list[tuple[str, ...]]:
    return [summary.warnings for summary in world.slack.summaries]


def test_the_first_replica_tells_and_the_others_are_silent() -> None:
    world = World(policy())
    for parts in replicas(world, 3):
        assert tell_refusal(parts, FAULTS)
    assert told(world) == [FAULTS]
    [summary] = world.slack.summaries
    assert (summary.is_run, summary.news, summary.failures) == (False, True, ())
    assert "the earlier one is in force" in summary.alerts[0].text
    assert [event.what for event in world.ledger.events()] == ["config_refused"] * 3


def test_the_same_fault_is_news_after_a_good_reload() -> None:
    world = World(policy())
    parts = replicas(world, 1)[0]
    tell_refusal(parts, FAULTS)
    note_reload(parts)
    tell_refusal(parts, FAULTS)
    assert told(world) == [FAULTS, FAULTS]


def test_another_fault_is_news() -> None:
    world = World(policy())
    parts = replicas(world, 1)[0]
    tell_refusal(parts, FAULTS)
    tell_refusal(parts, FAULTS[:1])
    assert told(world) == [FAULTS, FAULTS[:1]]


def test_nobody_is_told_while_the_service_is_paused() -> None:
    world = World(policy(mode=Mode.NOTIFY))
    world.ledger.pause(Pause("ann", "an incident", START), Event(START, "ann", "paused"))
    assert not tell_refusal(world.parts(), FAULTS)
    assert told(world) == []
    world.ledger.pause(None, Event(START, "ann", "resumed"))
    assert tell_refusal(world.parts(), FAULTS)
    assert told(world) == [FAULTS]


def resting(world: World, *sinks: str) -> None:
    until = START + timedelta(minutes=5)
    rests = tuple(Breaker(name, 5, 1, START, until, "HTTP 503", told=True) for name in sinks)
    world.ledger.apply(Change(breakers=rests))


def test_while_nobody_can_be_reached_it_stays_to_be_told_and_its_event_is_written_once() -> None:
    world = World(policy())
    resting(world, "slack", "jira")
    parts, other = replicas(world, 2)
    assert not tell_refusal(parts, FAULTS)
    assert not tell_refusal(parts, FAULTS)
    assert tell_refusal(other, FAULTS), "it is not for this one to tell"
    world.clock.instant += timedelta(minutes=5)
    assert tell_refusal(parts, FAULTS)
    assert told(world) == [FAULTS]
    assert len(world.ledger.events()) == 2


def test_one_sink_that_is_heard_is_enough() -> None:
    world = World(policy())
    resting(world, "slack")
    assert tell_refusal(replicas(world, 1)[0], FAULTS)
    [summary] = world.jira.summaries
    [alert] = summary.alerts
    assert alert.what == "config"
    assert alert.text == (
        "The config could not be reloaded: the earlier one is in force until this is mended. "
        "config.yaml:3: mode: is wrong (and 1 more)"
    )


def test_a_sink_that_fails_meanwhile_is_asked_again_while_nobody_has_heard() -> None:
    world = World(policy())
    world.jira.asked_for, world.slack.report_fault = False, Transient("HTTP 503")
    parts = replicas(world, 1)[0]
    assert not tell_refusal(parts, FAULTS)
    world.slack.report_fault = None
    assert tell_refusal(parts, FAULTS)
    assert told(world) == [FAULTS]


def test_where_nobody_asked_for_such_news_nobody_waits_for_it() -> None:
    world = World(policy())
    world.jira.asked_for = world.slack.asked_for = False
    assert tell_refusal(replicas(world, 1)[0], FAULTS)


def test_a_key_id_in_a_fault_hides_nobodys_event() -> None:
    world, quoted = World(policy()), ("config.yaml:3: users: AKIAEXAMPLE000000001 is no glob",)
    resting(world, "slack", "jira")
    parts = replicas(world, 1)[0]
    for _ in range(3):
        tell_refusal(parts, quoted)
    assert len(world.ledger.events()) == 1
