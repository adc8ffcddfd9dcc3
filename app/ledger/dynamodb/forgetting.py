"""What leaves the pages by name, inside one change. (`pruning.py` finds out itself what can go.)"""

from collections.abc import Callable

from app.ledger.dynamodb import keys, reading, writing
from app.ledger.dynamodb.draft import Draft
from app.ledger.dynamodb.pages import Page, Rows
from app.ledger.interface import Change


def forget(draft: Draft, change: Change) -> None:
    for account_id in change.forget_accounts:
        _forget_account(draft, account_id)
    for account_id, user in change.forget_users:
        draft.rows(keys.users_of(account_id)).pop(user, None)
    for uid in change.forget_snoozes:
        draft.rows(keys.SNOOZES).pop(uid, None)
    for address, uid in change.forget_refusals:
        draft.rows(keys.REFUSALS).pop(writing.refusal_name(uid, address), None)


def _forget_account(draft: Draft, account_id: str) -> None:
    findings = draft.rows(keys.findings_of(account_id))
    draft.load(map(keys.finding, findings))
    for finding_id in findings:
        _forget_finding(draft, finding_id)
    for key in (keys.findings_of(account_id), keys.facts_of(account_id), keys.users_of(account_id)):
        draft.rows(key).clear()
    draft.rows(keys.state_of(account_id)).clear()
    for key in (keys.SNOOZES, keys.REFUSALS):
        _drop(draft.rows(key), lambda name: name.startswith(f"{account_id}/"))
    if draft.rows(keys.REMEMBERED).pop(account_id, None) is not None:
        draft.put(Page(keys.report_of(account_id), {}))
    for key in (keys.WITH_FACTS, keys.WITH_FINDINGS):
        draft.rows(key).pop(account_id, None)


def _forget_finding(draft: Draft, finding_id: str) -> None:
    """With its deliveries, its tickets and its holds."""
    page = draft.rows(keys.finding(finding_id))
    writing.leave_tickets(draft, finding_id, reading.finding_in(page))
    for name in page:
        if name != keys.THE_FINDING:
            draft.rows(keys.open_of(name)).pop(name, None)
    page.clear()
    _drop(draft.rows(keys.HOLDS), lambda name: name.startswith(f"{finding_id} "))


def _drop(known: Rows, goes: Callable[[str], bool]) -> None:
    for name in list(filter(goes, known)):
        del known[name]
