"""What the ledger holds of the one credential that is meant."""

from contextlib import closing
from pathlib import Path

import pytest

from app.ledger.interface import AccountRows, Change
from app.ledger.memory import MemoryLedger
from app.ledger.open import open_ledger
from app.model import SHOWN_CHARACTERS, Account, Finding, Snooze
from app.service.lookup import AmbiguousKey, NotFound, find_one, view_of
from tests.fakes.ledger_rows import ACCOUNT, DAY, KEY_ID, NOW, PAUSE, UID, a_uid, event, facts, finding

OTHER = f"444455556666/{KEY_ID}"
SNOOZE = Snooze(UID, NOW + DAY, "jane@example.com", "a release", NOW)


class Meanwhile(MemoryLedger):
    """Somebody pauses the service and snoozes a key just as an account was read."""

    def account(self, account_id: str) -> AccountRows:
        rows = super().account(account_id)
        self.pause(PAUSE, event("paused"))
        self.apply(Change(snoozes=(SNOOZE,)))
        return rows


def test_a_pause_or_a_snooze_that_comes_while_the_ledger_is_read_holds() -> None:
    ledger = Meanwhile()
    ledger.apply(Change(facts=(facts(),)))
    view = view_of(ledger, ACCOUNT)
    assert view.facts == {UID: facts()}
    assert (view.pause, view.snoozes) == (PAUSE, {UID: SNOOZE})


def test_a_view_shows_one_account() -> None:
    ledger = MemoryLedger()
    ledger.apply(Change(facts=(facts(), facts(OTHER, account_id="444455556666")), findings=(finding(),)))
    assert list(view_of(ledger, ACCOUNT).facts) == [UID]
    assert list(view_of(ledger, "444455556666").facts) == [OTHER]
    assert view_of(ledger, "444455556666").findings == {}


@pytest.mark.parametrize("key", [KEY_ID, KEY_ID[-SHOWN_CHARACTERS:], "jane", Finding.id_for(UID)])
@pytest.mark.parametrize("open_", [True, False], ids=["with a finding", "without one"])
def test_a_credential_is_meant_by_its_id_its_tail_its_user_or_its_finding(key: str, open_: bool) -> None:
    ledger = MemoryLedger()
    ledger.apply(Change(facts=(facts(), facts(a_uid(1), user="joe")), findings=(finding(),) if open_ else ()))
    assert find_one(ledger, key) == facts()


def test_a_finding_whose_key_is_gone_means_no_credential() -> None:
    ledger = MemoryLedger()
    ledger.apply(Change(findings=(finding(),)))
    with pytest.raises(NotFound):
        find_one(ledger, Finding.id_for(UID))


def test_what_is_no_unicode_means_no_credential(tmp_path: Path) -> None:
    with closing(open_ledger(f"sqlite:///{tmp_path}/ledger.db")) as ledger:
        ledger.apply(Change(facts=(facts(),)))
        with pytest.raises(NotFound):
            find_one(ledger, "caf\udce9")


def test_what_means_several_lists_them_by_their_findings() -> None:
    ledger = MemoryLedger()
    ledger.apply(Change(facts=(facts(), facts(OTHER, account_id="444455556666"))))
    with pytest.raises(AmbiguousKey) as raised:
        find_one(ledger, "jane")
    assert all(Finding.id_for(uid) in str(raised.value) for uid in (UID, OTHER))
    assert KEY_ID not in str(raised.value)


def test_an_account_without_a_name_is_not_named_twice() -> None:
    ledger = MemoryLedger()
    ledger.apply(Change(facts=(facts(), facts(OTHER, account_id="444455556666"))))
    with pytest.raises(AmbiguousKey) as raised:
        find_one(ledger, "jane")
    assert "444455556666 (444455556666)" not in str(raised.value)
    named = [Account("444455556666", name=name).named for name in ("", "444455556666", "prod")]
    assert named == ["444455556666", "444455556666", "prod (444455556666)"]
