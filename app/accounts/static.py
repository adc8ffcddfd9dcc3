"""Accounts that the config names one by one."""

from dataclasses import dataclass

from app.accounts.interface import AccountList
from app.model import Account


@dataclass(frozen=True)
class StaticAccounts:
    """`AccountSource` of a fixed list (the config's, or the present account alone)."""

    accounts: tuple[Account, ...]

    def list(self) -> AccountList:
        return AccountList(self.accounts)
