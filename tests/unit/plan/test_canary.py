"""Under a new config a few accounts go first, and the rest waits for a quiet period."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.model import Account, Verb
from app.plan.actions import held
from app.plan.canary import after_act, after_failure, is_canary, try_first
from app.plan.context import Context
from app.plan.kept import Trial
from app.plan.limits import Canary, Limits
from app.plan.record import LedgerView
from tests.fakes.acts import PROD, SANDBOX, an_act
from tests.fakes.ledger_rows import DAY, NOW
from tests.fakes.policies import policy

HOUR = timedelta(hours=1)
FIRST, OTHERS = an_act(0, SANDBOX), (an_act(1), an_act(2))
ACTS = (FIRST, *OTHERS)
BEGUN = Trial("c0ffee", NOW)


def context(
    trial: Trial | None = None,
    at: timedelta = 0 * DAY,
    reactivated: frozenset[str] = frozenset(),
    accounts: tuple[str, ...] = ("sandbox",),
) -> Context:
    limits = Limits(canary=Canary(accounts, DAY))
    view = LedgerView(canary=trial)
    return Context(NOW + at, policy(), view, limits, config_hash="c0ffee", reactivated=reactivated)


def acted(trial: Trial = BEGUN, at: timedelta = HOUR) -> Trial:
    return after_act(trial, Verb.DEACTIVATE, FIRST.credential.uid, NOW + at)


@pytest.mark.parametrize(
    ("patterns", "account", "first"),
    [
        (("444455556666",), SANDBOX, True),
        (("sand*",), SANDBOX, True),
        (("play",), Account("444455556666", "x", alias="play"), True),
        (("sandbox", "prod"), PROD, True),
        (("444455556666",), PROD, False),
        ((), SANDBOX, False),
    ],
)
def test_accounts_are_named_by_id_name_or_alias(
    patterns: tuple[str, ...], account: Account, first: bool
) -> None:
    assert is_canary(Canary(patterns), account) is first


def test_without_a_canary_all_pass_and_nothing_is_remembered() -> None:
    done = try_first(context(accounts=()), ACTS)
    assert (done.passed, done.waiting, done.trial) == (ACTS, (), None)


def test_under_a_new_config_only_the_canary_acts() -> None:
    old = Trial("another", NOW - 9 * DAY, NOW - 9 * DAY, passed_at=NOW - 8 * DAY)
    done = try_first(context(old), ACTS)
    assert (done.passed, done.waiting) == ((FIRST,), OTHERS)
    assert done.trial == BEGUN
    assert "the canary accounts go first under a new config: the rest then waits 24 h" in done.text


def test_a_run_that_would_destroy_nothing_begins_no_trial() -> None:
    assert try_first(context(), ()).trial is None


@pytest.mark.parametrize(("after", "passes"), [(24.9, False), (25, True), (99, True)])
def test_the_quiet_period_counts_from_the_canarys_first_act(after: float, passes: bool) -> None:
    trial = after_act(acted(), Verb.DELETE, "444455556666/AKIAX", NOW + 5 * HOUR)
    done = try_first(context(trial, at=after * HOUR), ACTS)
    assert done.passed == (ACTS if passes else (FIRST,))
    assert bool(done.trial and done.trial.passed_at) == passes


def test_an_act_that_is_due_in_the_canary_and_never_done_lets_nobody_follow() -> None:
    assert try_first(context(BEGUN, at=30 * DAY), ACTS).passed == (FIRST,)


@pytest.mark.parametrize(("after", "passes"), [(23.9, False), (24, True)])
def test_where_nothing_is_due_in_the_canary_the_rest_waits_one_quiet_period(
    after: float, passes: bool
) -> None:
    done = try_first(context(BEGUN, at=after * HOUR), OTHERS)
    assert done.passed == (OTHERS if passes else ())


@pytest.mark.parametrize("guard", ["scan_failed", "brake"])
def test_what_is_held_in_the_canary_before_it_was_tried_keeps_the_rest_waiting(guard: str) -> None:
    waits = held(FIRST, guard, "")
    assert try_first(context(BEGUN, at=30 * DAY), OTHERS, [waits]).passed == ()
    elsewhere = held(OTHERS[0], guard, "")
    assert try_first(context(BEGUN, at=30 * DAY), OTHERS, [elsewhere]).passed == OTHERS


def test_after_a_failure_the_quiet_period_begins_anew() -> None:
    trial = after_failure(acted(), NOW + 10 * HOUR)
    done = try_first(context(trial, at=33 * HOUR), OTHERS)
    assert done.passed == ()
    assert "waits until 2 Jun 2026 19:30 UTC (a canary act failed on 1 Jun 2026 19:30 UTC)" in done.text
    assert try_first(context(trial, at=34 * HOUR), OTHERS).passed == OTHERS


def test_a_key_that_is_active_again_begins_it_anew_once() -> None:
    back = frozenset({FIRST.credential.uid})
    noticed = try_first(context(acted(), 20 * HOUR, back), OTHERS)
    assert noticed.trial
    assert noticed.trial.trouble_at == NOW + 20 * HOUR
    assert "was taken back" in noticed.text
    assert try_first(context(noticed.trial, 43 * HOUR, back), OTHERS).passed == ()
    assert try_first(context(noticed.trial, 44 * HOUR, back), OTHERS).passed == OTHERS


def test_what_was_passed_once_stays_passed_under_that_config() -> None:
    passed = replace(acted(), passed_at=NOW + 2 * DAY)
    late = context(passed, at=9 * DAY, reactivated=frozenset({FIRST.credential.uid}))
    assert try_first(late, ACTS).passed == ACTS
    assert try_first(late, ACTS).trial == passed


def test_a_deletion_can_not_be_taken_back_so_it_is_not_watched() -> None:
    assert after_act(BEGUN, Verb.DELETE, FIRST.credential.uid, NOW).deactivated == ()
