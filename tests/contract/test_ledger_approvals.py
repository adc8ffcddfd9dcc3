"""What every ledger of `conftest.py` promises of acts that wait: held plans, approvals, holds, the canary."""

from dataclasses import replace

import pytest

from app.errors import StaleLease
from app.ledger.interface import Lease, Ledger
from app.plan.kept import Hold
from app.plan.record import Change
from tests.fakes.ledger_rows import DAY, NOW, UID, WHOLE, a_uid, approval, event, held_plan
from tests.fakes.ledger_use import everything, in_threads


def test_a_plan_takes_the_place_of_its_like(ledger: Ledger) -> None:
    later = held_plan("bb", last_held_at=NOW + DAY)
    ledger.apply(Change(held_plans=(held_plan("bb"), held_plan("aa"))))
    ledger.apply(Change(held_plans=(later,)))
    assert ledger.held_plans() == [held_plan("aa"), later]


def test_a_plan_of_thousands_of_acts_comes_back_in_order(ledger: Ledger) -> None:
    big = held_plan("aa", *map(a_uid, range(5_000)))
    ledger.apply(Change(held_plans=(big,)))
    [stored] = ledger.held_plans()
    assert stored.acts == big.acts


def test_a_plan_that_is_forgotten_takes_its_approvals_along(ledger: Ledger) -> None:
    ledger.apply(Change(held_plans=(held_plan("aa"), held_plan("bb"))))
    ledger.apply(Change(approvals=(approval("aa"), approval("aa", number=2), approval("bb"))))
    ledger.apply(Change(forget_plans=(held_plan("aa").id, "never seen")))
    assert ledger.held_plans() == [held_plan("bb")]
    assert ledger.approvals() == [approval("bb")]


def test_an_approval_is_given_once_and_the_first_one_stays(ledger: Ledger) -> None:
    first, second = approval(), approval(by="joe@example.com")
    assert ledger.approve(first, event("plan_approved"))
    assert not ledger.approve(second, event("plan_approved", detail="again"))
    assert ledger.approvals() == [first]
    assert ledger.events() == [event("plan_approved")]
    assert ledger.approve(replace(second, number=2), event("plan_approved"))


def test_an_approval_that_a_run_has_used_is_not_written_over(ledger: Ledger) -> None:
    ledger.approve(approval(), event("plan_approved"))
    ledger.apply(Change(approvals=(approval(used=(UID,)),)))
    assert not ledger.approve(approval(), event("plan_approved"))
    assert ledger.approvals() == [approval(used=(UID,))]


def test_of_many_that_approve_at_once_one_does(ledger: Ledger) -> None:
    answers: list[bool] = []
    in_threads(lambda n: answers.append(ledger.approve(approval(by=str(n)), event("plan_approved"))), 4)
    assert sorted(answers) == [False, False, False, True]
    assert len(ledger.approvals()) == len(ledger.events()) == 1


def test_holds_end_by_finding_and_guard(ledger: Ledger) -> None:
    holds = [Hold(finding, guard, NOW) for finding in ("KS-1", "KS-2") for guard in ("brake", "freeze")]
    ledger.apply(Change(holds=tuple(holds)))
    told = replace(holds[3], told={"slack": NOW})
    ledger.apply(Change(holds=(told,), forget_holds=(("KS-1", "freeze"), ("KS-2", "brake"), ("KS-9", "x"))))
    assert ledger.holds() == [holds[0], told]


def test_the_canarys_trial_stays_until_another_takes_its_place(ledger: Ledger) -> None:
    assert WHOLE.canary
    ledger.apply(Change(canary=WHOLE.canary))
    ledger.apply(Change())
    assert ledger.frame().canary == WHOLE.canary
    other = replace(WHOLE.canary, config_hash="another")
    ledger.apply(Change(canary=other))
    assert ledger.view().canary == other


def test_a_lost_lease_writes_none_of_it(ledger: Ledger) -> None:
    before = everything(ledger)
    with pytest.raises(StaleLease):
        ledger.apply(WHOLE, Lease(7))
    assert everything(ledger) == before
