"""What every ledger of `conftest.py` promises of its rows and its writes (`app/ledger/interface.py`)."""

from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.errors import ConflictingWrite
from app.ledger.chain import Ends
from app.ledger.interface import AccountRows, Ledger, LedgerView
from app.model import CopyMark, DeliveryState, LastUsed, Pause, Snooze
from app.plan.record import Change, Refusals
from tests.fakes.ledger_rows import (
    ACCOUNT,
    DAY,
    NOW,
    PAUSE,
    UID,
    WHOLE,
    a_uid,
    delivery,
    event,
    facts,
    finding,
    run,
)
from tests.fakes.ledger_use import TARGET, everything, in_threads

NO_WAIT = timedelta(0)
SETTLED = [DeliveryState.DELIVERED, DeliveryState.CANCELLED]

# --- what was written comes back -------------------------------------------------------------------


def test_a_new_ledger_is_empty(ledger: Ledger) -> None:
    blank: tuple[object, ...] = (
        LedgerView(),
        [],
        [],
        [],
        [],
        Ends(),
        CopyMark(TARGET),
        AccountRows(),
        None,
        None,
        [],
        [],
        [],
        frozenset(),
        [],
        None,
    )
    assert everything(ledger) == blank
    assert ledger.paused() is None
    assert ledger.delivery("KS-NONE/1/warn/1/slack/owner") is None


def test_a_row_of_each_type_comes_back_with_all_its_fields(ledger: Ledger) -> None:
    ledger.apply(WHOLE)
    ledger.pause(PAUSE, event("paused"))
    stored = replace(WHOLE.findings[0], revision=1)
    assert ledger.view() == LedgerView(
        facts={UID: WHOLE.facts[0]},
        findings={UID: stored},
        deliveries={stored.id: list(WHOLE.deliveries)},
        snoozes={UID: WHOLE.snoozes[0]},
        refusals=Refusals(WHOLE.refusals),
        accounts={ACCOUNT: WHOLE.accounts[0]},
        breakers={"slack": WHOLE.breakers[0]},
        last_run=WHOLE.run,
        pause=PAUSE,
        canary=WHOLE.canary,
    )
    assert (ledger.held_plans(), ledger.approvals()) == ([*WHOLE.held_plans], [*WHOLE.approvals])
    assert ledger.held_plans()[0].acts[0].user == "jane"
    assert ledger.holds() == [*WHOLE.holds]
    assert ledger.delivery(WHOLE.deliveries[0].id) == WHOLE.deliveries[0]
    assert ledger.account(ACCOUNT).users == {"jane": WHOLE.users[0]}
    assert ledger.events() == [*WHOLE.events, event("paused")]
    assert ledger.copied(TARGET) == WHOLE.copies[0]


def test_the_row_of_each_type_leaves_no_field_at_its_default() -> None:
    written = [getattr(WHOLE, f.name) for f in fields(WHOLE) if not f.name.startswith("forget")]
    rows = [row for group in written for row in (group if isinstance(group, tuple) else (group,))]
    assert [f"{type(row).__name__}.{name}" for row in rows for name in at_default(row)] == [
        "Finding.revision"
    ]


def at_default(row: Any) -> list[str]:
    assert is_dataclass(row)
    defaults = {
        f.name: f.default if f.default_factory is MISSING else f.default_factory() for f in fields(row)
    }
    return [name for name, default in defaults.items() if getattr(row, name) == default]


@pytest.mark.parametrize(
    "last_used",
    [LastUsed("at", NOW), LastUsed.never(), LastUsed.unknown("AccessDenied")],
    ids=lambda value: value.state,
)
def test_a_last_use_keeps_its_meaning(ledger: Ledger, last_used: LastUsed) -> None:
    ledger.apply(Change(facts=(facts(last_used=last_used),)))
    assert ledger.view().facts[UID].last_used == last_used


def test_instants_come_back_aware_in_utc_and_to_the_microsecond(ledger: Ledger) -> None:
    ledger.apply(WHOLE)
    last_run = ledger.view().last_run
    assert last_run
    instants: list[datetime] = [ledger.view().facts[UID].created, ledger.events()[0].at, last_run.at]
    assert [i.utcoffset() for i in instants] == [NO_WAIT] * 3
    assert {i.microsecond for i in instants} == {123456}


def test_a_text_that_is_no_unicode_costs_no_row(ledger: Ledger) -> None:
    """A command line may hold any bytes, and another service's JSON half of a pair of surrogates."""
    row = replace(delivery(), payload={"said": ["caf\udce9", {"half \ud83d": 1}]}, error="caf\udce9")
    snooze = replace(WHOLE.snoozes[0], reason="caf\udce9")
    user = replace(WHOLE.users[0], groups=("caf\udce9",))
    ledger.apply(Change(deliveries=(row,), snoozes=(snooze,), users=(user,)))
    ledger.pause(Pause("ann\udce9", "caf\udce9", NOW), event(detail="caf\udce9"))
    (stored,), pause = ledger.undelivered(), ledger.paused()
    assert pause
    for text in (stored.error, ledger.frame().snoozes[UID].reason, pause.reason):
        assert text.startswith("caf")


def test_a_row_replaces_its_like_and_leaves_the_others(ledger: Ledger) -> None:
    ledger.apply(Change(facts=(facts(), facts(a_uid(1))), snoozes=(Snooze(UID, NOW, "a", "b", NOW),)))
    newer = Snooze(UID, NOW + DAY, "c", "d", NOW)
    ledger.apply(Change(facts=(facts(user="joe"),), snoozes=(newer,)))
    assert ledger.view().facts == {UID: facts(user="joe"), a_uid(1): facts(a_uid(1))}
    assert ledger.view().snoozes == {UID: newer}


def test_what_is_forgotten_is_gone_however_much_it_is(ledger: Ledger) -> None:
    uids = [a_uid(number) for number in range(1201)]
    ledger.apply(Change(facts=tuple(map(facts, uids))))
    ledger.apply(Change(forget=(*uids[1:], "never/seen")))
    assert list(ledger.view().facts) == uids[:1]


def test_users_are_remembered_by_account(ledger: Ledger) -> None:
    jane = WHOLE.users[0]
    others = (replace(jane, user="joe"), replace(jane, account_id="444455556666"))
    ledger.apply(Change(users=(jane, *others)))
    assert ledger.account(ACCOUNT).users == {"jane": jane, "joe": others[0]}


def test_the_last_run_is_the_one_written_last(ledger: Ledger) -> None:
    ledger.apply(Change(run=run(NOW)))
    ledger.apply(Change(run=run(NOW - DAY)))
    assert ledger.view().last_run == run(NOW - DAY)


def test_events_stay_in_the_order_of_writing(ledger: Ledger) -> None:
    ledger.apply(Change(events=(event("a"), event("b"))))
    ledger.apply(Change(events=(event("c"),)))
    assert [e.what for e in ledger.events()] == ["a", "b", "c"]


def test_events_since_an_instant_include_that_instant(ledger: Ledger) -> None:
    tick = timedelta(microseconds=1)
    ledger.apply(Change(events=tuple(event(str(n), NOW + n * tick) for n in (-1, 0, 1))))
    assert [e.what for e in ledger.events(since=NOW)] == ["0", "1"]


# --- deliveries ------------------------------------------------------------------------------------


def test_the_view_shows_only_the_present_episodes_deliveries(ledger: Ledger) -> None:
    old, new = delivery(episode=1), delivery(episode=2)
    ledger.apply(Change(findings=(finding(episode=2),), deliveries=(old, new)))
    assert ledger.view().deliveries == {new.finding_id: [new]}
    assert ledger.deliveries_of(new.finding_id) == [old, new]


def test_deliveries_keep_the_order_of_their_creation_when_replaced(ledger: Ledger) -> None:
    rows = [delivery(occurrence=n) for n in (3, 1, 2)]
    ledger.apply(Change(findings=(finding(),), deliveries=tuple(rows)))
    rows[0] = replace(rows[0], state=DeliveryState.FAILED, attempts=1)
    ledger.apply(Change(deliveries=(rows[0],)))
    assert ledger.view().deliveries == {rows[0].finding_id: rows}
    assert ledger.deliveries_of(rows[0].finding_id) == rows
    assert ledger.undelivered() == rows


def test_undelivered_is_all_that_is_neither_delivered_nor_cancelled(ledger: Ledger) -> None:
    every = [delivery(state=state, stage=state.value) for state in DeliveryState]
    ledger.apply(Change(deliveries=tuple(every)))
    assert ledger.undelivered() == [row for row in every if row.state not in SETTLED]


# --- one transaction or none -----------------------------------------------------------------------


def test_each_write_of_a_finding_raises_its_revision(ledger: Ledger) -> None:
    ledger.apply(Change(findings=(finding(),)))
    ledger.apply(Change(findings=(finding(revision=1, stage="final"),)))
    assert ledger.view().findings[UID] == finding(revision=2, stage="final")


@pytest.mark.parametrize("revision", [0, 2], ids=["an older one", "one never stored"])
def test_a_stale_finding_undoes_the_whole_change(ledger: Ledger, revision: int) -> None:
    ledger.apply(WHOLE)
    before = everything(ledger)
    stale = finding(revision=revision)
    other = finding(a_uid(1))
    change = replace(WHOLE, facts=(facts(a_uid(2)),), forget=(UID,), findings=(other, stale))
    with pytest.raises(ConflictingWrite, match=stale.id):
        ledger.apply(change)
    assert everything(ledger) == before


def test_a_finding_that_was_never_stored_has_revision_0(ledger: Ledger) -> None:
    with pytest.raises(ConflictingWrite):
        ledger.apply(Change(findings=(finding(revision=1),)))
    assert ledger.view().findings == {}


def test_threads_that_write_at_once_lose_nothing(ledger: Ledger) -> None:
    def write(name: int) -> None:
        for number in range(20):
            ledger.apply(Change(events=(event(f"{name}-{number}"),), facts=(facts(a_uid(name)),)))

    in_threads(write, 4)
    written = [e.what for e in ledger.events()]
    assert sorted(written) == sorted(f"{name}-{n}" for name in range(4) for n in range(20))
    assert len(ledger.view().facts) == 4
