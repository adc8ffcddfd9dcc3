"""The copy of the audit trail: in order, whole, going on where it stopped, and never in a run's way."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import Ambiguous, Permanent, StaleLease, Transient
from app.ledger.chain import Sealed
from app.ledger.interface import Lease
from app.ledger.memory import MemoryLedger
from app.model import Mode
from app.plan.record import Change
from app.service.archive import copy_audit, lines_of, uncopied
from app.service.parts import Parts
from app.service.picture import picture
from app.service.snapshot import Snapshot
from app.telemetry import Counters
from tests.fakes.archive import Shelf
from tests.fakes.ledger_rows import event
from tests.fakes.policies import policy
from tests.fakes.world import World, aged

NO_WAIT = timedelta(0)


class Killed(BaseException):
    """SIGKILL: nothing in the code under test may catch it."""


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def world(shelf: Shelf) -> World:
    made = World(policy(), aged(300))
    made.archive = shelf
    return made


def happened(world: World, number: int) -> None:
    world.ledger.apply(Change(events=tuple(event(str(n)) for n in range(number))))


def copied(world: World, **parts: object) -> list[str]:
    """What went wrong in copying once, outside of a run."""
    with world.ledger.lease("a", NO_WAIT) as lease:
        assert lease
        return copy_audit(replace(world.parts(), **parts), lease)  # type: ignore[arg-type]


def trail(world: World) -> str:
    return lines_of(list(world.ledger.sealed())).decode()


def test_each_run_copies_what_is_new_in_the_order_of_the_trail(world: World, shelf: Shelf) -> None:
    world.days(0, 1)
    assert list(shelf.objects) == ["000000000001-000000000001.jsonl"]
    world.days(*range(2, 8))
    happened(world, 2)
    world.day(8)
    names = ["000000000001-000000000001.jsonl", "000000000002-000000000002.jsonl"]
    assert list(shelf.objects) == [*names, "000000000003-000000000004.jsonl"]
    assert shelf.text == trail(world)
    assert len(shelf.calls) == 3


def test_a_line_is_an_event_with_its_hash(world: World, shelf: Shelf) -> None:
    world.day(0)
    (sealed,) = world.ledger.sealed()
    assert [json.loads(line) for line in shelf.text.splitlines()] == [
        {**sealed.record(), "hash": sealed.hash}
    ]


def test_a_copy_that_fails_is_told_holds_up_nothing_and_is_made_up_for(world: World, shelf: Shelf) -> None:
    world.days(*range(7))
    happened(world, 1)
    shelf.fault = lambda: Permanent("AccessDenied: allow s3:PutObject")
    report = world.day(7)
    assert world.acts() == ["deactivate"]
    why = "the audit trail could not be copied to s3://audit/keysteward/: AccessDenied: allow s3:PutObject"
    assert (report.outcome, report.failures) == ("partial", (why,))
    assert world.slack.summaries[-1].failures == (why,)
    assert world.ledger.frame().last_run is not None
    shelf.fault = lambda: None
    assert world.day(8).failures == ()
    assert shelf.text == trail(world)


def test_a_fault_of_the_adapter_costs_no_run_its_record(world: World, shelf: Shelf) -> None:
    shelf.fault = lambda: ZeroDivisionError("a bug")
    report = world.day(0)
    assert report.failures[0].endswith(": ZeroDivisionError")
    last = world.ledger.frame().last_run
    assert last is not None
    assert last.outcome == "partial"


def test_what_failed_in_passing_is_tried_again_at_once(world: World, shelf: Shelf) -> None:
    faults = iter([Transient("SlowDown"), Transient("SlowDown"), None])
    shelf.fault = lambda: next(faults)
    assert world.day(0).failures == ()
    assert (len(shelf.calls), shelf.text) == (3, trail(world))


def test_what_may_have_been_written_is_written_again_under_its_name_and_as_it_was(
    world: World, shelf: Shelf
) -> None:
    shelf.fault, shelf.lands = lambda: Ambiguous("timed out"), True
    assert len(world.day(0).failures) == 1
    happened(world, 5)
    shelf.fault = lambda: None
    assert world.day(1).failures == ()
    assert list(shelf.objects) == ["000000000001-000000000001.jsonl", "000000000002-000000000006.jsonl"]
    assert shelf.text == trail(world)


@pytest.mark.parametrize("lands", [False, True], ids=["before it was written", "after"])
def test_a_crash_leaves_neither_a_gap_nor_anything_twice(world: World, shelf: Shelf, lands: bool) -> None:
    shelf.fault, shelf.lands = Killed, lands
    with pytest.raises(Killed):
        world.day(0)
    shelf.fault = lambda: None
    happened(world, 5)
    assert world.day(1).failures == ()
    assert shelf.text == trail(world)


def test_a_name_that_somebody_else_has_taken_is_told_each_time_and_never_written_over(
    world: World, shelf: Shelf
) -> None:
    shelf.objects["000000000001-000000000001.jsonl"] = b"another ledger's"
    for day in range(3):
        (why,) = world.day(day).failures
        assert "000000000001-000000000001.jsonl is there already, and not from this ledger" in why
    assert shelf.objects == {"000000000001-000000000001.jsonl": b"another ledger's"}


def test_another_bucket_or_prefix_gets_the_whole_trail(world: World, shelf: Shelf) -> None:
    world.day(0)
    other = Shelf("s3://audit/again/")
    assert copied(world, archive=other) == []
    assert other.text == shelf.text == trail(world)


def test_a_long_trail_is_copied_a_thousand_events_at_a_time_and_a_minute_long(
    world: World, shelf: Shelf
) -> None:
    happened(world, 2_500)
    seconds = count(step=20)
    assert copied(world, monotonic=lambda: float(next(seconds))) == []
    assert [name[:12] for name in shelf.objects] == ["000000000001", "000000001001"]
    assert uncopied(world.parts()) == 500
    assert copied(world) == []
    assert shelf.text == trail(world)


def test_a_run_that_is_to_stop_copies_no_further(world: World, shelf: Shelf) -> None:
    happened(world, 5)
    world.ended.set()
    assert copied(world) == []
    assert shelf.objects == {}


def test_in_observe_nothing_is_copied_until_the_mode_is_raised(world: World, shelf: Shelf) -> None:
    world.with_policy(mode=Mode.OBSERVE)
    happened(world, 3)
    world.day(0)
    assert (shelf.calls, uncopied(world.parts())) == ([], None)
    world.with_policy(mode=Mode.NOTIFY)
    world.day(1)
    assert shelf.text == trail(world) != ""


def test_without_a_copy_nothing_is_counted(world: World) -> None:
    world.archive = None
    assert world.day(0).failures == ()
    assert uncopied(world.parts()) is None


def test_a_replica_that_was_overtaken_notes_nothing(world: World) -> None:
    happened(world, 1)
    with world.ledger.lease("a", NO_WAIT) as old:
        assert old
    with world.ledger.lease("b", NO_WAIT), pytest.raises(StaleLease):
        copy_audit(world.parts(), old)


def test_a_run_without_a_list_of_accounts_still_copies(world: World, shelf: Shelf) -> None:
    happened(world, 1)
    world.list = _denied  # type: ignore[method-assign,assignment]
    report = world.day(0)
    assert (report.outcome, report.failures) == ("failed", ("organizations:ListRoots is denied",))
    assert shelf.text == trail(world)


def _denied() -> None:
    raise Permanent("organizations:ListRoots is denied")


class Damaged(MemoryLedger):
    """Somebody has been at the second event."""

    def sealed(self, since_seq: int | None = None) -> Iterator[Sealed]:
        return (
            replace(one, body="{") if one.seq == 2 else one for one in MemoryLedger.sealed(self, since_seq)
        )


def test_a_damaged_trail_is_told_and_costs_no_run_its_record(world: World, shelf: Shelf) -> None:
    world.ledger = Damaged()
    happened(world, 2)
    report = world.day(0)
    assert "event 2 is damaged" in report.failures[0]
    assert world.ledger.frame().last_run is not None
    assert shelf.objects == {}


def test_the_metrics_tell_what_was_written_what_failed_and_what_waits(world: World, shelf: Shelf) -> None:
    counters = Counters()

    def run(day: int) -> tuple[object, object]:
        parts = replace(world.parts(), counts=counters)
        world.parts = lambda: parts  # type: ignore[method-assign]
        shown = picture(parts, world.day(day), Snapshot())
        return shown.uncopied, counters.counts("audit_copies_total")

    shelf.fault = lambda: Permanent("AccessDenied")
    assert run(0) == (1, {("failed",): 1})
    shelf.fault = lambda: None
    assert run(1) == (0, {("failed",): 1, ("success",): 1})


# What happens to a call, and whether the object is written all the same.
FAULTS: list[tuple[BaseException | None, bool]] = [
    (None, False),
    (None, False),
    (Transient("SlowDown"), False),
    (Permanent("AccessDenied"), False),
    (Ambiguous("timed out"), False),
    (Ambiguous("timed out"), True),
    (Killed(), False),
    (Killed(), True),
    (ZeroDivisionError("a bug"), True),
]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.lists(st.sampled_from(FAULTS), max_size=5)),
        max_size=8,
    )
)
def test_whatever_happens_on_the_way_the_copy_is_the_trail(
    steps: list[tuple[int, list[tuple[BaseException | None, bool]]]],
) -> None:
    shelf, world = Shelf(), World(policy())
    world.archive = shelf
    for number, faults in steps:
        happened(world, number)
        coming = iter(faults)

        def fault(coming: Iterator[tuple[BaseException | None, bool]] = coming) -> BaseException | None:
            error, shelf.lands = next(coming, (None, False))
            return error

        shelf.fault = fault
        _once(world.parts())
        assert trail(world).startswith(shelf.text)
    shelf.fault = lambda: None
    _once(world.parts())
    _once(world.parts())
    assert shelf.text == trail(world)


def _once(parts: Parts) -> None:
    with parts.ledger.lease("a", NO_WAIT) as lease:
        assert isinstance(lease, Lease)
        try:
            copy_audit(parts, lease)
        except Killed:
            return
