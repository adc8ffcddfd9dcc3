"""Ways to use a ledger that several of its tests share."""

import threading
from collections.abc import Callable

from app.ledger.interface import Ledger
from app.model import Finding
from tests.fakes.ledger_rows import ACCOUNT, UID, WHOLE

TARGET = WHOLE.copies[0].target


def everything(ledger: Ledger) -> tuple[object, ...]:
    finding_id = Finding.id_for(UID)
    return (
        ledger.view(),
        ledger.deliveries_of(finding_id),
        ledger.undelivered(),
        ledger.events(),
        list(ledger.sealed()),
        ledger.chain(),
        ledger.copied(TARGET),
        ledger.account(ACCOUNT),
        ledger.kept_report(ACCOUNT),
        ledger.rehearsal(),
        ledger.held_plans(),
        ledger.approvals(),
        ledger.holds(),
        ledger.accounts_with_findings(),
        ledger.on_ticket("jira", "SEC-1"),
        ledger.paused(),
    )


def in_threads(work: Callable[[int], None], number: int) -> None:
    threads = [threading.Thread(target=work, args=(n,)) for n in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
