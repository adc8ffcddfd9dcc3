"""Rounds of chaos on every ledger, a minute of them; `make chaos` plays thousands (docs/chaos.md)."""

import pytest

from tests.chaos.crew import Outcome, Wanted, play

pytestmark = pytest.mark.slow


def judged(wanted: Wanted) -> Outcome:
    outcome = play(wanted)
    if outcome.missing:
        pytest.skip(f"{outcome.missing} is not installed")
    broken = [f"{law}: {text}\n  {wanted.replay(seed, 3)}" for seed, law, text in outcome.violations]
    assert not broken + outcome.died, "\n".join(broken + outcome.died)
    assert outcome.rounds == wanted.rounds
    return outcome


def test_replicas_on_postgresql_break_no_law() -> None:
    outcome = judged(Wanted(rounds=6, replicas=(3, 1, 2), workers=1))
    assert outcome.counts["kills"]


def test_one_replica_on_a_file_breaks_no_law() -> None:
    assert judged(Wanted(rounds=3, replicas=(1,), ledger="sqlite", workers=1)).counts["faults"]


def test_a_killed_leader_is_followed_within_its_lease_and_two_seconds() -> None:
    wanted = Wanted(rounds=1, play="takeovers", workers=1)
    waits = judged(wanted).waits
    assert len(waits) >= 5
    assert max(waits) <= wanted.term / wanted.pace + 2
