"""What every ledger answers without being read whole: an account, a finding, a ticket, a report."""

from dataclasses import replace
from typing import Any

import pytest

from app.ledger.interface import AccountRows, Ledger
from app.model import Finding, FindingState, KeptReport
from app.plan.record import Change
from tests.fakes.ledger_rows import (
    ACCOUNT,
    DAY,
    KEY_ID,
    NOW,
    PAUSE,
    UID,
    WHOLE,
    a_uid,
    delivery,
    event,
    facts,
    finding,
)

OTHER = "444455556666"
_THEIRS = f"{OTHER}/{KEY_ID}"
THEIRS = Change(
    facts=(facts(_THEIRS, account_id=OTHER),),
    findings=(finding(_THEIRS, account_id=OTHER),),
    deliveries=(delivery(_THEIRS),),
    users=(replace(WHOLE.users[0], account_id=OTHER, user="joe"),),
)


def test_an_account_that_is_not_known_has_no_rows(ledger: Ledger) -> None:
    assert ledger.account(ACCOUNT) == AccountRows()
    assert ledger.accounts_with_findings() == frozenset()
    assert ledger.finding(Finding.id_for(UID)) is None
    assert ledger.kept_report(ACCOUNT) is None
    assert ledger.on_ticket("jira", "SEC-1") == []
    assert not ledger.has_tickets("jira")
    assert ledger.search(lambda facts: True) == []


def test_an_account_shows_its_own_rows_and_no_others(ledger: Ledger) -> None:
    ledger.apply(WHOLE)
    ledger.apply(THEIRS)
    assert ledger.account(ACCOUNT) == rows_of(WHOLE, "jane")
    assert ledger.account(OTHER) == rows_of(THEIRS, "joe")
    assert ledger.accounts_with_findings() == {ACCOUNT, OTHER}


def rows_of(change: Change, user: str) -> AccountRows:
    stored = replace(change.findings[0], revision=1)
    return AccountRows(
        facts={stored.uid: change.facts[0]},
        findings={stored.uid: stored},
        deliveries={stored.id: list(change.deliveries)},
        users={user: change.users[0]},
    )


def test_the_frame_is_the_view_without_its_rows(ledger: Ledger) -> None:
    ledger.apply(WHOLE)
    ledger.pause(PAUSE, event("paused"))
    assert ledger.frame() == replace(ledger.view(), facts={}, findings={}, deliveries={})
    assert ledger.frame().with_rows(ledger.account(ACCOUNT)) == ledger.view()


def test_an_account_shows_the_deliveries_of_present_episodes_in_order_of_creation(ledger: Ledger) -> None:
    old, *present = delivery(episode=1), *(delivery(episode=2, occurrence=n) for n in (2, 1))
    ledger.apply(Change(findings=(finding(episode=2),), deliveries=(old, *present)))
    ledger.apply(Change(deliveries=(present[0],)))
    assert ledger.account(ACCOUNT).deliveries == {old.finding_id: present}


def test_an_account_shows_its_resolved_findings_too(ledger: Ledger) -> None:
    ledger.apply(Change(findings=(finding(state=FindingState.RESOLVED),)))
    assert ledger.account(ACCOUNT).findings == {UID: finding(state=FindingState.RESOLVED, revision=1)}
    assert ledger.accounts_with_findings() == {ACCOUNT}


def test_what_is_forgotten_or_replaced_is_so_in_its_account(ledger: Ledger) -> None:
    ledger.apply(Change(facts=(facts(), facts(a_uid(1))), users=(WHOLE.users[0],)))
    newer = replace(WHOLE.users[0], tags=None, groups=None, keys=())
    ledger.apply(Change(facts=(facts(user="joe"),), forget=(a_uid(1),), users=(newer,)))
    assert ledger.account(ACCOUNT) == AccountRows(facts={UID: facts(user="joe")}, users={"jane": newer})


def test_a_finding_is_read_alone(ledger: Ledger) -> None:
    ledger.apply(Change(findings=(finding(), finding(a_uid(1)))))
    assert ledger.finding(Finding.id_for(a_uid(1))) == finding(a_uid(1), revision=1)
    assert ledger.finding("KS-NONE") is None


def test_a_search_shows_the_facts_that_are_wanted_of_every_account(ledger: Ledger) -> None:
    theirs = facts(f"{OTHER}/{KEY_ID}", account_id=OTHER)
    ledger.apply(Change(facts=(facts(), facts(a_uid(1), user="joe"), theirs)))
    found = ledger.search(lambda facts: facts.user == "jane")
    assert sorted(f.uid for f in found) == [UID, theirs.uid]


def test_the_last_report_that_was_kept_of_an_account_is_the_one(ledger: Ledger) -> None:
    theirs = KeptReport(OTHER, NOW, NOW, b"\x00theirs")
    ledger.apply(Change(reports=(WHOLE.reports[0], theirs)))
    assert ledger.kept_report(ACCOUNT) == WHOLE.reports[0]
    newer = KeptReport(ACCOUNT, NOW + DAY, NOW, b"\x00\xff newer")
    ledger.apply(Change(reports=(newer,)))
    assert [ledger.kept_report(account) for account in (ACCOUNT, OTHER)] == [newer, theirs]


# --- tickets ---------------------------------------------------------------------------------------


def with_ticket(number: int, key: str, **fields: Any) -> Finding:
    return finding(a_uid(number), refs={"jira": {"key": key, "url": "https://…"}}, **fields)


def test_findings_are_found_by_the_ticket_of_one_sink(ledger: Ledger) -> None:
    one, two, other = with_ticket(1, "SEC-1"), with_ticket(2, "SEC-1"), with_ticket(3, "SEC-2")
    elsewhere = finding(a_uid(4), refs={"jira2": {"key": "SEC-1"}, "slack": {"ts": "SEC-1"}})
    ledger.apply(Change(findings=(one, two, other, elsewhere)))
    both = sorted((one, two), key=lambda f: f.id)
    assert ledger.on_ticket("jira", "SEC-1") == [replace(f, revision=1) for f in both]
    assert ledger.on_ticket("jira2", "SEC-1") == [replace(elsewhere, revision=1)]
    assert [ledger.has_tickets(sink) for sink in ("jira", "jira2", "slack")] == [True, True, False]


@pytest.mark.parametrize("state", FindingState)
def test_only_unresolved_findings_are_on_a_ticket(ledger: Ledger, state: FindingState) -> None:
    ledger.apply(Change(findings=(with_ticket(1, "SEC-1"),)))
    ledger.apply(Change(findings=(with_ticket(1, "SEC-1", state=state, revision=1),)))
    assert len(ledger.on_ticket("jira", "SEC-1")) == (state is not FindingState.RESOLVED)
    assert ledger.has_tickets("jira") == (state is not FindingState.RESOLVED)


def test_a_reopened_finding_is_on_its_ticket_again(ledger: Ledger) -> None:
    ledger.apply(Change(findings=(with_ticket(1, "SEC-1", state=FindingState.RESOLVED),)))
    ledger.apply(Change(findings=(with_ticket(1, "SEC-1", episode=2, revision=1),)))
    assert [f.episode for f in ledger.on_ticket("jira", "SEC-1")] == [2]


def test_a_finding_leaves_the_ticket_that_another_replaces(ledger: Ledger) -> None:
    ledger.apply(Change(findings=(with_ticket(1, "SEC-1"),)))
    ledger.apply(Change(findings=(with_ticket(1, "SEC-2", revision=1),)))
    assert [len(ledger.on_ticket("jira", key)) for key in ("SEC-1", "SEC-2")] == [0, 1]
    ledger.apply(Change(findings=(finding(a_uid(1), refs={"jira": {"key": ""}}, revision=2),)))
    assert ledger.on_ticket("jira", "") == []
    assert not ledger.has_tickets("jira")


def test_of_a_finding_that_is_written_twice_at_once_the_last_holds(ledger: Ledger) -> None:
    ledger.apply(Change(findings=(with_ticket(1, "SEC-1"), finding(a_uid(1)))))
    assert ledger.finding(Finding.id_for(a_uid(1))) == finding(a_uid(1), revision=1)
    assert ledger.on_ticket("jira", "SEC-1") == []
