"""Every write boundary of a whole life interrupted once: enumerated, not sampled."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.machines.boundaries import Boundary, Undisturbed, interrupt, live
from tests.machines.ends import breaks, outside, repeats, rows_of, trail, untimed
from tests.machines.judge import Judge
from tests.machines.life import town
from tests.machines.stores import Store, memory_store, postgres_store, sqlite_store
from tests.machines.town import Town
from tests.servers.postgres import Postgres

EACH = 29  # of the boundaries, one in so many is tried in the quick suite


def test_the_life_goes_through_everything(tmp_path: Path) -> None:
    with memory_store(tmp_path) as store:
        lived = town(store)
        base = live(lived)
        assert Judge().hear(lived.witness.seen) == []
        events = {event.what for event in store.ledger.events()}
    assert {"deactivated", "deleted", "finding_opened", "finding_resolved", "restored"} <= events
    assert {"plan_held", "plan_approved", "approval_used", "requeued", "disowned", "snoozed"} <= events
    assert {"ledger.prune", "ledger.requeue", "ledger.approve", "archive.put"} <= base.counts.keys()
    assert {"aws.deactivate", "aws.delete", "aws.activate", "jira.resolve", "mail.send"} <= base.counts.keys()


def test_a_life_that_is_killed_anywhere_comes_to_the_same_end(tmp_path: Path) -> None:
    with memory_store(tmp_path) as store:
        killed(store, lambda base: list(base.boundaries())[::EACH], to_the_end=True)


@pytest.mark.slow
def test_a_life_that_is_killed_at_each_boundary_comes_to_the_same_end(tmp_path: Path) -> None:
    with memory_store(tmp_path) as store:
        killed(store, Undisturbed.boundaries, to_the_end=False)


@pytest.mark.slow
def test_on_sqlite_each_kind_of_boundary_leads_there_too(tmp_path: Path) -> None:
    with sqlite_store(tmp_path) as store:
        killed(store, Undisturbed.kinds, to_the_end=False)


@pytest.mark.slow
def test_on_postgresql_each_kind_of_boundary_leads_there_too(tmp_path: Path, postgres: Postgres) -> None:
    with postgres_store(postgres)(tmp_path) as store:
        killed(store, Undisturbed.kinds, to_the_end=False)


def killed(store: Store, where: Callable[[Undisturbed], Iterable[Boundary]], *, to_the_end: bool) -> None:
    """Once at each of the boundaries; ``to_the_end``: lives on even where nothing can differ any more."""
    lived = town(store)
    base = live(lived)
    end = end_of(lived)
    kills, at_once, repeated, faults = 0, 0, 0, list[str]()
    for boundary in where(base):
        is_same = interrupt(lived, base, boundary, to_the_end=to_the_end)
        kills, at_once, repeated = kills + 1, at_once + is_same, repeated + repeats(lived)
        wrong = Judge().hear(lived.witness.seen)
        if to_the_end or not is_same:
            wrong = [*wrong, *differences(end, end_of(lived)), *breaks(lived)]
        faults += [f"{boundary}: {fault}" for fault in wrong]
    told = f"{kills:,} kills, {at_once:,} without a trace, {repeated:,} messages repeated"
    sys.stdout.write(f"{figures(base)}; {told}\n")
    assert not faults, "\n".join(faults)


def end_of(town: Town) -> Mapping[str, Any]:
    trailed = {"trail": trail(town.store.ledger)}
    return {**outside(town), **untimed(rows_of(town.store.ledger)), **trailed}


def differences(end: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    for name, wanted in end.items():
        found = other[name]
        if found != wanted:
            left, more = (
                [x for x in some if x not in others] for some, others in ((wanted, found), (found, wanted))
            )
            yield f"{name}: without {left}, but with {more}"


def _only(some: Any, others: Any) -> list[Any]:
    return [one for one in some if one not in others]


def figures(base: Undisturbed) -> str:
    writes = sum(number for name, number in base.counts.items() if name.startswith("ledger."))
    return f"{writes:,} ledger writes and {base.counts.total() - writes:,} calls of vendors"
