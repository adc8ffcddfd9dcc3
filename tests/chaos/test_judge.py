"""The judge of the rounds, judged: each violation that is planted in a clean round's record is reported."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.chaos import company
from tests.chaos.board import Harm
from tests.chaos.clock import START
from tests.chaos.crew import Wanted, play
from tests.chaos.judge import judge
from tests.chaos.laws import DEACTIVATES, DELETES
from tests.chaos.leases import Taken
from tests.chaos.record import Command, Outage, Record
from tests.chaos.witness import Seen

pytestmark = pytest.mark.slow
SOON = 0.01  # seconds after


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An undisturbed round's record."""
    kept = tmp_path_factory.mktemp("record") / "record"
    wanted = Wanted(1, replicas=(1,), ledger="sqlite", workers=1, play="undisturbed", keep=str(kept))
    outcome = play(wanted)
    assert outcome.is_clean, outcome.violations + outcome.died
    return Path(kept).read_bytes()


@pytest.fixture
def record(clean: bytes) -> Record:
    made: Record = pickle.loads(clean)
    return made


def first(record: Record, what: str, name: str = "ann") -> int:
    return next(n for n, s in enumerate(record.seen) if s.what == what and s.subject.startswith(name))


def told_at(record: Record, channel: str, kind: str, name: str = "ann") -> int:
    finding = company.PEOPLE[name].finding
    about = ((n, s) for n, s in enumerate(record.seen) if s.channel == channel)
    return next(n for n, s in about if any((t.finding, t.kind) == (finding, kind) for t in s.told))


def put_after(record: Record, at: int, seen: Seen) -> None:
    record.seen.insert(at + 1, seen)


def later(seen: Seen, seconds: float = SOON) -> Seen:
    return replace(seen, real=seen.real + seconds, arrived=seen.arrived + seconds)


def drop(record: Record, wanted: Callable[[Seen], bool]) -> None:
    record.seen = [seen for seen in record.seen if not wanted(seen)]


def untold(seen: Seen, name: str, kind: str) -> Seen:
    finding = company.PEOPLE[name].finding
    return replace(seen, told=tuple(t for t in seen.told if (t.finding, t.kind) != (finding, kind)))


def silence(record: Record, channels: set[str], kind: str) -> None:
    record.seen = [untold(s, "ann", kind) if s.channel in channels else s for s in record.seen]


# --- what is planted ---


def an_act_twice(record: Record) -> None:
    at = first(record, DEACTIVATES)
    put_after(record, at, later(replace(record.seen[at], before="Inactive")))


def an_act_without_notices(record: Record) -> None:
    silence(record, {"slack", "jira"}, "warning")


def an_act_a_day_after_its_first_notice(record: Record) -> None:
    at, act = told_at(record, "slack", "warning"), record.seen[first(record, DEACTIVATES)]
    earlier = (n for n, s in enumerate(record.seen) if n >= at and s.at < act.at - timedelta(days=1))
    for number in earlier:
        record.seen[number] = untold(record.seen[number], "ann", "warning")


def an_act_on_what_was_not_read(record: Record) -> None:
    key = company.PEOPLE["ann"].key
    drop(record, lambda s: s.what == "GetAccessKeyLastUsed" and s.subject == key)


def a_deletion_of_an_active_key(record: Record) -> None:
    at = first(record, DELETES)
    record.seen[at] = replace(record.seen[at], before="Active")


def a_deletion_too_soon(record: Record) -> None:
    at, off = first(record, DELETES), record.seen[first(record, DEACTIVATES)]
    record.seen[at] = replace(record.seen[at], at=off.at + timedelta(days=7.5))


def a_ticket_closed_while_the_key_is_there(record: Record) -> None:
    key = next(key for key, name in record.tickets.items() if name == "ivan")
    at = first(record, "transition Done", "")
    put_after(record, at, later(replace(record.seen[at], subject=key)))


def a_finding_opened_by_a_failed_scan(record: Record) -> None:
    seen = record.seen[told_at(record, "slack", "warning", "hugo")]
    outage = Outage("denied", seen.arrived - 1, True, START, seen.arrived + 1)
    record.outages.append(outage)


def a_failed_scan_that_calls_itself_whole(record: Record) -> None:
    record.outages.append(Outage("denied", 1.0, True, START, 2.0, partial=False))


def a_notice_twice(record: Record) -> None:
    at = told_at(record, "slack", "warning")
    put_after(record, at, later(record.seen[at]))


def a_second_ticket(record: Record) -> None:
    record.tickets["SEC-999"] = "ann"


def an_act_on_the_services_own_key(record: Record) -> None:
    at = first(record, DEACTIVATES)
    subject = f"keysteward {company.HUB_KEY}"
    put_after(record, at, later(replace(record.seen[at], subject=subject)))


def an_act_on_an_exempt_key(record: Record) -> None:
    act = record.seen[first(record, DEACTIVATES)]
    record.exempted["ann"] = act.arrived - 60


def an_act_on_a_snoozed_key(record: Record) -> None:
    act = record.seen[first(record, DEACTIVATES)]
    said = (act.arrived - 60, act.arrived - 59, act.at - timedelta(days=1))
    record.commands.append(Command(*said, "snooze", "ann", "done", ""))


def a_message_while_paused(record: Record) -> None:
    seen = record.seen[told_at(record, "slack", "warning")]
    record.commands.append(Command(seen.arrived - 9, seen.arrived - 8, seen.at, "pause", "", "done", ""))


def a_write_in_observe(record: Record) -> None:
    record.schedule = replace(record.schedule, mode="observe")


def a_second_leader(record: Record) -> None:
    at = told_at(record, "slack", "warning")
    record.seen[at] = replace(record.seen[at], place=1, life=99)


def a_leader_that_comes_back_late(record: Record) -> None:
    seen = record.seen[told_at(record, "slack", "warning")]
    record.leases.append(Taken(seen.arrived - SOON, "2.77"))
    record.leases.sort(key=lambda taken: taken.at)


def a_lost_notice(record: Record) -> None:
    silence(record, {"jira"}, "done")


def an_end_that_was_not_reached(record: Record) -> None:
    record.missing.append("ann's key was not deleted")


def a_replica_that_broke(record: Record) -> None:
    record.broken.append("Traceback")


def a_key_in_a_message(record: Record) -> None:
    record.leaks.append("Slack")


PLANTED: list[tuple[Callable[[Record], None], str]] = [
    (an_act_twice, "I5"),
    (an_act_without_notices, "I1"),
    (an_act_a_day_after_its_first_notice, "I1"),
    (an_act_on_what_was_not_read, "I2"),
    (a_deletion_of_an_active_key, "I3"),
    (a_deletion_too_soon, "I3"),
    (a_ticket_closed_while_the_key_is_there, "I4"),
    (a_finding_opened_by_a_failed_scan, "I4"),
    (a_failed_scan_that_calls_itself_whole, "I4"),
    (a_notice_twice, "I5"),
    (a_second_ticket, "I5"),
    (an_act_on_the_services_own_key, "I6"),
    (an_act_on_an_exempt_key, "I6"),
    (an_act_on_a_snoozed_key, "I6"),
    (a_message_while_paused, "I6"),
    (a_write_in_observe, "I7"),
    (a_second_leader, "I8"),
    (a_leader_that_comes_back_late, "I8"),
    (a_lost_notice, "lost"),
    (an_end_that_was_not_reached, "lost"),
    (a_replica_that_broke, "broken"),
    (a_key_in_a_message, "secret"),
]


def laws_broken(record: Record) -> set[str]:
    return {law for law, _ in judge(record).violations}


def test_a_clean_round_breaks_nothing_and_is_full_of_what_there_is_to_judge(record: Record) -> None:
    verdict = judge(record)
    assert verdict.violations == []
    assert verdict.counts["acts"] == 2 * len(company.DELETED)
    assert verdict.counts["notices"] > 50


@pytest.mark.parametrize(("plant", "law"), PLANTED, ids=lambda it: getattr(it, "__name__", it))
def test_what_is_planted_is_found(record: Record, plant: Callable[[Record], None], law: str) -> None:
    plant(record)
    assert law in laws_broken(record)


def test_a_notice_that_a_crash_repeats_is_allowed_and_counted(record: Record) -> None:
    at = told_at(record, "slack", "warning")
    seen = record.seen[at]
    put_after(record, at, later(seen))
    record.harms.append(Harm(seen.real, "kill", seen.place, seen.life, seen.real))
    verdict = judge(record)
    assert verdict.violations == []
    assert verdict.counts["notice repeated after kill"] == len(seen.told)


def test_another_replicas_crash_excuses_no_repetition(record: Record) -> None:
    at = told_at(record, "slack", "warning")
    seen = record.seen[at]
    put_after(record, at, later(seen))
    record.harms.append(Harm(seen.real, "kill", seen.place, seen.life + 1, seen.real))
    assert "I5" in laws_broken(record)


def test_one_mutation_may_land_late_after_a_stop_and_no_more(record: Record) -> None:
    at = told_at(record, "slack", "warning")
    seen = record.seen[at]
    record.leases += [Taken(seen.arrived - SOON, "2.77"), Taken(seen.arrived + SOON / 2, seen.who)]
    record.leases.sort(key=lambda taken: taken.at)
    record.harms.append(Harm(seen.arrived - 1, "stop", seen.place, seen.life, seen.arrived - SOON))
    verdict = judge(record)
    assert verdict.violations == []
    assert verdict.counts["mutation landed late"] == 1


def test_an_act_that_takes_effect_after_a_later_one_was_read_for_all_the_same(record: Record) -> None:
    slow, quick = first(record, DEACTIVATES, "ann"), first(record, DEACTIVATES, "bob")
    assert slow < quick
    record.seen[slow] = replace(record.seen[slow], real=record.seen[quick].real + SOON)
    assert "I2" not in laws_broken(record)
