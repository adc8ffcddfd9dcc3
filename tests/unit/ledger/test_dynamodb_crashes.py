"""Whatever happens between a process and its table: a change is there whole, or not at all.

Every request of a story is tried, none is drawn at random.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from app.errors import ConflictingWrite, LedgerError, StaleLease
from app.ledger.interface import Ledger
from app.ledger.verify import verify
from app.plan.record import Change
from tests.fakes.dynamodb import FakeDynamodb
from tests.fakes.dynamodb_faults import (
    Death,
    Happening,
    Late,
    answer_is_lost,
    dies,
    meanwhile,
    process,
    sdk_repeats_it,
    throttled,
)
from tests.fakes.dynamodb_stories import (
    STORIES,
    WAITING,
    Step,
    Story,
    large,
    memory_of,
    met,
    small,
    table_with,
    wide,
)
from tests.fakes.ledger_rows import ACCOUNT, UID, a_uid, approval, event, facts, finding

NO_WAIT = timedelta(0)
OTHERS = Change(facts=(facts(a_uid(900)),), events=(event("others"),))


def each(quick: tuple[str, ...], slow: tuple[str, ...] = ("wide",)) -> pytest.MarkDecorator:
    marked = [pytest.param(name, marks=pytest.mark.slow) for name in slow]
    return pytest.mark.parametrize("name", [*quick, *marked])


SMALL, BOTH, LARGER = ("small",), ("small", "large"), ("large", "wide")


# --- a process that dies ---------------------------------------------------------------------------


@each(BOTH)
def test_after_a_death_at_any_request_each_step_is_done_whole_or_not_at_all(name: str) -> None:
    story = STORIES[name]()
    memories = story.memories()
    places = set()
    for table, done in story.deaths():
        place = memories.index(memory_of(table))
        assert place in (done, done + 1)
        assert story.goes_on(table, place) == memories[-1]
        places.add(place)
    assert places == set(range(len(memories)))


def test_the_large_stories_are_as_large_as_they_should_be() -> None:
    for story, items in ((large(), 9), (wide(), 100)):
        table = story.table()
        story.tell(process(table))
        parts = [key for key in table.items if key[0].startswith("report/")]
        logged = table.requests[: table.requests.index("update_item")].count("put_item")
        assert len(parts) > 2
        assert logged > 2
        assert table.requests.count("put_item") > items
        assert [key for key in table.items if key[0] == "log"] == []


def test_what_a_dead_process_has_left_in_the_log_is_cleared_by_a_later_change() -> None:
    story = large()
    table = story.table()
    for after in (1, 2):
        _, ledger = met(table, _first_put(story) + after, dies, lasts=True)
        with suppress(Death):
            story.tell(ledger)
    assert len([key for key in table.items if key[0] == "log"]) == 3
    story.tell(process(table))
    assert [key for key in table.items if key[0] == "log"] == []


def test_a_log_that_has_lost_a_part_is_never_taken_for_the_whole_change() -> None:
    story = large()
    table = story.table()
    _, ledger = met(table, _first_put(story) + 4, dies, lasts=True)
    with suppress(Death):
        story.tell(ledger)
    logged = [key for key in table.items if key[0] == "log"]
    assert len(logged) == 3
    assert process(table).delivery(story.proof) is not None
    del table.items[logged[1]]
    before = dict(table.items)
    for use in (looks, lambda ledger: ledger.apply(OTHERS)):
        with pytest.raises(LedgerError, match="is being written without a break"):
            use(process(table))
    assert table.items == before


def _first_put(story: Story) -> int:
    table = story.table()
    ledger = process(table)
    table.requests.clear()
    story.tell(ledger)
    return table.requests.index("put_item")


# --- one request that goes wrong -------------------------------------------------------------------


@pytest.mark.parametrize("happens", [answer_is_lost, sdk_repeats_it, throttled])
@each(SMALL, ("large",))
def test_a_step_that_is_answered_for_is_done_and_one_that_fails_is_not(name: str, happens: Happening) -> None:
    each_step_holds(name, happens)


@pytest.mark.slow
def test_so_it_is_with_a_lost_answer_in_the_widest_story() -> None:
    each_step_holds("wide", answer_is_lost)


def each_step_holds(name: str, happens: Happening) -> None:
    story = STORIES[name]()
    memories = story.memories()
    for at in story.requests():
        table = story.table()
        line, ledger = met(table, at, happens)
        for place, step in enumerate(story.steps):
            if fails(step, ledger):
                assert memory_of(table) == memories[place]
                line.mend()
                step(ledger)
        assert memory_of(table) == memories[-1]


def fails(step: Step, ledger: Ledger) -> bool:
    try:
        step(ledger)
    except LedgerError as error:
        return str(error).startswith("the ledger (the table ledger) ")
    return False


@each(SMALL, LARGER)
def test_a_request_that_lands_late_changes_nothing_any_more(name: str) -> None:
    """The process was told that it failed, or that it was done: both stay true."""
    story = STORIES[name]()
    memories = story.memories()
    for at in story.requests():
        table, late, done = story.table(), Late(), 0
        _, ledger = met(table, at, late)
        with suppress(LedgerError):
            for step in story.steps:
                step(ledger)
                done += 1
        late.land()
        assert memory_of(table) == memories[done]
        assert story.goes_on(table, done) == memories[-1]


def looks(ledger: Ledger) -> object:
    return ledger.frame()


@pytest.mark.parametrize("happens", [answer_is_lost, throttled])
@each(SMALL, ("large",))
def test_an_outage_from_any_request_on_ends_in_words_or_in_success(name: str, happens: Happening) -> None:
    story = STORIES[name]()
    memories = story.memories()
    for at in story.requests():
        table, done = story.table(), 0
        _, ledger = met(table, at, happens, lasts=True)
        with pytest.raises(LedgerError, match=r"^the ledger "):
            for step in [*story.steps, looks]:
                step(ledger)
                done += 1
        place = memories.index(memory_of(table))
        assert place in (done, done + 1)
        assert story.goes_on(table, place) == memories[-1]


def test_keys_that_are_never_answered_for_end_in_words() -> None:
    table = small().table()
    ledger = process(table)
    table.page = 0
    with pytest.raises(LedgerError, match="the ledger is throttled: use on-demand capacity"):
        ledger.finding(WAITING.finding_id)


# --- two at once -----------------------------------------------------------------------------------


@each(SMALL, LARGER)
def test_of_two_who_write_at_once_neither_loses_anything(name: str) -> None:
    story = STORIES[name]()
    table = story.table()
    story.tell(process(table))
    process(table).apply(OTHERS)
    expected = out_of_order(memory_of(table))
    for at in story.requests():
        table = story.table()
        _, ledger = met(table, at, meanwhile(table, writes_others))
        story.tell(ledger)
        assert out_of_order(memory_of(table)) == expected


def writes_others(ledger: Ledger) -> None:
    ledger.apply(OTHERS)


def out_of_order(memory: Any) -> object:
    """All but who of the two came first in the audit trail."""
    (view, deliveries, undelivered, events, _, chain, *others), picture = memory
    told = sorted(event.what for event in events)
    return view, deliveries, undelivered, told, chain.head.seq, others, picture


def test_one_of_two_who_write_at_once_may_die_at_any_request() -> None:
    one = Story([lambda ledger: ledger.apply(Change(events=(event("one"),), facts=(facts(),)))], table_with())
    two = Story([lambda ledger: ledger.apply(OTHERS)], one.base)
    for at in one.requests():
        for end in two.requests():
            table = one.table()
            _, ledger = met(table, at, meanwhile(table, dying_in(two, table, end)))
            one.tell(ledger)
            after = process(table)
            told = sorted(event.what for event in after.events())
            assert told in (["one"], ["one", "others"])
            assert after.view().facts.keys() == ({UID, a_uid(900)} if "others" in told else {UID})
            assert verify(after).breaks == ()


def test_of_two_who_change_one_finding_at_once_the_second_is_refused() -> None:
    mine, theirs = (
        Change(findings=(finding(revision=1, stage=stage),), events=(event(stage),))
        for stage in ("mine", "theirs")
    )
    story = Story([lambda ledger: ledger.apply(mine)], table_with(Change(findings=(finding(),))))
    ends = set()
    for at in story.requests():
        table = story.table()
        _, ledger = met(table, at, meanwhile(table, lambda other: _try(other, theirs)))
        _try(ledger, mine)
        stored = process(table).view().findings[UID]
        assert [event.what for event in process(table).events()] == [stored.stage]
        assert stored.revision == 2
        ends.add(stored.stage)
    assert ends == {"mine", "theirs"}


def _try(ledger: Ledger, change: Change) -> None:
    with suppress(ConflictingWrite):
        ledger.apply(change)


def test_two_who_give_one_approval_at_once_are_told_who_did() -> None:
    """Approved once, whoever is told so, in whatever order their requests come."""
    story = Story([lambda ledger: ledger.approve(approval(), event("mine"))], table_with())
    for at in story.requests():
        table, answers = story.table(), list[bool]()
        _, ledger = met(table, at, meanwhile(table, approving("theirs", answers)))
        approving("mine", answers)(ledger)
        assert sorted(answers) == [False, True]
        assert [event.what for event in process(table).events()] == ["theirs" if answers[0] else "mine"]


def approving(what: str, answers: list[bool]) -> Callable[[Ledger], None]:
    return lambda ledger: answers.append(ledger.approve(approval(), event(what)))


READS: list[Step] = [
    lambda ledger: ledger.view(),
    lambda ledger: ledger.account(ACCOUNT),
    lambda ledger: ledger.undelivered(),
    lambda ledger: ledger.events(),
    lambda ledger: list(ledger.sealed()),
    lambda ledger: ledger.kept_report(ACCOUNT),
]


@pytest.mark.parametrize("read", READS)
@each(SMALL, ("large",))
def test_who_reads_while_another_writes_sees_what_was_before_or_what_is_after(name: str, read: Step) -> None:
    """Also where the other one dies on the way."""
    story = STORIES[name]().first()
    after = story.table()
    story.tell(process(after))
    both = [read(process(story.table())), read(process(after))]
    reading = Story([read], story.base)
    for at in reading.requests():
        for end in (*story.requests()[::4], len(story.requests())):
            table = story.table()
            _, ledger = met(table, at, meanwhile(table, dying_in(story, table, end)))
            assert read(ledger) in both
            assert read(process(table)) in both


def dying_in(story: Story, table: FakeDynamodb, at: int) -> Callable[[Ledger], None]:
    def tells(_: Ledger) -> None:
        with suppress(Death):
            story.tell(met(table, at, dies, lasts=True)[1])

    return tells


# --- who has lost the lease ------------------------------------------------------------------------


@pytest.mark.parametrize("change", [OTHERS, Change()], ids=["which the new one uses", "unused"])
@each(BOTH, ())
def test_who_resumes_at_any_request_after_losing_the_lease_writes_nothing(name: str, change: Change) -> None:
    """What it had made true before counts: the new holder reads it."""
    resumed_everywhere(name, change)


@pytest.mark.slow
def test_so_it_is_in_the_widest_story() -> None:
    resumed_everywhere("wide", Change())


def resumed_everywhere(name: str, change: Change) -> None:
    story = STORIES[name]().first()
    ends = set()
    for at in story.requests():
        table, seen = story.table(), list[object]()
        _, ledger = met(table, at, meanwhile(table, taking_over(table, change, seen)))
        refused = is_refused(story, ledger)
        assert [memory_of(table)] == seen
        assert (process(table).delivery(story.proof) is None) == refused
        ends.add(refused)
    assert ends == {True, False}


def taking_over(table: FakeDynamodb, change: Change, seen: list[object]) -> Callable[[Ledger], None]:
    """``seen`` gets what the new holder knows."""

    def takes(other: Ledger) -> None:
        with other.lease("b", NO_WAIT) as lease:
            assert lease
            other.apply(change, lease)
        seen.append(memory_of(table))

    return takes


def is_refused(story: Story, ledger: Ledger) -> bool:
    try:
        story.tell(ledger)
    except StaleLease:
        return True
    return False
