"""Finding the one credential that a person means."""

from collections.abc import Iterable

from app.errors import KeystewardError
from app.ledger.interface import LedgerView
from app.model import SHOWN_CHARACTERS, Facts, Finding, mask


class NotFound(KeystewardError):
    """Nothing matches (exit code 1)."""


class AmbiguousKey(KeystewardError):
    """Several match: the message lists them, and none is acted on (exit code 2)."""


def means(key: str, facts: Facts) -> bool:
    """Whether ``key`` names this credential: last four characters, full id, user or finding id."""
    tail = len(key) == SHOWN_CHARACTERS and facts.key_id.endswith(key)
    return tail or key in (facts.key_id, facts.user, Finding.id_for(facts.uid))


def find_one(view: LedgerView, key: str) -> Facts:
    """The credential that ``key`` names. Raises `NotFound` or `AmbiguousKey`."""
    return one_of(key, [facts for facts in view.facts.values() if means(key, facts)], view)


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
    label = account.account if account else facts.account_id
    return f"{Finding.id_for(facts.uid)}  {mask(facts.key_id)}  {facts.user}  {label} ({facts.account_id})"
