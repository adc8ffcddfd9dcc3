"""Finding the one credential that a person means, and what the ledger holds of it."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from app.errors import KeystewardError
from app.ledger.interface import Ledger, LedgerView
from app.model import SHOWN_CHARACTERS, Account, Facts, Finding, RememberedUser, mask


class NotFound(KeystewardError):
    """Nothing matches (exit code 1)."""


class AmbiguousKey(KeystewardError):
    """Several match: the message lists them, and none is acted on (exit code 2)."""


def means(key: str, facts: Facts) -> bool:
    """Whether ``key`` names this credential: last four characters, full id, user or finding id."""
    tail = len(key) == SHOWN_CHARACTERS and facts.key_id.endswith(key)
    return tail or key in (facts.key_id, facts.user, Finding.id_for(facts.uid))


def view_of(ledger: Ledger, account_id: str) -> LedgerView:
    """The ledger's view with the rows of one account.

    The frame is read last: a pause, a snooze or a refusal that comes in between holds.
    """
    rows = ledger.account(account_id)
    return ledger.frame().with_rows(rows)


def without_traits(ledger: Ledger, account_id: str, user: str) -> RememberedUser | None:
    """What is remembered of a user, but for his tags and groups: if near, he is read live next."""
    known = ledger.account(account_id).users.get(user)
    return replace(known, tags=None, groups=None) if known else None


def find_one(ledger: Ledger, key: str) -> Facts:
    """The credential that ``key`` names. Raises `NotFound` or `AmbiguousKey`."""
    return one_of(key, _meant(ledger, key), ledger.frame())


def _meant(ledger: Ledger, key: str) -> Sequence[Facts]:
    """Only a finding's id is looked up: a key's tail and a user's name may mean any account's.

    A command line may hold any bytes; a ledger is asked for letters only.
    """
    finding = ledger.finding(key) if key.isascii() else None
    facts = ledger.account(finding.account_id).facts.get(finding.uid) if finding else None
    return [facts] if facts else ledger.search(lambda facts: means(key, facts))


def one_of(key: str, found: Iterable[Facts], view: LedgerView) -> Facts:
    candidates = sorted(found, key=lambda f: (f.account_id, f.user, f.key_id))
    if not candidates:
        raise NotFound(f"no credential in the ledger is meant by {_shown(key)}")
    if len(candidates) > 1:
        lines = "\n".join(f"  {_line(facts, view)}" for facts in candidates)
        raise AmbiguousKey(f"{_shown(key)} means several: name one by its finding id\n{lines}")
    return candidates[0]


def _shown(key: str) -> str:
    return mask(key) if len(key) >= 16 and key.isalnum() else repr(key)


def _line(facts: Facts, view: LedgerView) -> str:
    account = view.accounts.get(facts.account_id)
    named = Account(facts.account_id, name=account.account if account else "").named
    return f"{Finding.id_for(facts.uid)}  {mask(facts.key_id)}  {facts.user}  {named}"
