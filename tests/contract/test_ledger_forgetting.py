"""What every ledger drops by name, and what it leaves."""

from dataclasses import replace

from app.ledger.interface import Change, Ledger
from app.model import KeptReport, Refusal, Snooze
from app.plan.kept import Hold
from tests.fakes.ledger_rows import ACCOUNT, DAY, KEY_ID, NOW, UID, WHOLE, a_uid, delivery, facts, finding

OTHER = "444455556666"
THEIRS = f"{OTHER}/{KEY_ID}"


def rows_of(account_id: str, uid: str) -> Change:
    """One of each kind that belongs to an account."""
    about = finding(uid, account_id=account_id, refs={"jira": {"key": f"SEC-{account_id}"}})
    return Change(
        facts=(facts(uid, account_id=account_id),),
        findings=(about,),
        deliveries=(delivery(uid), delivery(uid, occurrence=2)),
        snoozes=(Snooze(uid, NOW, "a", "b", NOW),),
        refusals=(Refusal("joe@example.com", uid, NOW, "a", "b"),),
        accounts=(replace(WHOLE.accounts[0], account_id=account_id),),
        users=(replace(WHOLE.users[0], account_id=account_id),),
        reports=(KeptReport(account_id, NOW, NOW, b"csv"),),
        holds=(Hold(about.id, "brake", NOW),),
    )


def test_an_account_goes_with_all_there_is_of_it_and_no_other_does(ledger: Ledger) -> None:
    mine, theirs = rows_of(ACCOUNT, UID), rows_of(OTHER, THEIRS)
    ledger.apply(mine)
    ledger.apply(theirs)
    before = ledger.account(OTHER)
    ledger.apply(Change(forget_accounts=(ACCOUNT,)))
    assert ledger.account(OTHER) == before
    assert ledger.accounts_with_findings() == {OTHER}
    assert ledger.account(ACCOUNT) == replace(before, facts={}, findings={}, deliveries={}, users={})
    assert (ledger.kept_report(ACCOUNT), ledger.kept_report(OTHER)) == (None, theirs.reports[0])
    assert ledger.holds() == list(theirs.holds)
    view = ledger.view()
    assert view.accounts.keys() == {OTHER}
    assert view.snoozes.keys() == {THEIRS}
    assert list(view.refusals) == list(theirs.refusals)
    assert ledger.on_ticket("jira", f"SEC-{ACCOUNT}") == []
    assert ledger.deliveries_of(mine.findings[0].id) == []
    assert len(ledger.deliveries_of(theirs.findings[0].id)) == 2


def test_an_account_that_was_forgotten_can_begin_anew(ledger: Ledger) -> None:
    ledger.apply(rows_of(ACCOUNT, UID))
    once = ledger.view()
    ledger.apply(Change(forget_accounts=(ACCOUNT,)))
    ledger.apply(rows_of(ACCOUNT, UID))
    assert ledger.view() == once


def test_users_snoozes_and_refusals_go_one_by_one(ledger: Ledger) -> None:
    jane = WHOLE.users[0]
    joe, other = replace(jane, user="joe"), replace(jane, account_id=OTHER)
    snoozes = tuple(Snooze(uid, NOW + DAY, "a", "b", NOW) for uid in (UID, a_uid(1)))
    refusals = tuple(Refusal("joe@example.com", uid, NOW, "a", "b") for uid in (UID, a_uid(1), ""))
    ledger.apply(Change(users=(jane, joe, other), snoozes=snoozes, refusals=refusals))
    ledger.apply(
        Change(
            forget_users=((ACCOUNT, jane.user),),
            forget_snoozes=(UID,),
            forget_refusals=(("joe@example.com", UID), ("joe@example.com", "")),
        )
    )
    assert ledger.account(ACCOUNT).users == {"joe": joe}
    assert ledger.account(OTHER).users == {jane.user: other}
    assert ledger.frame().snoozes == {a_uid(1): snoozes[1]}
    assert list(ledger.frame().refusals) == [refusals[1]]


def test_what_is_not_there_is_forgotten_in_silence(ledger: Ledger) -> None:
    ledger.apply(WHOLE)
    before = ledger.view()
    ledger.apply(
        Change(
            forget_accounts=(OTHER,),
            forget_users=((OTHER, "nobody"),),
            forget_snoozes=(THEIRS,),
            forget_refusals=(("nobody@example.com", UID),),
        )
    )
    assert ledger.view() == before
