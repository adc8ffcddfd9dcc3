"""The on-call hears of a refused config once, however many replicas refuse it."""

from dataclasses import replace

from app.model import Event, Mode, Pause
from app.service.parts import Parts
from app.service.refusal import note_reload, tell_refusal
from tests.fakes.policies import policy
from tests.fakes.world import START, World

FAULTS = ("config.yaml:3: mode: is wrong", "config.yaml:9: rules: is missing")


def replicas(world: World, count: int) -> list[Parts]:
    return [replace(world.parts(), holder=f"host-{number}:1", config_hash="abc") for number in range(count)]


def told(world: World) -> list[tuple[str, ...]]:
    return [summary.failures[1:] for summary in world.slack.summaries]


def test_the_first_replica_tells_and_the_others_are_silent() -> None:
    world = World(policy())
    for parts in replicas(world, 3):
        assert tell_refusal(parts, FAULTS)
    assert told(world) == [FAULTS]
    [summary] = world.slack.summaries
    assert (summary.outcome, summary.news) == ("failed", True)
    assert "the earlier one is in force" in summary.failures[0]
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
