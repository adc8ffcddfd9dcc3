"""The alternate contacts of accounts, for owners by `account_contact`.

Account Management API reference: GetAlternateContact is asked with an AccountId from the management account
or a delegated administrator, and without one for the caller's own account; a contact that was never set
is a ResourceNotFoundException.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from app.accounts.interface import AccountList, AccountSource
from app.accounts.organizations import Caller
from app.errors import Permanent, Transient
from app.model import Account
from app.telemetry import log_fields

log = logging.getLogger(__name__)

LIFETIME = timedelta(days=1)  # contacts change rarely, and ten thousand calls take a quarter of an hour


@dataclass
class ContactCache:
    """What was read, for the life of the process. ``monotonic`` in seconds."""

    monotonic: Callable[[], float] = time.monotonic
    denied: str = ""  # why nothing can be asked
    _known: dict[str, tuple[float, Mapping[str, str]]] = field(default_factory=dict)

    def get(self, account_id: str) -> Mapping[str, str] | None:
        read_at, contacts = self._known.get(account_id, (0.0, None))
        fresh = contacts is not None and self.monotonic() - read_at < LIFETIME.total_seconds()
        return contacts if fresh else None

    def put(self, account_id: str, contacts: Mapping[str, str]) -> None:
        self._known[account_id] = (self.monotonic(), contacts)


@dataclass(frozen=True)
class WithContacts:
    """`AccountSource`: the accounts of ``source`` with their ``wanted`` contacts.

    A contact that can't be read is left out with a warning: owners fall through to the next source.
    """

    source: AccountSource
    api: Caller
    wanted: frozenset[str]  # "security", "operations", "billing"
    hub_account_id: str
    cache: ContactCache

    def list(self) -> AccountList:
        listed = self.source.list()
        accounts = tuple(map(self._with_contacts, listed.accounts))
        doubts = (f"alternate contacts of accounts are unknown: {self.cache.denied}",)
        return replace(listed, accounts=accounts, warnings=listed.warnings + doubts * bool(self.cache.denied))

    def _with_contacts(self, account: Account) -> Account:
        known = self.cache.get(account.id)
        if known is None and not self.cache.denied:
            known = self._read(account.id)
        return replace(account, contacts=known or {})

    def _read(self, account_id: str) -> Mapping[str, str] | None:
        try:
            found = {kind: self._ask(account_id, kind) for kind in sorted(self.wanted)}
        except Permanent as error:
            self.cache.denied = str(error)  # asked no more: it would be ten thousand denials
            return None
        except Transient as error:
            log.warning("alternate contacts not read", **log_fields(account=account_id, error=str(error)))
            return None
        self.cache.put(account_id, found)
        return found

    def _ask(self, account_id: str, kind: str) -> str:
        whose = {} if account_id == self.hub_account_id else {"AccountId": account_id}
        try:
            answer = self.api.call("get_alternate_contact", AlternateContactType=kind.upper(), **whose)
        except Permanent as error:
            if "ResourceNotFound" in str(error):
                return ""
            raise
        return str(answer.get("AlternateContact", {}).get("EmailAddress", ""))
