"""The accounts as they were last listed: a press of a button can't wait for an organization's tree."""

from dataclasses import dataclass, field

from app.accounts.interface import AccountList, AccountSource
from app.model import Account


@dataclass
class RememberedAccounts:
    """`AccountSource` over ``source`` that remembers the latest list."""

    source: AccountSource
    _known: dict[str, Account] = field(default_factory=dict)

    def list(self) -> AccountList:
        listed = self.source.list()
        self._known = {account.id: account for account in listed.accounts}
        return listed

    def get(self, account_id: str) -> Account | None:
        """None: it wasn't there, or nothing was listed yet."""
        return self._known.get(account_id)
